/** A vendor's key gives way to another, and its predecessor stays for a while: calls fall back on it where the vendor refuses the new one. */
import type { ProviderConfig } from '@llm-gateway/shared';
import { query, type ActingDb } from '../connection/database.js';
import type { EncryptionKeys } from '../encryption.js';
import { changeConfig } from './config-state.js';
import { keyColumns, NO_PREVIOUS_KEY, toProvider } from './provider-rows.js';
import { providerEntry, readProviderForChange } from './providers.js';
import { demandRowId } from './row-ids.js';

export interface KeyRotation {
  apiKey: string;
  /** How long calls may fall back on the key that is replaced; 0: not at all. */
  graceMs: number;
  /** The version that the new key was tested with. */
  ifVersion: number;
}

/** Puts a new key in the place of the old one, which stays as a fallback. @throws GatewayError `not_found`, `precondition_failed`. */
export async function rotateProviderKey(
  db: ActingDb,
  keys: EncryptionKeys,
  id: string,
  { apiKey, graceMs, ifVersion }: KeyRotation,
): Promise<ProviderConfig> {
  demandRowId(id, 'provider');
  return changeConfig(db, async (tx) => {
    const before = await readProviderForChange(tx, id, ifVersion);
    const previous =
      before.apiKeyCiphertext === null || graceMs === 0
        ? NO_PREVIOUS_KEY
        : { previousKeyCiphertext: before.apiKeyCiphertext, previousKeyUntil: new Date(Date.now() + graceMs) };
    const rotated = { ...keyColumns(keys, id, apiKey), ...previous, standIn: false };
    const data = { ...rotated, version: { increment: 1 }, updatedAt: new Date() };
    const row = toProvider(await tx.providerConfig.update({ where: { id }, data }));
    return { result: row, entries: [providerEntry('rotate_key', before, row)] };
  });
}

/** Deletes the previous keys whose grace is over: nobody uses them any more, and what is not there cannot leak. @returns how many. */
export async function forgetExpiredKeys(db: ActingDb, now: Date): Promise<number> {
  const where = { previousKeyUntil: { lt: now } };
  // Looked up first: most of the time there is none, and a change makes every process read the configuration again.
  if ((await query(db, (client) => client.providerConfig.count({ where }))) === 0) return 0;
  return changeConfig(db, async (tx) => {
    const expired = await tx.providerConfig.findMany({ where });
    await tx.providerConfig.updateMany({ where, data: NO_PREVIOUS_KEY });
    const entries = expired.map((row) => providerEntry('forget_key', row, { ...row, ...NO_PREVIOUS_KEY }));
    return { result: expired.length, entries };
  });
}
