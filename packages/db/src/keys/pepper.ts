/**
 * The secret that keys are fingerprinted with: made once, with the first key, and never changed, because fingerprints cannot be made anew without the
 * keys. It stands in the database encrypted like a provider's key, so that a new encryption key needs it sealed again and nothing more.
 */
import { randomBytes } from 'node:crypto';
import type { Queryable } from '../connection/database.js';
import { decryptSecret, encryptSecret, type EncryptionKeys } from '../encryption.js';

export const PEPPER_NAME = 'service-key-pepper';
const BYTES = 32;

/** @returns the pepper, made now where there is none. Only inside of `changeConfig`, whose lock keeps two from making it at once. */
export async function pepperOf(tx: Queryable, encryptionKeys: EncryptionKeys): Promise<Buffer> {
  const sealed = await sealedPepper(tx);
  if (sealed !== null) return openPepper(encryptionKeys, sealed);
  const pepper = randomBytes(BYTES);
  const ciphertext = encryptSecret(encryptionKeys, pepper.toString('base64'), PEPPER_NAME);
  await tx.sealedSecret.create({ data: { name: PEPPER_NAME, ciphertext } });
  return pepper;
}

export async function sealedPepper(tx: Queryable): Promise<string | null> {
  const row = await tx.sealedSecret.findUnique({ where: { name: PEPPER_NAME } });
  return row?.ciphertext ?? null;
}

/** @throws GatewayError `internal` when its encryption key is not among these. */
export const openPepper = (encryptionKeys: EncryptionKeys, sealed: string): Buffer =>
  Buffer.from(decryptSecret(encryptionKeys, sealed, PEPPER_NAME), 'base64');
