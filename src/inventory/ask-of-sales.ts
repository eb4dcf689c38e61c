/** How many sales are asked for at once, so that Redis always has room for others in between. */
const chunkSize = 100;

/** Asks Redis the same of many sales. @returns the answers in the order of the sales */
export async function askOfSales<Sale, Answer>(
  sales: readonly Sale[],
  ask: (sale: Sale) => Promise<Answer>,
): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (let i = 0; i < sales.length; i += chunkSize) {
    answers.push(...(await Promise.all(sales.slice(i, i + chunkSize).map(ask))));
  }
  return answers;
}
