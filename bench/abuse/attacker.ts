import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import type { AttackJob, AttackResult } from './attack.js';

/** The attacker's process: does the job in the file that its argument names, and prints a line of JSON. */
const {
  url,
  seconds,
  connections,
  requests,
  trickle = false,
} = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as AttackJob;
const { hostname, port } = new URL(url);
const trickleMs = 500;
const answers: Record<string, number> = {};
let ended = 0;
let sent = 0;

/** Sends the next request at each answer, over a new connection when the old one is ended. */
function attack(): void {
  const socket = connect(Number(port), hostname).setNoDelay().setEncoding('latin1');
  const send = (): void => {
    socket.write(requests[sent++ % requests.length] ?? '', 'latin1');
  };
  socket.on('connect', send);
  socket.on('data', (chunk: string) => {
    for (const [, status = ''] of chunk.matchAll(/^HTTP\/1\.1 (\d+)/gm)) {
      answers[status] = (answers[status] ?? 0) + 1;
      send();
    }
  });
  socket.on('error', () => undefined);
  socket.on('close', () => {
    ended += 1;
    setImmediate(attack);
  });
  if (trickle) {
    const timer = setInterval(() => socket.write('a'), trickleMs);
    socket.on('close', () => {
      clearInterval(timer);
    });
  }
}

for (let i = 0; i < connections; i++) attack();
setTimeout(() => {
  const result: AttackResult = { answers, ended };
  console.log(JSON.stringify(result));
  process.exit();
}, seconds * 1000);
