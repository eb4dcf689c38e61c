import { signal } from '@preact/signals';
import { Refusal, request, send, type RequestOptions } from '../shared/http.js';
import { patiently } from '../shared/patience.js';
import { deviceStorage, tabStorage } from '../shared/storage.js';

/** Who buys. `none`: nobody said, and guests are not let in; `expired`: the API takes the token no more, or never did. */
export type Identity =
  | { readonly kind: 'asking' | 'none' }
  | { readonly kind: 'expired'; readonly buyerId: string | null }
  | { readonly kind: 'buyer' | 'guest'; readonly buyerId: string; readonly token: string };

interface GuestSession {
  readonly token: string;
  readonly expiresAt: string;
}

const tokenKey = 'sluice.token';
const guestKey = 'sluice.guest';

export const identity = signal<Identity>({ kind: 'asking' });

/** Takes the token out of the address, or the one that the tab or the device has, or becomes a guest. */
export async function identify(): Promise<void> {
  const { pathname, search } = location;
  const given = tokenInAddress();
  if (given !== null) {
    history.replaceState(history.state, '', pathname + search); // an address is shown, copied and kept
    tabStorage.write(tokenKey, given);
  }
  const token = given ?? (tabStorage.read(tokenKey) as string | null);
  if (token !== null) {
    identity.value = bearerOf('buyer', token);
    return;
  }
  const somebody = await guest();
  if (identity.value.kind === 'asking') identity.value = somebody; // a link may have come meanwhile
}

/** Takes the token of a link that is opened where the page is shown already. */
export function heedLinks(): void {
  addEventListener('hashchange', () => {
    if (tokenInAddress() !== null) void identify();
  });
}

function tokenInAddress(): string | null {
  return new URLSearchParams(location.hash.slice(1)).get('token');
}

/** A token that was damaged on its way is no better than an old one. */
function bearerOf(kind: 'buyer' | 'guest', token: string): Identity {
  const buyerId = subjectOf(token);
  return buyerId === null ? { kind: 'expired', buyerId } : { kind, buyerId, token };
}

/** Whom a JWT speaks of; null: it is none that a header could carry. Whether it is genuine, the API knows. */
function subjectOf(token: string): string | null {
  const [, claims] = /^[\w-]+\.([\w-]+)\.[\w-]+$/.exec(token) ?? [];
  if (claims === undefined) return null;
  try {
    const { sub } = JSON.parse(atob(claims.replaceAll('-', '+').replaceAll('_', '/'))) as { sub?: unknown };
    return typeof sub === 'string' ? sub : null;
  } catch {
    return null;
  }
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
    return bearerOf('guest', session.token);
  } catch {
    return { kind: 'none' };
  }
}

function knownGuest(): Identity | null {
  const known = deviceStorage.read(guestKey) as GuestSession | null;
  if (known === null || Date.parse(known.expiresAt) <= Date.now()) return null;
  return bearerOf('guest', known.token);
}

/** The body of an answer to this buyer. @throws Refusal */
export async function requestAsBuyer<T>(path: string, options: RequestOptions = {}): Promise<T> {
  return noticing((headers) => request<T>(path, { ...options, headers: { ...options.headers, ...headers } }));
}

/** An answer to this buyer. @throws Refusal */
export async function sendAsBuyer(path: string, options: RequestOptions): Promise<Response> {
  return noticing((headers) => send(path, { ...options, headers: { ...options.headers, ...headers } }));
}

async function noticing<T>(ask: (headers: Readonly<Record<string, string>>) => Promise<T>): Promise<T> {
  const who = identity.peek();
  try {
    return await ask('token' in who ? { authorization: `Bearer ${who.token}` } : {});
  } catch (error) {
    const isRefused = error instanceof Refusal && error.code === 'unauthenticated';
    // whoever came meanwhile has a token of their own
    if (isRefused && 'token' in who && identity.peek() === who)
      identity.value = { kind: 'expired', buyerId: who.buyerId };
    throw error;
  }
}
