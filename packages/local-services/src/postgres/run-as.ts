import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';

/** How to run a program that refuses to be root: what goes before the command, and as whom. */
export interface RunAs {
  /** Whose the data must be; null: our own, as ever. */
  owner: Ids | null;
  /** Who `spawn` makes the child; not where a prefix does it. */
  spawnAs: Partial<Ids>;
  prefix: readonly string[];
}

interface Ids {
  uid: number;
  gid: number;
}

const NOBODY = 65_534;

/**
 * PostgreSQL does not run as root. As root it runs as `postgres` where that user exists, else as `nobody`: no user is made on
 * somebody's machine. Otherwise as ourselves.
 * @param paths what the server must reach. A checkout below a private directory (`/root`, `mktemp -d`) is out of reach for
 * another user; the server then keeps the one capability that lets it pass, as the directory is the starter's own.
 */
export async function runAs(paths: readonly string[]): Promise<RunAs> {
  if (process.getuid?.() !== 0) return { owner: null, spawnAs: {}, prefix: [] };
  const uid = await idOf('-u');
  const gid = await idOf('-g');
  const reachable = await Promise.all(paths.map((path) => canReach(path, uid, gid)));
  if (reachable.every(Boolean)) return { owner: { uid, gid }, spawnAs: { uid, gid }, prefix: [] };
  return { owner: { uid, gid }, spawnAs: {}, prefix: keepPassage(uid, gid) };
}

async function idOf(flag: '-u' | '-g'): Promise<number> {
  try {
    return Number((await promisify(execFile)('id', [flag, 'postgres'])).stdout);
  } catch {
    return NOBODY;
  }
}

async function canReach(path: string, uid: number, gid: number): Promise<boolean> {
  for (let dir = dirname(path); ; dir = dirname(dir)) {
    const { mode, uid: owner, gid: group } = await stat(dir);
    const bit = owner === uid ? 0o100 : group === gid ? 0o010 : 0o001;
    if ((mode & bit) === 0) return false;
    if (dir === dirname(dir)) return true;
  }
}

// no_setuid_fixup: access(2) drops capabilities for a user other than root, and PostgreSQL asks it whether its own binary is executable.
const keepPassage = (uid: number, gid: number): readonly string[] => [
  'setpriv',
  `--reuid=${uid}`,
  `--regid=${gid}`,
  '--clear-groups',
  '--inh-caps=+dac_override',
  '--ambient-caps=+dac_override',
  '--securebits=+no_setuid_fixup',
];
