import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

const storedKeys = z.object({ serviceKey: z.string(), adminKey: z.string(), encryptionKeys: z.string() });
type StoredKeys = z.output<typeof storedKeys>;

/** The settings that API and worker get, and which of them were made here: only those are shown, or left for commands. */
export interface Keys {
  SERVICE_KEYS: string;
  ADMIN_KEYS: string;
  ENCRYPTION_KEYS: string;
  madeHere: { service: string | null; admin: string | null; encryption: string | null };
}

type GivenKeys = Partial<Record<'SERVICE_KEYS' | 'ADMIN_KEYS' | 'ENCRYPTION_KEYS', string | undefined>>;

/**
 * The keys given by the environment, and for each that is not, one made at the first start and kept in `keys.json`.
 * @throws Error when that file is damaged: making new keys in its place would lose every provider key encrypted with the old.
 */
export async function provideKeys(dataDir: string, given: GivenKeys): Promise<Keys> {
  const { serviceKey, adminKey, encryptionKeys } = await storedOrNew(dataDir);
  return {
    SERVICE_KEYS: given.SERVICE_KEYS ?? serviceKey,
    ADMIN_KEYS: given.ADMIN_KEYS ?? adminKey,
    ENCRYPTION_KEYS: given.ENCRYPTION_KEYS ?? encryptionKeys,
    madeHere: {
      service: given.SERVICE_KEYS ? null : serviceKey,
      admin: given.ADMIN_KEYS ? null : adminKey,
      encryption: given.ENCRYPTION_KEYS ? null : encryptionKeys,
    },
  };
}

async function storedOrNew(dataDir: string): Promise<StoredKeys> {
  const file = join(dataDir, 'keys.json');
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return makeKeys(dataDir, file);
  }
  try {
    return storedKeys.parse(JSON.parse(text));
  } catch {
    throw new Error(
      `${file} is damaged. It holds the key that provider keys are encrypted with: restore it from a copy, or remove it and enter the provider keys again.`,
    );
  }
}

async function makeKeys(dataDir: string, file: string): Promise<StoredKeys> {
  const keys = {
    serviceKey: `service-${randomBytes(24).toString('base64url')}`,
    adminKey: `admin-${randomBytes(24).toString('base64url')}`,
    encryptionKeys: `k1:${randomBytes(32).toString('base64')}`,
  };
  await mkdir(dataDir, { recursive: true });
  // Renamed into place, so that a crash leaves all of the file or none.
  await writeFile(`${file}.new`, `${JSON.stringify(keys, null, 2)}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
  return keys;
}
