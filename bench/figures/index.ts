import { abuse } from './abuse.js';
import { accept } from './accept.js';
import { drain } from './drain.js';
import { endToEnd } from './end-to-end.js';
import { fanout } from './fanout.js';
import type { Figure } from './figure.js';
import { heap } from './heap.js';
import { latency } from './latency.js';
import { limits } from './limits.js';
import { memory } from './memory.js';
import { overload } from './overload.js';
import { processes } from './processes.js';
import { reject } from './reject.js';
import { saleSize } from './sale-size.js';
import { strategies } from './strategies.js';

/** In the order in which they are measured: what leaves most behind comes last. */
export const figures: readonly Figure[] = [
  strategies,
  accept,
  overload,
  limits,
  processes,
  latency,
  reject,
  fanout,
  abuse,
  drain,
  endToEnd,
  memory,
  heap,
  saleSize,
];
