import { readFileSync } from 'node:fs';
import { addressOf } from './address.js';
import { Connection } from './connection.js';
import type { GeneratorJob } from './generator-job.js';
import { closedLoop, constantRate } from './pacing.js';
import { Tally } from './tally.js';

/** The load generator's process: does the job in the file that its argument names, and prints a line of JSON. */
const job = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as GeneratorJob;

function requestsOf({ url, path, body, tokens, keys, addresses = false }: GeneratorJob): () => string {
  const all = readFileSync(tokens, 'utf8').split('\n');
  const head =
    `POST ${path} HTTP/1.1\r\nHost: ${new URL(url).host}\r\n` +
    `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nAuthorization: Bearer `;
  let sent = 0;
  return () => {
    const i = sent++;
    const key = keys === '' ? '' : `\r\nIdempotency-Key: ${keys}${i}`;
    const address = addresses ? `\r\nX-Forwarded-For: ${addressOf(i)}` : '';
    return `${head}${all[i % all.length] ?? ''}${key}${address}\r\n\r\n${body}`;
  };
}

function broken(error: Error): void {
  console.error(error.message);
  process.exit(1);
}

const nextRequest = requestsOf(job);
const url = new URL(job.url);
const connections = await Promise.all(Array.from({ length: job.connections }, () => Connection.open(url, broken)));
const tally = new Tally();
const startedAt = performance.now();
if (job.pace.kind === 'rate') await constantRate(job.pace, connections, nextRequest, tally);
else await closedLoop(job.pace, connections, nextRequest, tally);
console.log(JSON.stringify(tally.result(startedAt, job.bucketMs)));
process.exit();
