/** Lets plain node load our TypeScript: `node --import ./test/support/typescript.mjs some.ts`. */
import { register } from 'node:module';

register('./typescript-hooks.mjs', import.meta.url);
