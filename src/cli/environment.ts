/** The environment's variables; as for the application, an empty one counts as not set. */
export function environment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([, text]) => text !== ''));
}
