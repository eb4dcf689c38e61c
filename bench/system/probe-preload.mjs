/**
 * Loaded into the application's processes by `node --import`: lets the benchmark collect their garbage, read their memory and
 * take a profile, over a Unix socket at BENCH_PROBE/<pid>.sock. One request a connection: a word, answered by a line of JSON.
 */
import { Session } from 'node:inspector/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { isMainThread } from 'node:worker_threads';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
/** @type {unknown} */
const gc = runInNewContext('gc');
const collect = /** @type {() => void} */ (gc);
const session = new Session();

/** @type {Record<string, () => unknown>} */
const commands = {
  memory() {
    collect();
    collect(); // what the first pass finalized
    return process.memoryUsage();
  },
  async 'profile-start'() {
    session.connect();
    await session.post('Profiler.enable');
    await session.post('Profiler.start');
    return {};
  },
  async 'profile-stop'() {
    const { profile } = await session.post('Profiler.stop');
    session.disconnect();
    return profile;
  },
};

/** @param {string} word */
async function answer(word) {
  return `${JSON.stringify(await commands[word]?.())}\n`;
}

const folder = process.env.BENCH_PROBE;
if (folder !== undefined && isMainThread) {
  createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', (word) => {
      void answer(word.toString().trim()).then((line) => socket.end(line));
    });
  })
    .listen(join(folder, `${process.pid}.sock`))
    .unref();
}
