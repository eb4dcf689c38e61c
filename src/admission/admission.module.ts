import { Module } from '@nestjs/common';

import { LimitRequests } from './limit-requests.js';
import { TokenStore } from './token.store.js';

/** Who is let in: limits by address, by buyer and of all. */
@Module({ providers: [TokenStore, LimitRequests], exports: [LimitRequests] })
export class AdmissionModule {}
