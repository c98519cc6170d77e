import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { promisify } from 'node:util';
import { startChild } from '../process/child.js';

const APT = '/usr/bin/apt-get';

const WAYS_OUT = [
  'no Redis server was found on this machine. Any one of these helps:',
  '  REDIS_URL=redis://host:6379/3 npm start       use a server of yours (it needs maxmemory-policy noeviction)',
  '  docker run -d -p 6379:6379 redis:7            then the line above with 127.0.0.1 as the host',
  '  brew install redis                            on macOS',
  '  sudo apt-get install redis-server             on Debian and Ubuntu (as root, npm start does it itself)',
].join('\n');

/** @returns the path of a Redis or Valkey server on the PATH, or null when there is none. */
export async function findRedis(): Promise<string | null> {
  try {
    const { stdout } = await promisify(execFile)('/bin/sh', ['-c', 'command -v redis-server || command -v valkey-server']);
    return stdout.trim() || null;
  } catch {
    return null;
  }
}

/**
 * A Redis server, installed with apt where there is none and we may: on Debian and Ubuntu as root.
 * @param options.onProgress is told, in a sentence, before anything is installed.
 * @throws Error that names the ways out.
 */
export async function findOrInstallRedis(options: { onProgress: (message: string) => void }): Promise<string> {
  const found = await findRedis();
  if (found) return found;
  if (process.getuid?.() !== 0 || !(await isExecutable(APT))) throw new Error(WAYS_OUT);
  options.onProgress('no Redis server on this machine: installing the package redis-server with apt-get');
  await runApt(['update', '-qq']).catch(() => undefined); // the lists there are may still do; the next line tells
  await runApt(['install', '-y', '-qq', '--no-install-recommends', 'redis-server']);
  const installed = await findRedis();
  if (!installed) throw new Error(WAYS_OUT);
  return installed;
}

async function runApt(args: readonly string[]): Promise<void> {
  const child = await startChild({
    command: '/usr/bin/env',
    // RUNLEVEL=1: do not start the service. We run a server of our own, on our port and in our folder.
    args: ['DEBIAN_FRONTEND=noninteractive', 'RUNLEVEL=1', 'LC_ALL=C', APT, ...args],
    stopSignal: 'SIGTERM',
    stopWithinMs: 10_000,
  });
  const { code } = await child.exited;
  if (code !== 0) throw new Error(`apt-get ${args[0]} failed:\n${child.lines.slice(-5).join('\n')}\n${WAYS_OUT}`);
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
