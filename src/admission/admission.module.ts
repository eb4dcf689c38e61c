import { Module } from '@nestjs/common';

import { SalesModule } from '../sales/index.js';
import { AdminSessionStore } from './admin-session.store.js';
import { AdminSessionsController } from './admin-sessions.controller.js';
import { LimitRequests } from './limit-requests.js';
import { TokenStore } from './token.store.js';

/** Who is let in: limits by address, by buyer and of all. */
@Module({ providers: [TokenStore, LimitRequests], exports: [LimitRequests] })
export class AdmissionModule {}

/** Signing in and out. */
@Module({ imports: [SalesModule], controllers: [AdminSessionsController], providers: [AdminSessionStore] })
export class AdmissionApiModule {}
