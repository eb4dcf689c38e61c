import './typescript.mjs';

const { stopSharedPostgres } = await import('./global-teardown.js');

export default stopSharedPostgres;
