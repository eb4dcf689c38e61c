/** How many sales at once: each may hold a connection to Postgres. */
const concurrency = 4;

/**
 * Does something for many sales, a few at a time; one that fails does not keep the others from it.
 * @returns the sum of what `work` returned. @throws what the first that failed threw, when the others are through
 */
export async function forEachSale<Sale>(sales: Iterable<Sale>, work: (sale: Sale) => Promise<number>): Promise<number> {
  const left = [...sales].values();
  const failures: unknown[] = [];
  let sum = 0;
  const lane = async (): Promise<void> => {
    for (const sale of left) {
      try {
        const done = await work(sale);
        sum += done;
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: concurrency }, lane));
  if (failures.length > 0) throw failures[0];
  return sum;
}
