/** Asks the admin API. @throws Error with the answer when it is not a success */
export type AdminApi = <T>(method: 'GET' | 'POST', path: string, body?: object) => Promise<T>;

/** @param url of the API, or of the proxy before it */
export function adminApi(url: string, key: string): AdminApi {
  return async <T>(method: string, path: string, body?: object) => {
    const response = await fetch(new URL(`/v1/admin${path}`, url), {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${method} ${response.url}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  };
}
