import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { beforeAll, expect, test } from '@jest/globals';

const root = new URL('../../', import.meta.url);

interface Instruction {
  readonly name: string;
  readonly text: string;
}

let instructions: Instruction[];
let ignored: string[];

beforeAll(async () => {
  const text = await readFile(new URL('Dockerfile', root), 'utf8');
  instructions = text
    .replace(/^\s*#.*\n/gm, '')
    .replaceAll('\\\n', ' ')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => ({ name: line.split(' ', 1)[0] ?? '', text: line.slice(line.indexOf(' ') + 1).trim() }));
  ignored = (await readFile(new URL('.dockerignore', root), 'utf8')).split('\n');
});

function last(name: string): string {
  return instructions.findLast((instruction) => instruction.name === name)?.text ?? '';
}

test('when the image is built, then from a pinned base, and what is copied is there and not left out', async () => {
  const stages = instructions.filter(({ name }) => name === 'FROM').map(({ text }) => text.split(' AS '));
  const names = stages.map(([, name]) => name);
  for (const [base = ''] of stages) expect(names.includes(base) || /:\d+\.\d+\.\d+-/.test(base)).toBe(true);
  for (const { text } of instructions.filter(({ name }) => name === 'COPY')) {
    const parts = text.split(/\s+/);
    if (parts[0]?.startsWith('--from=') === true) {
      expect(names).toContain(parts[0].slice('--from='.length));
      continue;
    }
    for (const source of parts.slice(0, -1)) {
      await access(new URL(source, root));
      expect(ignored).not.toContain(source);
    }
  }
});

test('when the image runs, then as nobody in particular, and node is told to stop', async () => {
  const runs = instructions.slice(instructions.findLastIndex(({ name }) => name === 'FROM'));
  expect(runs.find(({ name }) => name === 'USER')?.text).toBe('node');
  expect(last('STOPSIGNAL')).toBe('SIGTERM');
  const [program, main = ''] = JSON.parse(last('CMD')) as string[];
  expect(program).toBe('node');
  await access(new URL(main.replace('dist/', 'src/').replace('.js', '.ts'), root));
});

test.each([
  [200, 0],
  [503, 1],
  [null, 1],
])('when the node answers %p, then its health check ends with %i', async (status, wanted) => {
  const paths: (string | undefined)[] = [];
  const server = createServer(({ url }, response) => {
    paths.push(url);
    response.writeHead(status ?? 500).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  if (status === null) await new Promise((resolve) => server.close(resolve));
  const check = last('HEALTHCHECK');
  const [, ...args] = JSON.parse(check.slice(check.indexOf('['))) as string[];
  const [code] = (await once(
    spawn(process.execPath, args, { env: { PORT: String(port) }, stdio: 'ignore' }),
    'exit',
  )) as [number];
  server.close();
  expect(code).toBe(wanted);
  expect(paths).toEqual(status === null ? [] : ['/health/ready']);
});
