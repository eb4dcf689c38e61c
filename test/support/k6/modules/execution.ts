import { current, type Iteration } from '../scenario.js';

function iteration(): Iteration {
  const now = current.getStore();
  if (now === undefined) throw new Error('k6/execution: there is no iteration here');
  return now;
}

const scenario = {
  get name(): string {
    return iteration().scenario.name;
  },
  get progress(): number {
    return iteration().scenario.progress;
  },
  get iterationInTest(): number {
    return iteration().iterationInTest;
  },
};

export default { scenario };
