import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { beforeAll, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { secretNames } from '../../src/config/secret-files.js';

interface Service {
  readonly image?: string;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly ports?: readonly string[];
  readonly networks?: readonly string[];
  readonly secrets?: readonly string[];
  readonly volumes?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly healthcheck?: object;
  readonly build?: string;
  readonly depends_on?: Readonly<Record<string, { readonly condition?: string }>>;
  readonly deploy?: { readonly resources: { readonly limits: { readonly cpus: string; readonly memory: string } } };
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly networks: Readonly<Record<string, { readonly internal?: boolean }>>;
  readonly volumes: Readonly<Record<string, object>>;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
}

let compose: Compose;
let services: [string, Service][];
beforeAll(async () => {
  const text = await readFile(new URL('../../docker-compose.yml', import.meta.url), 'utf8');
  compose = parse(text, { merge: true }) as Compose;
  services = Object.entries(compose.services);
});

test('when the compose file is read, then every service is confined, bounded, pinned and watched', () => {
  expect(Object.keys(compose.services).sort()).toEqual([
    'api-1',
    'api-2',
    'grafana',
    'nginx',
    'pgbouncer',
    'postgres',
    'prometheus',
    'reconciler',
    'redis',
    'worker-1',
    'worker-2',
  ]);
  for (const [, service] of services) {
    expect(service).toMatchObject({ read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] });
    expect(service.image).toMatch(/:v?\d+\.\d+\.\d+|:\d+\.\d+-/);
    expect(service.deploy?.resources.limits).toMatchObject({ cpus: expect.any(String), memory: expect.any(String) });
    // the image of our own has its check in the Dockerfile
    expect(service.healthcheck !== undefined || service.build !== undefined).toBe(true);
    for (const dependency of Object.values(service.depends_on ?? {}))
      expect(dependency.condition).toBe('service_healthy');
  }
});

test('when the compose file is read, then nginx alone has a port and a network that leads out', () => {
  const open = services.filter(([, { ports, networks }]) => ports !== undefined || networks?.some(leadsOut));
  expect(open.map(([name]) => name)).toEqual(['nginx']);
});

test('when the compose file is read, then every name that it uses is declared, and no secret is in the environment', () => {
  const variables = new Set<string>(secretNames);
  for (const [, { networks = [], secrets = [], volumes = [], environment = {} }] of services) {
    for (const name of networks) expect(Object.keys(compose.networks)).toContain(name);
    for (const name of secrets) expect(Object.keys(compose.secrets)).toContain(name);
    for (const volume of volumes.filter((text) => !text.startsWith('.')))
      expect(Object.keys(compose.volumes)).toContain(volume.split(':')[0]);
    for (const [name, value] of Object.entries(environment)) {
      expect(variables.has(name)).toBe(false);
      if (name.endsWith('_FILE')) expect(secrets.map((secret) => `/run/secrets/${secret}`)).toContain(value);
    }
  }
});

test('when docker-compose is there, then it takes the file', async () => {
  const run = promisify(execFile);
  const cwd = new URL('../../', import.meta.url);
  const found = await run('docker-compose', ['--version']).then(
    () => true,
    () => false,
  );
  if (found) await run('docker-compose', ['config', '--quiet'], { cwd });
});

function leadsOut(network: string): boolean {
  return compose.networks[network]?.internal !== true;
}
