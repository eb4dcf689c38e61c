/** Jest loads this file by itself and without a transform to ES modules, so it can only lead to the real one. */
import './typescript.mjs';

const { startSharedPostgres } = await import('./global-setup.js');

export default startSharedPostgres;
