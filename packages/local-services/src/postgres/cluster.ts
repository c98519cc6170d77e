import { randomBytes } from 'node:crypto';
import { chown, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startChild } from '../process/child.js';
import type { PostgresBinaries } from './binaries.js';
import { runAs, type RunAs } from './run-as.js';

/** An initialised data directory, and how to run programs on it. */
export interface Cluster {
  binaries: PostgresBinaries;
  pgData: string;
  password: string;
  command(program: string, args: readonly string[]): { command: string; args: readonly string[]; uid?: number; gid?: number };
}

/** Initialises the cluster of a data directory unless that was done before. Its random password stands beside it, readable by the owner only. */
export async function ensureCluster(dataDir: string, binaries: PostgresBinaries, durable: boolean): Promise<Cluster> {
  const pgData = join(dataDir, 'cluster');
  const as = await runAs([binaries.postgres, pgData]);
  const command = commandAs(as);
  const passwordFile = join(dataDir, 'password');
  if (!(await exists(join(pgData, 'PG_VERSION')))) await initialise({ binaries, pgData, passwordFile, as, durable });
  return { binaries, pgData, password: (await readFile(passwordFile, 'utf8')).trim(), command };
}

interface NewCluster {
  binaries: PostgresBinaries;
  pgData: string;
  passwordFile: string;
  as: RunAs;
  durable: boolean;
}

async function initialise({ binaries, pgData, passwordFile, as, durable }: NewCluster): Promise<void> {
  // Built aside and then renamed: an interrupted initdb leaves nothing that looks like a cluster.
  const draft = `${pgData}.new`;
  const password = randomBytes(24).toString('base64url');
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { mode: 0o700 });
  await writeFile(passwordFile, password, { mode: 0o600 });
  const draftPasswordFile = `${draft}.password`;
  await writeFile(draftPasswordFile, password, { mode: 0o600 });
  const { owner } = as;
  if (owner) await Promise.all([draft, draftPasswordFile].map((path) => chown(path, owner.uid, owner.gid)));
  await runInitdb({ binaries, pgData: draft, passwordFile: draftPasswordFile, as, durable });
  await rm(draftPasswordFile);
  await rename(draft, pgData);
}

async function runInitdb({ binaries, pgData, passwordFile, as, durable }: NewCluster): Promise<void> {
  const child = await startChild({
    ...commandAs(as)(binaries.initdb, [
      ...['-D', pgData, '--username=postgres', `--pwfile=${passwordFile}`, '--auth=scram-sha-256', '--encoding=UTF8'],
      // Sorts and compares the same on every machine, whatever locales it has.
      ...['--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--no-instructions'],
      ...(durable ? [] : ['--no-sync']),
    ]),
    env: { LC_ALL: 'C' },
    cwd: '/',
    stopSignal: 'SIGINT',
    stopWithinMs: 5_000,
  });
  const { code } = await child.exited;
  if (code !== 0) throw new Error(`PostgreSQL's initdb failed:\n${child.lines.slice(-10).join('\n')}`);
}

const commandAs =
  (as: RunAs): Cluster['command'] =>
  (program, args) => {
    const [command = program, ...rest] = [...as.prefix, program, ...args];
    return { command, args: rest, ...as.spawnAs };
  };

const exists = (path: string): Promise<boolean> => stat(path).then(Boolean, () => false);
