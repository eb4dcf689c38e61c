import { Cluster, Redis } from 'ioredis';
import { startTestRedis, type TestRedis } from './servers.js';
import { until } from './until.js';

const slots = 16_384;

/** A real Redis Cluster of three masters without replicas, on loopback. */
export interface TestCluster {
  readonly masters: readonly TestRedis[];
  /** of all masters, separated by commas */
  readonly url: string;
  /** a connection of the test's own */
  readonly client: Cluster;
  /** The index of the master that has the key. */
  ownerOf(key: string): Promise<number>;
  /** Moves the slot of a key, and all that is in it, to another master, one key after the other. */
  moveSlotOf(key: string, to: number): Promise<void>;
  /** Stops it and removes its data. */
  remove(): Promise<void>;
}

export async function startTestCluster(): Promise<TestCluster> {
  const args = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000'];
  const masters = await Promise.all([0, 1, 2].map(() => startTestRedis({ args })));
  const on = async <T>(index: number, work: (redis: Redis) => Promise<T>): Promise<T> => {
    const redis = new Redis(masters[index]?.url ?? '');
    redis.on('error', () => undefined);
    try {
      return await work(redis);
    } finally {
      redis.disconnect();
    }
  };

  const share = Math.ceil(slots / masters.length);
  for (const [i, { port }] of masters.entries()) {
    await on(i, async (redis) => {
      await redis.cluster('SET-CONFIG-EPOCH', i + 1);
      await redis.cluster('ADDSLOTSRANGE', i * share, Math.min((i + 1) * share, slots) - 1);
    });
    await on(0, (redis) => redis.cluster('MEET', '127.0.0.1', port));
  }
  const isWhole = async (i: number): Promise<boolean> =>
    on(i, async (redis) => {
      const info = await redis.cluster('INFO');
      return info.includes('cluster_state:ok') && info.includes('cluster_known_nodes:3');
    });
  for (const i of masters.keys()) await until(() => isWhole(i), { timeoutMs: 20_000 });

  const client = new Cluster(masters.map(({ url }) => url));
  client.on('error', () => undefined);
  const ids = await Promise.all(masters.map((_, i) => on(i, (redis) => redis.cluster('MYID'))));

  const ownerOf = async (key: string): Promise<number> => {
    const slot = await client.cluster('KEYSLOT', key);
    const ranges = await on(0, (redis) => redis.cluster('SLOTS'));
    const range = ranges.find(([first, last]) => first <= slot && slot <= last);
    return masters.findIndex(({ port }) => port === range?.[2]?.[1]);
  };
  return {
    masters,
    url: masters.map(({ url }) => url).join(','),
    client,
    ownerOf,
    async moveSlotOf(key, to) {
      const slot = await client.cluster('KEYSLOT', key);
      const from = await ownerOf(key);
      const [source = '', target = ''] = [ids[from], ids[to]];
      const { port } = masters[to] ?? { port: 0 };
      await on(to, (redis) => redis.cluster('SETSLOT', slot, 'IMPORTING', source));
      await on(from, async (redis) => {
        await redis.cluster('SETSLOT', slot, 'MIGRATING', target);
        for (;;) {
          const keys = await redis.cluster('GETKEYSINSLOT', slot, 1);
          if (keys.length === 0) break;
          await redis.migrate('127.0.0.1', port, '', 0, 5000, 'KEYS', ...keys);
        }
      });
      for (const i of [to, from, ...masters.keys()]) {
        await on(i, (redis) => redis.cluster('SETSLOT', slot, 'NODE', target));
      }
    },
    async remove() {
      client.disconnect();
      await Promise.all(masters.map((master) => master.remove()));
    },
  };
}
