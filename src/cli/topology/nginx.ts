import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { supervise, type Supervised } from '../../embedded/supervise.js';
import { systemPath } from './system-path.js';

const ops = fileURLToPath(new URL('../../../ops/nginx/', import.meta.url));

export interface NginxOptions {
  /** its folder: configuration, log, what it writes; made when missing */
  readonly dir: string;
  /** where it listens on 127.0.0.1 */
  readonly port: number;
  /** the API nodes, as `host:port` */
  readonly nodes: readonly string[];
  /** false: one address may do what it likes, as in a test, where all comes from one */
  readonly limited: boolean;
}

/** Writes the configuration in ops/nginx, with addresses of this machine for those of the containers. */
export async function configureNginx({ dir, port, nodes, limited }: NginxOptions): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o755 });
  const site = await readFile(join(ops, 'site.conf'), 'utf8');
  const [, options = ''] = /^ *server \S+(.*);$/m.exec(site) ?? [];
  const servers = nodes.map((node) => `  server ${node}${options};\n`).join('');
  await writeFile(join(dir, 'site.conf'), site.replace(/^(?: *server .*\n)+/m, servers));
  await writeFile(join(dir, 'listen.conf'), `listen 127.0.0.1:${String(port)} backlog=4096;\n`);
  for (const name of ['nginx.conf', 'problem-headers.conf', 'proxies.conf', 'limits.conf']) {
    await copyFile(join(ops, name), join(dir, name));
  }
  if (!limited) await writeFile(join(dir, 'limits.conf'), 'map $remote_addr $limit_quota {\n  default 0;\n}\n');
}

/** Starts it with the configuration in `dir`. It ends with this process. */
export function startNginx(dir: string): Promise<Supervised> {
  const args = ['-p', dir, '-c', join(dir, 'nginx.conf'), '-g', 'daemon off;'];
  const logFile = join(dir, 'nginx.log');
  return supervise('nginx', args, { stopSignals: ['TERM', 'KILL'], logFile, cwd: dir, env: { PATH: systemPath } });
}
