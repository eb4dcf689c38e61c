/** How much a benchmark does. */
export interface Scale {
  /** pairs of yardstick and ours, in turn */
  readonly runs: number;
  /** of one run under load */
  readonly seconds: number;
  /** before the first run of a figure; 0: nothing is warmed up */
  readonly warmUpSeconds: number;
  /** orders that wait for a worker */
  readonly drainOrders: number;
  readonly endToEnd: { readonly tickets: number; readonly requests: number };
  /** tickets and the buyers who race for them */
  readonly races: readonly { readonly tickets: number; readonly buyers: number }[];
  /** orders in a small and in a large sale */
  readonly saleSizes: { readonly small: number; readonly large: number };
  readonly memoryOrders: number;
  readonly heapRequests: number;
  /** kinds of abuse */
  readonly attacks: number;
}

export const full: Scale = {
  runs: 3,
  seconds: 8,
  warmUpSeconds: 5,
  drainOrders: 20_000,
  endToEnd: { tickets: 10_000, requests: 100_000 },
  races: [
    { tickets: 10, buyers: 1000 },
    { tickets: 1000, buyers: 10_000 },
  ],
  saleSizes: { small: 100, large: 1_000_000 },
  memoryOrders: 20_000,
  heapRequests: 100_000,
  attacks: Infinity,
};

/** For CI: shows that everything works. */
export const quick: Scale = {
  runs: 1,
  seconds: 1,
  warmUpSeconds: 0,
  drainOrders: 1000,
  endToEnd: { tickets: 200, requests: 2000 },
  races: [
    { tickets: 10, buyers: 200 },
    { tickets: 100, buyers: 1000 },
  ],
  saleSizes: { small: 100, large: 10_000 },
  memoryOrders: 2000,
  heapRequests: 2000,
  attacks: 2,
};
