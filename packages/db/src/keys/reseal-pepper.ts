import { changeConfig } from '../config/config-state.js';
import { query, type ActingDb } from '../connection/database.js';
import { encryptSecret, keyIdOf, type EncryptionKeys } from '../encryption.js';
import { openPepper, PEPPER_NAME, sealedPepper } from './pepper.js';

interface Resealed {
  rewritten: number;
  unreadable: { provider: string; keyId: string }[];
}

/** Encrypts the pepper of the service keys under the first key. The pepper stays what it is, and so do the keys. */
export async function resealPepper(db: ActingDb, keys: EncryptionKeys): Promise<Resealed> {
  const isStale = (sealed: string | null): sealed is string => sealed !== null && keyIdOf(sealed) !== keys.current;
  const nothing: Resealed = { rewritten: 0, unreadable: [] };
  const before = await query(db, sealedPepper);
  if (!isStale(before)) return nothing;
  if (!keys.byId.has(keyIdOf(before))) return { ...nothing, unreadable: [{ provider: 'service keys', keyId: keyIdOf(before) }] };
  return changeConfig(db, async (tx) => {
    const sealed = await sealedPepper(tx);
    // Under the lock of all changes: somebody else may have been here.
    if (!isStale(sealed)) return { result: nothing, entries: [] };
    const ciphertext = encryptSecret(keys, openPepper(keys, sealed).toString('base64'), PEPPER_NAME);
    await tx.sealedSecret.update({ where: { name: PEPPER_NAME }, data: { ciphertext } });
    const view = (text: string) => ({ name: PEPPER_NAME, encryptedWith: keyIdOf(text) });
    const entry = {
      action: 'secret.reencrypt',
      target: 'secret',
      targetId: PEPPER_NAME,
      before: view(sealed),
      after: view(ciphertext),
    };
    return { result: { ...nothing, rewritten: 1 }, entries: [entry] };
  });
}
