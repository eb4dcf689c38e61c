import exec from 'k6/execution';
import { setTimeout } from 'k6/timers';
import { tokenOf } from './environment.ts';

/** Who this iteration is: in a distributed run too no two iterations are the same buyer, as long as there are tokens. */
export function buyer(): { token: string; key: string } {
  const { iterationInTest, name } = exec.scenario;
  // the time: a second run is no replay of the first
  return { token: tokenOf(iterationInTest), key: `${name}-${iterationInTest}-${Date.now()}` };
}

/** k6's own `sleep` would hold up the event loop that the answers come in by. */
export function pause(seconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, seconds * 1000);
  });
}
