/**
 * The rooms of src/ and who may import whom: roots → features → platform → config → domain.
 * docs: https://github.com/sverweij/dependency-cruiser/blob/main/doc/rules-reference.md
 */
const PLATFORM = 'redis|postgres|queue|http|observability|processes';
const FEATURES = 'inventory|sales|admission|orders|reconciliation|payments|live';

/**
 * Each feature with the features it may import.
 * @type {Record<string, string[]>}
 */
const TO_THE_LEFT = {
  inventory: [],
  sales: ['inventory'],
  admission: ['inventory', 'sales'],
  orders: ['inventory', 'sales', 'admission'],
  reconciliation: ['inventory', 'sales', 'admission', 'orders'],
  payments: ['inventory', 'sales', 'admission', 'orders'],
  live: ['inventory', 'sales', 'admission', 'orders'],
};

/**
 * `from` may import of src/ only itself and `rooms`.
 * @param {string} name
 * @param {string} comment the reason
 * @param {string} from
 * @param {string[]} rooms
 * @returns {import('dependency-cruiser').IForbiddenRuleType}
 */
const only = (name, comment, from, rooms) => ({
  name,
  comment,
  severity: 'error',
  from: { path: `^src/(${from})/`, pathNot: '\\.spec\\.ts$' },
  to: { path: '^src/', pathNot: `^src/(${[from, ...rooms].join('|')})/` },
});

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    {
      name: 'no-circular',
      comment:
        'Two files that need each other are one, or lack a third; with ES modules a cycle also meets classes that are not there yet.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-src-to-test',
      comment: 'What ships must not need what does not ship.',
      severity: 'error',
      from: { path: '^src/', pathNot: '\\.spec\\.ts$' },
      to: { path: '^(test|bench|scripts)/|\\.spec\\.ts$' },
    },
    {
      name: 'no-dev-dependencies-in-src',
      comment: 'They are absent in production.',
      severity: 'error',
      from: { path: '^src/', pathNot: '\\.spec\\.ts$' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'no-undeclared-dependencies',
      comment: 'What is imported stands in package.json, or the next npm install may take it away.',
      severity: 'error',
      from: {},
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'no-unresolvable',
      comment: 'A path that leads nowhere fails at run time.',
      severity: 'error',
      from: { path: '^src/' },
      to: { couldNotResolve: true },
    },
    {
      name: 'domain-is-pure',
      comment:
        'Types, state machines and error codes are the same wherever they run: no package, no room, not even Node.',
      severity: 'error',
      from: { path: '^src/domain/', pathNot: '\\.spec\\.ts$' },
      to: { pathNot: '^src/domain/' },
    },
    {
      name: 'web-imports-only-types-of-domain',
      comment: 'A page runs in a browser: of the server it knows the words of the API, and no code.',
      severity: 'error',
      from: { path: '^web/' },
      to: { path: '^(src|test|bench|scripts)/', pathNot: '^src/domain/' },
    },
    {
      name: 'web-imports-no-code-of-src',
      comment: 'A page runs in a browser: of the server it knows the words of the API, and no code.',
      severity: 'error',
      from: { path: '^web/' },
      to: { path: '^src/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'src-imports-nothing-of-web',
      comment: 'The server sends the built files, and knows no more of them than their folder.',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^web/' },
    },
    {
      name: 'pages-know-not-each-other',
      comment: "What pages share is in web/shared, so that none weighs on another's visitors.",
      severity: 'error',
      from: { path: '^web/([^/]+)/' },
      to: { path: '^web/', pathNot: ['^web/shared/', '^web/$1/'] },
    },
    only('config-imports-only-domain', 'Configuration comes before everything that is configured.', 'config', [
      'domain',
    ]),
    only(
      'platform-knows-no-feature',
      'Redis, Postgres, queue, HTTP, logs and processes serve every feature, so they can depend on none.',
      PLATFORM,
      ['config', 'domain'],
    ),
    only('embedded-stands-alone', 'Servers for demo and tests must run without the application.', 'embedded', [
      'config',
      'domain',
    ]),
    ...Object.entries(TO_THE_LEFT).map(([feature, rooms]) =>
      only(
        `${feature}-imports-to-the-left`,
        'inventory ← sales ← admission ← orders ← reconciliation; payments → orders; live → orders: one direction, so that each can be read without those after it.',
        feature,
        [...rooms, PLATFORM, 'config', 'domain'],
      ),
    ),
    {
      name: 'features-are-private',
      comment: 'A feature is what its index.ts says; the rest can change without asking.',
      severity: 'error',
      from: { path: '^src/([^/]+)/', pathNot: '^src/cli/' },
      to: { path: `^src/(${FEATURES})/`, pathNot: [`^src/(${FEATURES})/index\\.ts$`, '^src/$1/'] },
    },
    {
      name: 'roots-are-not-imported',
      comment:
        'main.ts, app.module.ts, bootstrap.ts and cli/ put the rooms together; a room that needs them has it backwards.',
      severity: 'error',
      from: { path: '^src/[^/]+/', pathNot: '^src/cli/|\\.spec\\.ts$' },
      to: { path: '^src/([^/]+\\.ts$|cli/)' },
    },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    doNotFollow: { path: ['node_modules', '^src/postgres/generated'] },
    exclude: { path: '^src/postgres/generated/.+/' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['node', 'import', 'require', 'default'] },
  },
};
