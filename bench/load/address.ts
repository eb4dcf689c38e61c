/** An address of 10.0.0.0/8 of its own for each of 16 million requests. */
export function addressOf(i: number): string {
  return `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`;
}
