import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Teardown } from '../../src/cli/teardown.js';
import { startTopology, type Topology } from '../../src/cli/topology/topology.js';
import { adminKey, ApiClient, jwtSecret } from '../support/api-client.js';

/**
 * All processes of `npm run topology`, in a folder that goes with them, and a client by way of nginx. `teardown` ends it, also when
 * only half of it stands.
 */
export async function startTestTopology(
  teardown: Teardown,
  { limited, env }: { readonly limited: boolean; readonly env?: Readonly<Record<string, string>> },
): Promise<{ topology: Topology; api: ApiClient }> {
  const dir = await mkdtemp(join(tmpdir(), 'sluice-topology-'));
  teardown.add(() => rm(dir, { recursive: true, force: true }));
  await chmod(dir, 0o711); // root's PostgreSQL runs under another account
  const usual = { ADMIN_API_KEYS: `tester:${adminKey}`, BUYER_JWT_SECRET: jwtSecret, LOG_LEVEL: 'warn' };
  const topology = await startTopology({ dir, limited, env: { ...usual, ...env } }, teardown);
  // answers of two builds may differ; their form is what other tests are about
  const api = new ApiClient(topology.url, { check: () => undefined });
  teardown.add(() => api.close());
  return { topology, api };
}
