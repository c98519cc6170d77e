import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ROOT } from './paths.mjs';

/**
 * Settings of the gateway that `npm start` runs from this folder, for commands that work on it: those of its own database, keys and address.
 * What is set already stays, and what belongs together stays together: its keys go to its own address, and open its own database, only.
 * @returns the settings to add; none where nothing of the kind runs.
 */
export function runningGateway(env) {
  const { DATABASE_URL, ENCRYPTION_KEYS, LGW_URL, LGW_ADMIN_KEY } = env;
  const note = readNote(resolve(env.DATA_DIR || join(ROOT, '.data')));
  if (!note) return {};
  const found = {};
  if (!DATABASE_URL && note.databaseUrl) {
    found.DATABASE_URL = note.databaseUrl;
    if (!ENCRYPTION_KEYS && note.encryptionKeys) found.ENCRYPTION_KEYS = note.encryptionKeys;
  }
  if (!LGW_URL) {
    found.LGW_URL = note.address;
    if (!LGW_ADMIN_KEY && note.adminKey) found.LGW_ADMIN_KEY = note.adminKey;
  }
  return found;
}

function readNote(dataDir) {
  try {
    const note = JSON.parse(readFileSync(join(dataDir, 'running.json'), 'utf8'));
    // Left behind by one that was killed.
    process.kill(note.pid, 0);
    return note;
  } catch {
    return null;
  }
}
