import { GatewayError, newKeyId, type KeyRing } from '@llm-gateway/shared';
import { z } from 'zod';
import type { AuditEntry } from '../audit/audited.js';
import { changeConfig } from '../config/config-state.js';
import { notFound } from '../config/row-ids.js';
import { query, type ActingDb, type Db, type Queryable } from '../connection/database.js';
import { isTaken } from '../connection/errors.js';
import type { EncryptionKeys } from '../encryption.js';
import { readCursor, toPage, type Page, type PageRequest } from '../page.js';
import { toServiceKey, toStoredKey, type ServiceKeyInput, type StoredServiceKey } from './key-rows.js';
import { keyFingerprint, newKeyText } from './key-text.js';
import { pepperOf, sealedPepper } from './pepper.js';

/** A key's row and, this once, the key. */
export interface NewServiceKey {
  row: StoredServiceKey;
  key: string;
}

/** Makes a key. @throws GatewayError `conflict` when the name is taken. */
export async function createServiceKey(
  db: ActingDb,
  encryptionKeys: EncryptionKeys,
  input: ServiceKeyInput,
): Promise<NewServiceKey> {
  const id = newKeyId();
  const key = newKeyText(id);
  const create = changeConfig(db, async (tx) => {
    const fingerprint = await fingerprintIn(tx, encryptionKeys, key);
    const row = toStoredKey(await tx.serviceKey.create({ data: { id, ...input, fingerprint } }));
    return { result: { row, key }, entries: [keyEntry('create', null, row)] };
  });
  return create.catch((error: unknown) => {
    if (!isTaken(error)) throw error;
    throw new GatewayError('conflict', 'a key of this name exists already', { cause: error });
  });
}

/**
 * Puts a new secret in a key's place; the old one stays good for the grace, and one that had its grace already ends now.
 * @param check refuses, by throwing, what the row says must not be.
 * @throws GatewayError `not_found`.
 */
export async function rotateServiceKey(
  db: ActingDb,
  encryptionKeys: EncryptionKeys,
  id: string,
  { graceMs, check }: { graceMs: number; check: (row: StoredServiceKey) => void },
): Promise<NewServiceKey> {
  demandKeyId(id);
  const key = newKeyText(id);
  return changeConfig(db, async (tx) => {
    const before = await tx.serviceKey.findUnique({ where: { id } });
    if (!before) throw notFound('key', id);
    check(toStoredKey(before));
    const fingerprint = await fingerprintIn(tx, encryptionKeys, key);
    const previous =
      graceMs > 0
        ? { previousFingerprint: before.fingerprint, previousUntil: new Date(Date.now() + graceMs) }
        : { previousFingerprint: null, previousUntil: null };
    const row = toStoredKey(
      await tx.serviceKey.update({ where: { id }, data: { fingerprint, ...previous, updatedAt: new Date() } }),
    );
    return { result: { row, key }, entries: [keyEntry('rotate', toStoredKey(before), row)] };
  });
}

/** Revokes a key. Its row goes; the audit log keeps what it was. @throws GatewayError `not_found`. */
export async function deleteServiceKey(db: ActingDb, id: string): Promise<void> {
  demandKeyId(id);
  await changeConfig(db, async (tx) => {
    const before = await tx.serviceKey.findUnique({ where: { id } });
    if (!before) throw notFound('key', id);
    await tx.serviceKey.delete({ where: { id } });
    return { result: undefined, entries: [keyEntry('delete', toStoredKey(before), null)] };
  });
}

/** Keys, oldest first. */
export async function listServiceKeys(db: Db, page: PageRequest): Promise<Page<StoredServiceKey>> {
  const after = readCursor(z.string().max(64), page.cursor);
  const where = after === undefined ? {} : { id: { gt: after } };
  const rows = await query(db, (client) => client.serviceKey.findMany({ where, orderBy: { id: 'asc' }, take: page.limit + 1 }));
  return toPage(rows, page.limit, toStoredKey, (row) => row.id);
}

/** Notes when keys were last used (epoch ms); a row that says so to the minute is left alone. No change of the configuration, nor a deed. */
export async function noteKeyUse(db: Db, lastUsed: ReadonlyMap<string, number>): Promise<void> {
  const ids = [...lastUsed.keys()];
  const times = [...lastUsed.values()].map((at) => new Date(at));
  await query(
    db,
    (client) => client.$executeRaw`
      UPDATE llm_service_keys AS k SET last_used_at = used.at
      FROM unnest(${ids}::text[], ${times}::timestamptz[]) AS used(id, at)
      WHERE k.id = used.id AND (k.last_used_at IS NULL OR k.last_used_at < used.at - interval '55 seconds')`,
  );
}

/** For `loadSnapshot`. */
export async function readKeyRing(tx: Queryable): Promise<KeyRing> {
  const rows = await tx.serviceKey.findMany({ orderBy: { id: 'asc' } });
  return { pepper: await sealedPepper(tx), keys: rows.map(toServiceKey) };
}

async function fingerprintIn(tx: Queryable, encryptionKeys: EncryptionKeys, key: string): Promise<string> {
  return keyFingerprint(await pepperOf(tx, encryptionKeys), key).toString('hex');
}

/** @throws GatewayError `not_found` for text that cannot be an id. */
function demandKeyId(id: string): void {
  if (!/^[0-9a-z]{26}$/.test(id)) throw notFound('key', id);
}

const keyEntry = (what: string, before: StoredServiceKey | null, after: StoredServiceKey | null): AuditEntry => ({
  action: `key.${what}`,
  target: 'key',
  targetId: (after ?? before)?.id ?? '',
  before,
  after,
});
