import { signal } from '@preact/signals';
import { Refusal, request, requestFile, type RequestOptions } from '../shared/http.js';
import { patiently } from '../shared/patience.js';

const roles = ['viewer', 'operator', 'admin'] as const;
export type Role = (typeof roles)[number];

export interface Admin {
  readonly name: string;
  readonly role: Role;
}

/** `ended`: there was one, and the API knows it no more. */
export type Session =
  { readonly kind: 'asking' | 'none' | 'ended' } | { readonly kind: 'signed-in'; readonly admin: Admin };

const address = '/v1/admin/session';
/** so that a session that was ended elsewhere is seen where nobody clicks */
const lookEveryMs = 30_000;

/** Who is signed in. The session itself is a cookie that no script can read (docs/adr/0027). */
export const session = signal<Session>({ kind: 'asking' });

/** Whether who is signed in may do what takes this role. The API decides; this is what the page offers. */
export function may(role: Role): boolean {
  const { value } = session;
  return value.kind === 'signed-in' && roles.indexOf(value.admin.role) >= roles.indexOf(role);
}

/** Goes on with the session that the browser has, if it has one. */
export async function resume(): Promise<void> {
  const { signal: forever } = new AbortController();
  try {
    begin(await patiently(() => request<Admin>(address), { signal: forever }));
  } catch {
    session.value = { kind: 'none' };
  }
}

/** @throws Refusal */
export async function signIn(key: string): Promise<void> {
  if (!/^[\x21-\x7e]+$/.test(key)) throw new Refusal('unauthenticated'); // a header could not carry it
  begin(await request<Admin>(address, { method: 'POST', headers: { authorization: `Bearer ${key}` } }));
}

/** @throws Refusal */
export async function signOut(): Promise<void> {
  await request(address, { method: 'DELETE' });
  session.value = { kind: 'none' };
}

/** Finds out whether the session still is, and with which role. */
export async function lookAgain(): Promise<void> {
  if (session.value.kind !== 'signed-in') return;
  try {
    begin(await api<Admin>(address));
  } catch {
    // ended: noticed; away: the next look will tell
  }
}

/** The body of an answer to this administrator. @throws Refusal */
export function api<T>(path: string, options: RequestOptions = {}): Promise<T> {
  return noticing(request<T>(path, options));
}

/** A file for this administrator. @throws Refusal */
export function apiFile(path: string, options: RequestOptions = {}): Promise<Blob> {
  return noticing(requestFile(path, options));
}

async function noticing<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof Refusal && session.value.kind === 'signed-in') {
      if (error.code === 'unauthenticated') session.value = { kind: 'ended' };
      if (error.code === 'forbidden') void lookAgain(); // the role is another than the page thought
    }
    throw error;
  }
}

function begin(admin: Admin): void {
  const { value } = session;
  if (value.kind === 'signed-in' && value.admin.name === admin.name && value.admin.role === admin.role) return;
  session.value = { kind: 'signed-in', admin };
}

setInterval(() => {
  if (!document.hidden) void lookAgain();
}, lookEveryMs);
