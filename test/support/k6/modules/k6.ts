import { countCheck } from '../checks.js';

/** k6's `check`: counts each condition, stops nothing. */
export function check<T>(value: T, conditions: Readonly<Record<string, (value: T) => boolean>>): boolean {
  let all = true;
  for (const [name, condition] of Object.entries(conditions)) {
    const passed = condition(value);
    countCheck(name, passed);
    all &&= passed;
  }
  return all;
}
