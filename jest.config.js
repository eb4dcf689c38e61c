import { filesByMissingProgram } from './test/support/needs.mjs';

/** On CI nothing is left out: what lacks there fails. */
const lacking = filesByMissingProgram(new URL('test/', import.meta.url));
const leftOut = process.env['CI'] === undefined ? [...lacking] : [];
for (const [program, files] of leftOut)
  process.stderr.write(`There is no ${program}. Left out: test/${files.join(', test/')}\n`);

/**
 * Files of test/e2e that are left out with TEST_TOPOLOGY (every API node behind an nginx, every node behind a PgBouncer), and why. All
 * others pass there: TEST_TOPOLOGY=1 npm test -- test/e2e
 */
const notBehindNginx = {
  abuse: 'says by X-Forwarded-For from which address it comes; nginx replaces it',
  'bad-input': 'sends what is no HTTP; nginx answers that itself, with other codes, and the API never sees it',
  cli: 'starts processes of its own, on addresses of its own',
  hardening: 'asks about slow clients, broken headers and the name of the server, all of which are nginx’s then',
  processes: 'starts processes of its own, on addresses of its own',
  'rate-limit-faults': 'says by X-Forwarded-For from which address it comes; nginx replaces it',
  'rate-limits': 'says by X-Forwarded-For from which address it comes; nginx replaces it',
};
const leftToNginx = process.env['TEST_TOPOLOGY'] === undefined ? [] : Object.keys(notBehindNginx);

/** @type {import('jest').Config} */
export default {
  roots: ['<rootDir>/src', '<rootDir>/test'],
  testMatch: ['**/*.spec.ts'],
  // whole processes, alone on the machine, and steps of their own in .ci/run: npm test -- -i --testPathIgnorePatterns node_modules -- test/liveness
  testPathIgnorePatterns: [
    '/node_modules/',
    '<rootDir>/test/topology/',
    '<rootDir>/test/liveness/',
    ...leftOut.flatMap(([, files]) => files).map((file) => `<rootDir>/test/${file}$`),
    ...leftToNginx.map((name) => `<rootDir>/test/e2e/${name}\\.spec\\.ts$`),
  ],
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  // Compiles with .swcrc, the same settings as the build.
  transform: { '^.+\\.ts$': '@swc/jest' },
  moduleFileExtensions: ['ts', 'js', 'mjs', 'cjs', 'json', 'node'],
  // Relative imports are written with the extension of the compiled file.
  moduleNameMapper: { '^(\\.{1,2}/.+)\\.js$': ['$1.js', '$1.ts'] },
  globalSetup: '<rootDir>/test/support/global-setup.mjs',
  globalTeardown: '<rootDir>/test/support/global-teardown.mjs',
  testTimeout: 30_000,
  testSequencer: '<rootDir>/test/support/longest-first.mjs',
  // most of them wait for real timeouts, most of the time
  maxWorkers: 3,
  injectGlobals: false,
  coverageProvider: 'v8',
  collectCoverageFrom: ['src/**/*.ts', '!src/postgres/generated/**'],
};
