const shownPackages = 15;
const shownFunctions = 30;

/** A V8 processor profile, as `node --cpu-prof` and the inspector give it. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  /** µs before each sample */
  readonly timeDeltas: readonly number[];
}

/** Self time, idle time left out: by package, then by function. */
export function whereTimeWent({ nodes, samples, timeDeltas }: CpuProfile): string {
  const selfTime = new Map<number, number>();
  samples.forEach((id, i) => selfTime.set(id, (selfTime.get(id) ?? 0) + (timeDeltas[i] ?? 0)));
  const byPackage = new Map<string, number>();
  const byFunction = new Map<string, number>();
  for (const { id, callFrame } of nodes) {
    const time = selfTime.get(id);
    // the profiler's own stop is `dispatch`
    if (time === undefined || ['(idle)', 'dispatch'].includes(callFrame.functionName)) continue;
    const home = homeOf(callFrame);
    const where = `${callFrame.functionName || '(anonymous)'} ${placeOf(callFrame)}`;
    byPackage.set(home, (byPackage.get(home) ?? 0) + time);
    byFunction.set(where, (byFunction.get(where) ?? 0) + time);
  }
  return [...top(byPackage, shownPackages), '', ...top(byFunction, shownFunctions)].join('\n');
}

type CallFrame = CpuProfile['nodes'][number]['callFrame'];

/** The package, Node's module, our build, or the native function. */
function homeOf({ functionName, url }: CallFrame): string {
  const packaged = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1];
  return packaged ?? (url.includes('/dist/') ? 'sluice' : url === '' ? functionName : url);
}

function placeOf({ url, lineNumber }: CallFrame): string {
  return url === '' ? '' : `${url.replace(/.*(node_modules|dist)\//, '')}:${lineNumber + 1}`;
}

function top(times: ReadonlyMap<string, number>, count: number): string[] {
  const total = [...times.values()].reduce((sum, time) => sum + time, 0);
  return [...times]
    .sort(([, a], [, b]) => b - a)
    .slice(0, count)
    .map(([name, time]) => `${((100 * time) / total).toFixed(1).padStart(6)} %  ${name}`);
}
