import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { identify, isAlive, type ProcessIdentity } from './process-identity.js';

/** Another living process works with the directory. */
export class DirectoryInUseError extends Error {
  override readonly name = 'DirectoryInUseError';
  constructor(
    readonly directory: string,
    readonly pid: number,
  ) {
    super(`${directory} is in use by process ${pid}`);
  }
}

/** Who started what in a directory, so that the next start can tell its owner's leftovers from a stranger's process. */
interface Claim {
  owner: ProcessIdentity;
  service: ProcessIdentity | null;
}

const claimFile = (directory: string): string => join(directory, 'running.json');

/**
 * Takes a service's directory for this process, ending what a killed owner left running in it.
 * @throws DirectoryInUseError while its owner lives.
 */
export async function claimDirectory(directory: string, stopSignal: NodeJS.Signals): Promise<void> {
  await mkdir(directory, { recursive: true });
  const before = await readClaim(directory);
  if (before && (await isAlive(before.owner))) throw new DirectoryInUseError(directory, before.owner.pid);
  if (before?.service) await endLeftover(before.service, stopSignal);
  await writeClaim(directory, null);
}

/** Notes the service's process, so that it can be found after a crash of ours. */
export async function noteService(directory: string, pid: number): Promise<void> {
  await writeClaim(directory, await identify(pid));
}

export const releaseDirectory = (directory: string): Promise<void> => rm(claimFile(directory), { force: true });

async function readClaim(directory: string): Promise<Claim | null> {
  try {
    return JSON.parse(await readFile(claimFile(directory), 'utf8')) as Claim;
  } catch {
    return null; // absent, or cut short by a crash: PostgreSQL and Redis have locks of their own behind this one
  }
}

async function writeClaim(directory: string, service: ProcessIdentity | null): Promise<void> {
  const owner = await identify(process.pid);
  await writeFile(claimFile(directory), JSON.stringify({ owner, service }));
}

async function endLeftover(service: ProcessIdentity, signal: NodeJS.Signals): Promise<void> {
  for (let waitedMs = 0; await isAlive(service); waitedMs += 20) {
    if (waitedMs === 0) signalIfThere(service.pid, signal);
    if (waitedMs === 15_000) signalIfThere(service.pid, 'SIGKILL');
    await sleep(20);
  }
}

function signalIfThere(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
