/** `k6/http` is modules/http.ts here, and `k6` itself modules/k6.ts. @type {import('node:module').ResolveHook} */
export function resolve(specifier, context, nextResolve) {
  const name = /^k6(?:\/(\w+))?$/.exec(specifier);
  if (name === null) return nextResolve(specifier, context);
  return nextResolve(new URL(`modules/${name[1] ?? 'k6'}.ts`, import.meta.url).href, context);
}
