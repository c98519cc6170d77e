/** Provider keys at rest: AES-256-GCM, with the key's id in the text and the row's id as associated data. */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { GatewayError } from '@llm-gateway/shared';

/** The first encrypts, all decrypt: a new key is put in front, and the old one stays until nothing is encrypted with it. */
export interface EncryptionKeys {
  readonly current: string;
  readonly byId: ReadonlyMap<string, Buffer>;
}

const KEY_ID = /^[A-Za-z0-9_-]{1,32}$/;
const KEY_BYTES = 32;
const IV_BYTES = 12;
const TAG_BYTES = 16;

/**
 * Reads `ENCRYPTION_KEYS`: comma-separated `id:base64-of-32-bytes`.
 * @throws Error naming the entry by its place; what was given is never repeated, for it may be a key.
 */
export function parseEncryptionKeys(text: string): EncryptionKeys {
  const entries = text.split(',').map((entry) => entry.trim());
  const byId = new Map<string, Buffer>();
  for (const [index, entry] of entries.entries()) {
    const place = `encryption key ${index + 1} of ${entries.length}`;
    const colon = entry.indexOf(':');
    const id = entry.slice(0, Math.max(colon, 0));
    const encoded = entry.slice(colon + 1);
    if (!KEY_ID.test(id)) throw new Error(`${place} must be written id:base64, with an id of at most 32 letters, digits, _ or -`);
    if (byId.has(id)) throw new Error(`${place} repeats an id`);
    const key = Buffer.from(encoded, 'base64');
    if (!/^[A-Za-z0-9+/_-]+=*$/.test(encoded) || key.length !== KEY_BYTES)
      throw new Error(`${place} must be ${KEY_BYTES} bytes in base64`);
    byId.set(id, key);
  }
  return { current: entries[0]?.split(':')[0] ?? '', byId };
}

/** @param aad what the text belongs to (the row's id); decryption demands the same. @returns `v1.<key id>.<iv>.<ciphertext>.<tag>` */
export function encryptSecret(keys: EncryptionKeys, plaintext: string, aad: string): string {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv('aes-256-gcm', keyOf(keys, keys.current), iv, { authTagLength: TAG_BYTES }).setAAD(
    Buffer.from(aad),
  );
  const ciphertext = Buffer.concat([cipher.update(plaintext, 'utf8'), cipher.final()]);
  const parts = [iv, ciphertext, cipher.getAuthTag()].map((part) => part.toString('base64url'));
  return ['v1', keys.current, ...parts].join('.');
}

/** @returns the id of the key that an encrypted text needs. */
export const keyIdOf = (encrypted: string): string => encrypted.split('.')[1] ?? '';

/** @throws GatewayError `internal`, naming the key's id at most, when the text was changed, belongs to another row, or its key is unknown. */
export function decryptSecret(keys: EncryptionKeys, encrypted: string, aad: string): string {
  const [version, keyId = '', ...encoded] = encrypted.split('.');
  const [iv, ciphertext, tag] = encoded.map((part) => Buffer.from(part, 'base64url'));
  if (
    version !== 'v1' ||
    !KEY_ID.test(keyId) ||
    encoded.length !== 3 ||
    iv?.length !== IV_BYTES ||
    tag?.length !== TAG_BYTES ||
    !ciphertext
  ) {
    throw new GatewayError('internal', 'a stored secret is not in a known format');
  }
  const key = keyOf(keys, keyId);
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: TAG_BYTES })
      .setAAD(Buffer.from(aad))
      .setAuthTag(tag);
    return Buffer.concat([decipher.update(ciphertext), decipher.final()]).toString('utf8');
  } catch {
    throw new GatewayError('internal', `a stored secret does not decrypt with the encryption key "${keyId}"`);
  }
}

function keyOf(keys: EncryptionKeys, id: string): Buffer {
  const key = keys.byId.get(id);
  if (!key)
    throw new GatewayError(
      'internal',
      `a stored secret needs the encryption key "${id}", which is not among the configured keys`,
    );
  return key;
}
