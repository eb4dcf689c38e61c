import { resolve } from 'node:path';

/** Where `npm start` keeps its data: `.data` in the folder in which it runs. */
export const dataDir = resolve('.data');
