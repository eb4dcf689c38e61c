import { createHash, timingSafeEqual } from 'node:crypto';

import type { AdminKey, AdminRole } from '../config/index.js';

/** The administrator who makes a request. */
export interface Admin {
  readonly name: string;
  readonly role: AdminRole;
  /** SHA-256 of the key that says so */
  readonly keyDigest: Buffer;
}

const rank: Readonly<Record<AdminRole, number>> = { viewer: 1, operator: 2, admin: 3 };

/** Whether a role may do what needs at least the other: an admin all, an operator what a viewer may, and so on. */
export function mayActAs(role: AdminRole, least: AdminRole): boolean {
  return rank[role] >= rank[least];
}

/** SHA-256 of a key as it was presented. */
export function digestOf(presented: string): Buffer {
  return createHash('sha256').update(presented).digest();
}

/**
 * Whose key has this digest; undefined: nobody's. Compares all of them, so that the time taken tells nothing of how near a
 * guess was or which key it met.
 */
export function findAdmin(keys: readonly AdminKey[], digest: Buffer): Admin | undefined {
  let found: AdminKey | undefined;
  for (const key of keys) {
    if (timingSafeEqual(key.sha256, digest)) found = key;
  }
  return found && { name: found.name, role: found.role, keyDigest: digest };
}
