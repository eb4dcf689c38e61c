/** @needs bash */
import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';

/** .ci/steps.sh with an `npm` that runs nothing: its nth call leaves the nth report and ends with the nth exit code. */
const root = fileURLToPath(new URL('../../', import.meta.url));
const fakeNpm = `#!/bin/bash
n=$(($(cat "$FAKE/calls" 2>/dev/null || echo 0) + 1))
echo $n >"$FAKE/calls"
for argument; do [[ $argument == --outputFile=* ]] && report=\${argument#*=}; done
[[ -e $FAKE/$n.json ]] && cp "$FAKE/$n.json" "$report"
exit "$(cat "$FAKE/$n.code")"
`;

interface Attempt {
  readonly code: number;
  /** tests by file: `p` passed, `f` failed; none: the file could not start. Left out: Jest wrote no report */
  readonly files?: Readonly<Record<string, string>>;
}

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sluice-ci-'));
  await writeFile(join(dir, 'npm'), fakeNpm);
  await chmod(join(dir, 'npm'), 0o755);
});
afterAll(() => rm(dir, { recursive: true }));

function reportOf(files: Readonly<Record<string, string>>): object {
  const testResults = Object.entries(files).map(([name, tests]) => ({
    name: join(root, name),
    status: tests === '' || tests.includes('f') ? 'failed' : 'passed',
    assertionResults: Array.from(tests, (letter) => ({ status: letter === 'p' ? 'passed' : 'failed' })),
  }));
  return { testResults };
}

/** @returns what bash printed, its last line, and its exit code */
async function bash(script: string): Promise<{ output: string; last: string | undefined; code: number }> {
  const env = { ...process.env, PATH: `${dir}:${process.env['PATH'] ?? ''}`, FAKE: dir };
  return new Promise((resolve) => {
    execFile('bash', ['-uc', `source .ci/steps.sh\n${script}`], { cwd: root, env }, (error, stdout, stderr) => {
      const output = stdout + stderr;
      resolve({ output, last: stdout.trim().split('\n').at(-1), code: error === null ? 0 : Number(error.code) });
    });
  });
}

async function jestStep(...attempts: Attempt[]): Promise<Awaited<ReturnType<typeof bash>> & { calls: string }> {
  await rm(join(dir, 'calls'), { force: true });
  for (const [i, { code, files }] of attempts.entries()) {
    await writeFile(join(dir, `${i + 1}.code`), String(code));
    await rm(join(dir, `${i + 1}.json`), { force: true });
    if (files !== undefined) await writeFile(join(dir, `${i + 1}.json`), JSON.stringify(reportOf(files)));
  }
  const run = await bash(`jest_step tests 10 some/pattern; finish`);
  return { ...run, calls: (await bash('cat "$FAKE/calls"')).output.trim() };
}

const twoFiles = { 'a.spec.ts': 'ppp', 'b.spec.ts': 'pp' };

test('when all pass, then that is the count, and nothing is run again', async () => {
  const run = await jestStep({ code: 0, files: twoFiles });
  expect(run).toMatchObject({ last: '5 passed, 0 failed', code: 0, calls: '1' });
});

test('when a file fails and then passes alone, then its tests count as passed, and it is named', async () => {
  const run = await jestStep(
    { code: 1, files: { ...twoFiles, 'b.spec.ts': 'pf' } },
    { code: 0, files: { 'b.spec.ts': 'pp' } },
  );
  expect(run).toMatchObject({ last: '5 passed, 0 failed', code: 0, calls: '2' });
  expect(run.output.match(/passed only at the second attempt: b\.spec\.ts/g)).toHaveLength(2); // at once, and at the end
});

test('when a file could not even start and then passes, then all its tests count', async () => {
  const run = await jestStep(
    { code: 1, files: { ...twoFiles, 'b.spec.ts': '' } },
    { code: 0, files: { 'b.spec.ts': 'pp' } },
  );
  expect(run).toMatchObject({ last: '5 passed, 0 failed', code: 0 });
});

test('when a file fails twice, then it stays failed', async () => {
  const run = await jestStep(
    { code: 1, files: { ...twoFiles, 'b.spec.ts': 'pf' } },
    { code: 1, files: { 'b.spec.ts': 'fp' } },
  );
  expect(run).toMatchObject({ last: '4 passed, 1 failed', code: 1, calls: '2' });
  expect(run.output).not.toContain('passed only');
});

test('when the second attempt says nothing, then the first counts', async () => {
  const run = await jestStep({ code: 1, files: { ...twoFiles, 'b.spec.ts': 'pf' } }, { code: 1 });
  expect(run).toMatchObject({ last: '4 passed, 1 failed', code: 1 });
});

test('when many files fail, then that is no bad luck, and nothing is run again', async () => {
  const files = Object.fromEntries(Array.from({ length: 6 }, (_, i) => [`${i}.spec.ts`, 'pf']));
  const run = await jestStep({ code: 1, files });
  expect(run).toMatchObject({ last: '6 passed, 6 failed', code: 1, calls: '1' });
});

test.each<[string, Attempt, string]>([
  ['without a report', { code: 124 }, '0 passed, 1 failed'],
  ['with exit code 1 although every test passed', { code: 1, files: twoFiles }, '5 passed, 1 failed'],
  ['well without a test', { code: 0, files: {} }, '0 passed, 1 failed'],
])('when Jest ends %s, then that is a failure', async (_, attempt, last) => {
  expect(await jestStep(attempt)).toMatchObject({ last, code: 1, calls: '1' });
});

test('when steps run beside others, then they count, too', async () => {
  const run = await bash(`
    lane() { check_step slow 10 sleep 0.2; check_step wrong 10 false; }
    beside lane; lane=$!; check_step quick 10 true; wait "$lane"; finish`);
  expect(run).toMatchObject({ last: '2 passed, 1 failed', code: 1 });
});

test('when it finishes early, then what runs beside is stopped, and the count is the last line', async () => {
  const startedAt = performance.now();
  const run = await bash(`
    lane() { check_step never 60 sleep 60; }
    beside lane; check_step wrong 10 false || finish`);
  expect(run).toMatchObject({ last: '0 passed, 1 failed', code: 1 });
  expect(performance.now() - startedAt).toBeLessThan(10_000);
});

test('when a step takes too long, then it is stopped and failed', async () => {
  const run = await bash('check_step endless 1 sleep 60; finish');
  expect(run).toMatchObject({ last: '0 passed, 1 failed', code: 1 });
  expect(run.output).toContain('stopped after 1 s');
});

test('when nothing ran, then that is a failure', async () => {
  expect(await bash('finish')).toMatchObject({ last: '0 passed, 0 failed', code: 1 });
});
