import sequencer from '@jest/test-sequencer';

// its types are those of its CommonJS module, of which Node takes the default export already
const Sequencer = /** @type {typeof sequencer.default} */ (/** @type {unknown} */ (sequencer));

/** Jest goes by size where it has not seen a file run, and would begin some of these last. */
const longest = [
  'test/ops/alerts',
  'test/chaos/crash-points',
  'test/browser/buyer',
  'test/e2e/cli',
  'test/e2e/payments',
  'test/e2e/rate-limits',
  'test/e2e/processes',
  'test/integration/protocol.property',
  'test/e2e/waiting-buyers',
];

/** @typedef {Parameters<InstanceType<typeof Sequencer>['sort']>[0][number]} Test */

export default class LongestFirst extends Sequencer {
  /**
   * @override
   * @param {Test[]} tests
   * @returns {Promise<Test[]>}
   */
  async sort(tests) {
    const rank = (/** @type {Test} */ { path }) => longest.findIndex((name) => path.endsWith(`/${name}.spec.ts`));
    const first = tests.filter((test) => rank(test) >= 0).sort((a, b) => rank(a) - rank(b));
    return [...first, ...(await super.sort(tests.filter((test) => rank(test) < 0)))];
  }
}
