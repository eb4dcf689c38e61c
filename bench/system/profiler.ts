import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Bench } from '../bench.js';
import { whereTimeWent, type CpuProfile } from '../report/cpu-profile.js';

/** Profiles of the API and of the worker that are being taken. */
export interface Profiler {
  /** Writes them, and tells where the time went. */
  finish(name: string): Promise<void>;
}

export async function startProfiler({ sluice, say }: Bench, dir: string): Promise<Profiler> {
  await mkdir(dir, { recursive: true });
  const probes = [sluice.api, sluice.worker].map((app) => ({ app, probe: sluice.probe(app) }));
  await Promise.all(probes.map(({ probe }) => probe.startProfile()));
  return {
    async finish(name) {
      for (const { app, probe } of probes) {
        const profile = (await probe.stopProfile()) as CpuProfile;
        const file = join(dir, `${name}-${app.name}.cpuprofile`);
        await writeFile(file, JSON.stringify(profile));
        say(`${file}\n${whereTimeWent(profile)}`);
      }
    },
  };
}
