/** @type {import('jest').Config} */
export default {
  roots: ['<rootDir>/src', '<rootDir>/test'],
  testMatch: ['**/*.spec.ts'],
  // whole processes, and a step of their own in .ci/run: npm test -- --testPathIgnorePatterns -- test/topology
  testPathIgnorePatterns: ['/node_modules/', '<rootDir>/test/topology/'],
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
  maxWorkers: 2,
  injectGlobals: false,
  coverageProvider: 'v8',
  collectCoverageFrom: ['src/**/*.ts', '!src/postgres/generated/**'],
};
