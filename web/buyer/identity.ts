import { signal } from '@preact/signals';
import { Refusal, request, send, type RequestOptions } from '../shared/http.js';
import { patiently } from '../shared/patience.js';
import { deviceStorage, tabStorage } from '../shared/storage.js';

/** Who buys. `none`: nobody said, and guests are not let in; `expired`: the API takes the token no more. */
export type Identity =
  { readonly kind: 'asking' | 'none' | 'expired' } | { readonly kind: 'buyer' | 'guest'; readonly token: string };

interface GuestSession {
  readonly token: string;
  readonly expiresAt: string;
}

const tokenKey = 'sluice.token';
const guestKey = 'sluice.guest';

export const identity = signal<Identity>({ kind: 'asking' });

/** Takes the token out of the address, or the one that the tab or the device has, or becomes a guest. */
export async function identify(): Promise<void> {
  const { hash, pathname, search } = location;
  const given = new URLSearchParams(hash.slice(1)).get('token');
  if (given !== null) {
    history.replaceState(history.state, '', pathname + search); // an address is shown, copied and kept
    tabStorage.write(tokenKey, given);
  }
  const token = given ?? (tabStorage.read(tokenKey) as string | null);
  identity.value = token === null ? await guest() : { kind: 'buyer', token };
}

/** Forgets who it was, and begins anew. */
export function startAgain(): void {
  tabStorage.write(tokenKey, null);
  deviceStorage.write(guestKey, null);
  identity.value = { kind: 'asking' };
  void identify();
}

async function guest(): Promise<Identity> {
  const known = knownGuest();
  if (known !== null) return known;
  try {
    const { signal: forever } = new AbortController();
    const session = await patiently(() => request<GuestSession>('/v1/sessions', { method: 'POST' }), {
      signal: forever,
    });
    const meanwhile = knownGuest(); // in another tab
    if (meanwhile !== null) return meanwhile;
    deviceStorage.write(guestKey, session);
    return { kind: 'guest', token: session.token };
  } catch {
    return { kind: 'none' };
  }
}

function knownGuest(): Identity | null {
  const known = deviceStorage.read(guestKey) as GuestSession | null;
  if (known === null || Date.parse(known.expiresAt) <= Date.now()) return null;
  return { kind: 'guest', token: known.token };
}

/** The body of an answer to this buyer. @throws Refusal */
export async function requestAsBuyer<T>(path: string, options: RequestOptions = {}): Promise<T> {
  return noticing(request<T>(path, asBuyer(options)));
}

/** An answer to this buyer. @throws Refusal */
export async function sendAsBuyer(path: string, options: RequestOptions): Promise<Response> {
  return noticing(send(path, asBuyer(options)));
}

function asBuyer(options: RequestOptions): RequestOptions {
  const who = identity.value;
  const authorization = 'token' in who ? { authorization: `Bearer ${who.token}` } : {};
  return { ...options, headers: { ...options.headers, ...authorization } };
}

async function noticing<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof Refusal && error.code === 'unauthenticated') identity.value = { kind: 'expired' };
    throw error;
  }
}
