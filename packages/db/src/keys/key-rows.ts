import { serviceKey, type Scope, type ServiceKey } from '@llm-gateway/shared';
import type { ServiceKey as KeyRow } from '../generated/client.js';

/** What an administrator says about a key. */
export interface ServiceKeyInput {
  name: string;
  service: string | null;
  scopes: Scope[];
  expiresAt: Date | null;
  rpmLimit: number | null;
}

/** A key as administrators see it: nothing that it could be made from. */
export interface StoredServiceKey {
  id: string;
  name: string;
  service: string | null;
  scopes: string[];
  /** ISO 8601, like all times here. */
  expiresAt: string | null;
  rpmLimit: number | null;
  lastUsedAt: string | null;
  /** Until when the key from before the last rotation is good as well; null, or past: it is not. */
  previousValidUntil: string | null;
  createdAt: string;
  updatedAt: string;
}

const iso = (time: Date | null): string | null => time?.toISOString() ?? null;

export function toStoredKey(row: KeyRow): StoredServiceKey {
  const { id, name, service, scopes, rpmLimit } = row;
  const times = { createdAt: row.createdAt.toISOString(), updatedAt: row.updatedAt.toISOString() };
  const uses = { lastUsedAt: iso(row.lastUsedAt), previousValidUntil: iso(row.previousUntil) };
  return { id, name, service, scopes, expiresAt: iso(row.expiresAt), rpmLimit, ...uses, ...times };
}

/** A key as processes hold it in memory. */
export function toServiceKey(row: KeyRow): ServiceKey {
  const { id, service, scopes, fingerprint, previousFingerprint, previousUntil, rpmLimit } = row;
  const previous =
    previousFingerprint !== null && previousUntil !== null
      ? { fingerprint: previousFingerprint, until: previousUntil.toISOString() }
      : null;
  return serviceKey.parse({ id, service, scopes, fingerprint, previous, expiresAt: iso(row.expiresAt), rpmLimit });
}
