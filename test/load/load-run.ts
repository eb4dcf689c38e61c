import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buyer } from '../support/api-client.js';
import { times } from '../support/given.js';

const project = fileURLToPath(new URL('../../', import.meta.url));

/** A threshold of a run, and whether it is about speed, which a busy machine may break. */
export interface Verdict {
  readonly text: string;
  readonly ok: boolean;
  readonly ofSpeed: boolean;
}

export interface LoadRun {
  readonly code: number | null;
  readonly output: string;
  /** path of its JSON report */
  readonly report: string;
}

/** Where tokens and reports of these runs are. */
export class LoadFolder {
  private constructor(readonly path: string) {}

  static async make(buyers: number): Promise<LoadFolder> {
    const folder = new LoadFolder(await mkdtemp(join(tmpdir(), 'sluice-load-')));
    const tokens = times(buyers, (i) => buyer(`load-${i + 1}`)['authorization']?.replace('Bearer ', ''));
    await writeFile(folder.tokens, JSON.stringify(tokens));
    return folder;
  }

  get tokens(): string {
    return join(this.path, 'tokens.json');
  }

  remove(): Promise<void> {
    return rm(this.path, { recursive: true, force: true });
  }

  /** Runs one script as `npm run load` does. */
  async run(script: string, baseUrl: string, saleId: string, env: Record<string, string | number>): Promise<LoadRun> {
    const all = { BASE_URL: baseUrl, SALE_ID: saleId, TOKENS: this.tokens, OUT: this.path, ...env };
    const args = Object.entries(all).flatMap(([name, value]) => ['-e', `${name}=${value}`]);
    const child = spawn(
      process.execPath,
      ['--import', './test/support/typescript.mjs', 'test/support/k6/main.ts', ...args, `load-tests/${script}.ts`],
      { cwd: project, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, output, report: join(this.path, `${script}.json`) };
  }
}

interface Report {
  readonly metrics: Readonly<
    Record<
      string,
      {
        readonly contains: string;
        readonly values: Readonly<Record<string, number>>;
        readonly thresholds?: Readonly<Record<string, { readonly ok: boolean }>>;
      }
    >
  >;
}

export async function readReport({ report }: LoadRun): Promise<Report> {
  return JSON.parse(await readFile(report, 'utf8')) as Report;
}

export function verdictsOf({ metrics }: Report): Verdict[] {
  return Object.entries(metrics).flatMap(([metric, { contains, thresholds = {} }]) =>
    Object.entries(thresholds).map(([threshold, { ok }]) => ({
      text: `${metric} ${threshold}`,
      ok,
      ofSpeed: contains === 'time' || ['dropped_iterations', 'turned_away', 'honest_served'].includes(metric),
    })),
  );
}
