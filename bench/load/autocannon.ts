import { readFileSync } from 'node:fs';
import autocannon, { type Request } from 'autocannon';
import { addressOf } from './address.js';
import type { ClosedLoop, LoadResult } from './closed-loop.js';

/** What requests.lua is for wrk, where there is no wrk; a process of its own. Its argument is the file of a `ClosedLoop`. */
const load = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as ClosedLoop;
const { url, method, path, tokens, keys, body, paths, addresses = false, connections, seconds } = load;
const allTokens = lines(tokens);
const allPaths = paths === undefined ? [path] : lines(paths);
let sent = 0;

const result = await autocannon({
  url,
  connections,
  duration: seconds,
  requests: [{ method, path, setupRequest: nextRequest }],
});
const answer: Omit<LoadResult, 'cpuShare'> = {
  requests: result['2xx'] + result.non2xx,
  seconds: result.duration,
  refused: result['4xx'] + result['5xx'],
  broken: result.errors,
};
console.log(JSON.stringify(answer));

function nextRequest(request: Request): Request {
  const i = sent++;
  return {
    ...request,
    path: allPaths[i % allPaths.length],
    headers: {
      authorization: `Bearer ${allTokens[i % allTokens.length] ?? ''}`,
      ...(keys === '' ? {} : { 'idempotency-key': `${keys}${i}` }),
      ...(addresses ? { 'x-forwarded-for': addressOf(i) } : {}),
      ...(body === '' ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === '' ? {} : { body }),
  };
}

function lines(file: string): string[] {
  return readFileSync(file, 'utf8').split('\n');
}
