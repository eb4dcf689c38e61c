import { readdir, readFile } from 'node:fs/promises';
import { beforeAll, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { secretNames } from '../../src/config/secret-files.js';

interface Service {
  readonly image?: string;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly ports?: readonly string[];
  readonly networks?: readonly string[] | Readonly<Record<string, { readonly ipv4_address?: string } | null>>;
  readonly secrets?: readonly string[];
  readonly volumes?: readonly string[];
  readonly environment?: Readonly<Record<string, string | null>>;
  readonly healthcheck?: object;
  readonly build?: string;
  readonly depends_on?: Readonly<Record<string, { readonly condition?: string }>>;
  readonly deploy?: { readonly resources: { readonly limits: { readonly cpus: string; readonly memory: string } } };
}

interface Network {
  readonly internal?: boolean;
  readonly ipam?: { readonly config: readonly [{ readonly subnet: string; readonly gateway?: string }] };
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly networks: Readonly<Record<string, Network>>;
  readonly volumes: Readonly<Record<string, object>>;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
}

const root = new URL('../../', import.meta.url);
const textOf = (path: string): Promise<string> => readFile(new URL(path, root), 'utf8');

let compose: Compose;
let services: [string, Service][];
beforeAll(async () => {
  compose = parse(await textOf('docker-compose.yml'), { merge: true }) as Compose;
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
  const open = services.filter(([, { ports, networks }]) => ports !== undefined || namesOf(networks).some(leadsOut));
  expect(open.map(([name]) => name)).toEqual(['nginx']);
});

test('when the compose file is read, then every name that it uses is declared, and no secret is in the environment', () => {
  const variables = new Set<string>(secretNames);
  for (const [, { networks, secrets = [], volumes = [], environment = {} }] of services) {
    for (const name of namesOf(networks)) expect(Object.keys(compose.networks)).toContain(name);
    for (const name of secrets) expect(Object.keys(compose.secrets)).toContain(name);
    for (const volume of volumes.filter((text) => !text.startsWith('.')))
      expect(Object.keys(compose.volumes)).toContain(volume.split(':')[0]);
    for (const [name, value] of Object.entries(environment)) {
      expect(variables.has(name)).toBe(false);
      if (name.endsWith('_FILE')) expect(secrets.map((secret) => `/run/secrets/${secret}`)).toContain(value);
    }
  }
});

test('when Prometheus looks for processes, then it asks for every node by its name', async () => {
  const { scrape_configs: jobs } = parse(await textOf('ops/prometheus/prometheus.yml')) as Scrapes;
  const names = jobs.flatMap(({ dns_sd_configs: lookups }) => lookups.flatMap((lookup) => lookup.names));
  expect(names.sort()).toEqual(
    services
      .filter(([, { build }]) => build !== undefined)
      .map(([name]) => name)
      .sort(),
  );
});

test('when nginx looks for API nodes, then it has the addresses that they are given, and they its network', async () => {
  const apis = services.filter(([, { environment }]) => environment?.['ROLES'] === 'api');
  const addresses = apis.map(([, { networks }]) => `${String(addressIn(networks, 'application'))}:3000`);
  const servers = [...(await textOf('ops/nginx/site.conf')).matchAll(/^ *server (\S+) /gm)].map(([, server]) => server);
  expect(servers).toEqual(addresses);
  expect(apis[0]?.[1].environment?.['TRUST_PROXY']).toBe(compose.networks['application']?.ipam?.config[0].subnet);
});

test('when a proxy on this machine is to be trusted, then it is the gateway of the network that leads out', async () => {
  const { gateway } = compose.networks['edge']?.ipam?.config[0] ?? {};
  expect(await textOf('ops/compose/behind-proxy.conf')).toContain(`set_real_ip_from ${String(gateway)};`);
  expect(await textOf('ops/nginx/proxies.conf')).not.toMatch(/^[^#]/m); // and nobody, unless it is asked for
});

test('when the file is extended, then only by services, networks and files that there are', async () => {
  for (const name of await readdir(new URL('ops/compose/', root))) {
    if (!name.endsWith('.yml')) continue;
    const extension = parse(await textOf(`ops/compose/${name}`), { merge: true }) as Partial<Compose>;
    for (const [service, { networks, volumes = [] }] of Object.entries(extension.services ?? {})) {
      expect(Object.keys(compose.services)).toContain(service);
      for (const network of namesOf(networks)) expect(Object.keys(compose.networks)).toContain(network);
      for (const volume of volumes) await textOf(volume.split(':')[0] ?? '');
    }
  }
});

interface Scrapes {
  readonly scrape_configs: readonly { readonly dns_sd_configs: readonly { readonly names: readonly string[] }[] }[];
}

function namesOf(networks: Service['networks'] = []): string[] {
  return Array.isArray(networks) ? [...(networks as string[])] : Object.keys(networks);
}

function addressIn(networks: Service['networks'], name: string): string | undefined {
  return (networks as Record<string, { ipv4_address?: string } | undefined>)[name]?.ipv4_address;
}

function leadsOut(network: string): boolean {
  return compose.networks[network]?.internal !== true;
}
