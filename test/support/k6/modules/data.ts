/** In k6 an array in memory once for all virtual users, who share everything here. */
export const SharedArray = function <T>(_name: string, make: () => T[]): T[] {
  return Object.freeze(make()) as T[];
} as unknown as new <T>(name: string, make: () => T[]) => T[];
