import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { environment } from './environment.js';
import { buyerTokens } from './keys.js';
import { aborted, stopSignal } from './stop-signal.js';
import { Teardown } from './teardown.js';
import { startTopology } from './topology/topology.js';

/** `npm run topology`: the compose file's picture from this machine's own packages, until a signal. Its data go with it. */
const stop = stopSignal();
const teardown = new Teardown();
let exitCode = 0;
try {
  await Promise.race([run(), aborted(stop)]);
} catch (error) {
  exitCode = 1;
  console.error(`npm run topology: ${error instanceof Error ? error.message : String(error)}`);
}
await teardown.run();
process.exit(exitCode);

async function run(): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'sluice-topology-'));
  teardown.add(() => rm(dir, { recursive: true, force: true }));
  await chmod(dir, 0o711); // root's PostgreSQL runs under another account
  const { PORT: port, ...env } = environment();
  const settings = Object.entries(env).filter(([name]) =>
    /^(RATE_LIMIT|QUEUE_MAX|LOG_LEVEL|RETENTION_DAYS)/.test(name),
  );
  const given = Object.fromEntries(settings) as Record<string, string>;
  console.log('Starting PostgreSQL, PgBouncer, Redis, two API nodes, two workers, a reconciler and nginx');
  const topology = await startTopology(
    {
      dir,
      port: port === undefined ? undefined : Number(port),
      limited: given.RATE_LIMIT_IP !== 'off',
      env: given,
      onEnd: (name) => {
        console.log(`${name} ended by itself and is started again`);
      },
    },
    teardown,
  );
  const line = (name: string, value: string): string => `  ${name.padEnd(12)} ${value}`;
  console.log(
    [
      'The topology is running. Ctrl-C stops it, and its data go with it.',
      '',
      line('nginx', topology.url),
      ...[...topology.nodeUrls].map(([name, url]) => line(name, url)),
      line('PostgreSQL', topology.databaseUrl),
      line('Redis', topology.redisUrl),
      line('Logs', dir),
      line('Processes', [...topology.parts].map(([name, { pid }]) => `${name} ${pid ?? 'down'}`).join(', ')),
      '',
      line('Admin key', topology.keys.adminKey),
      line('Buyer token', buyerTokens(topology.keys.buyerSecret)('alice')),
    ].join('\n'),
  );
  await aborted(stop);
}
