import { existsSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';

/**
 * Reads reports of Jest for .ci/steps.sh: `node scripts/count-tests.js QUESTION FIRST.json [SECOND.json]`, where the second is of
 * another attempt at the files that failed in the first; of a file that is in both, the second counts. The questions: `counts`, how
 * many tests passed and failed; `failed`, the files of the first; `recovered`, the files that passed the second time alone.
 *
 * @typedef {{ name: string, passed: number, failed: number }} File
 * @typedef {{ name: string, status: string, assertionResults: { status: string }[] }} Reported
 */
const [question = '', firstReport = '', secondReport = ''] = process.argv.slice(2);
const first = filesOf(firstReport);
const again = new Map(filesOf(secondReport).map((file) => [file.name, file]));
const failed = first.filter((file) => file.failed > 0).map(({ name }) => name);

switch (question) {
  case 'counts': {
    const files = first.map((file) => again.get(file.name) ?? file);
    console.log(sum(files.map((file) => file.passed)), sum(files.map((file) => file.failed)));
    break;
  }
  case 'failed':
    for (const name of failed) console.log(name);
    break;
  case 'recovered':
    for (const name of failed) if (again.get(name)?.failed === 0) console.log(name);
    break;
  default:
    process.exitCode = 2;
}

/**
 * A file that could not even start, or failed although none of its tests did, counts as one test. No report: no files.
 * @param {string} report
 * @returns {File[]}
 */
function filesOf(report) {
  if (!existsSync(report)) return [];
  /** @type {{ testResults: Reported[] }} */
  // eslint-disable-next-line @typescript-eslint/no-unsafe-assignment -- Jest writes it so
  const { testResults } = JSON.parse(readFileSync(report, 'utf8'));
  return testResults.map(({ name, status, assertionResults }) => {
    const countOf = (/** @type {string} */ wanted) => assertionResults.filter((test) => test.status === wanted).length;
    const broken = status === 'failed' ? Math.max(1, countOf('failed')) : countOf('failed');
    return { name: relative(process.cwd(), name), passed: countOf('passed'), failed: broken };
  });
}

/** @param {number[]} numbers */
function sum(numbers) {
  return numbers.reduce((all, number) => all + number, 0);
}
