import { rm, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Keys } from './keys.js';

export interface Running {
  address: string;
  /** null: the one of DATABASE_URL, which whoever set it knows. */
  embeddedDatabase: string | null;
  keys: Keys;
}

/**
 * Leaves word of what runs for the operator's commands, which `setup/running-gateway.mjs` reads: `running.json` in the data folder, this user's alone,
 * for as long as `npm start` runs. Keys that the environment has given are not written down. @returns what takes it away again.
 */
export async function noteRunning(dataDir: string, { address, embeddedDatabase, keys }: Running): Promise<() => Promise<void>> {
  const file = join(dataDir, 'running.json');
  const note = {
    pid: process.pid,
    address,
    databaseUrl: embeddedDatabase,
    adminKey: keys.madeHere.admin,
    encryptionKeys: keys.madeHere.encryption,
  };
  await writeFile(`${file}.new`, `${JSON.stringify(note, null, 2)}\n`, { mode: 0o600 });
  // Renamed into place: a command that reads it meanwhile finds all of it or none.
  await rename(`${file}.new`, file);
  return () => rm(file, { force: true });
}
