import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startChild, type Child } from '../process/child.js';
import { claimDirectory, noteService, releaseDirectory } from '../process/directory-claim.js';
import { freePort } from '../process/free-port.js';
import { findRedis } from './find-redis.js';
import { answersPing } from './ping.js';

export interface RedisOptions {
  /** A directory in the system's temporary one, deleted at stop, unless given. */
  dataDir?: string;
  /** A free one unless given. */
  port?: number;
  /** true: every write goes to an append-only file (at most a second is lost), which stays after stop where dataDir is given. Default false. */
  persistent?: boolean;
  /** More of redis-server's own arguments, e.g. `['--maxmemory', '50mb']`. */
  args?: readonly string[];
  /** The server's program. The one on the PATH unless given. */
  binary?: string;
  onLog?: (line: string) => void;
}

export interface Redis {
  /** `redis://127.0.0.1:<port>/3`: the gateway's default database. */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Resolves when the server ends, by whatever cause. */
  readonly exited: Promise<unknown>;
  /** @param signal SIGKILL for a crash. Default SIGTERM. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

const START_ATTEMPTS = 5;
const LOAD_TIMEOUT_MS = 60_000;

/**
 * Starts a Redis (or Valkey) server on loopback with `noeviction`, as BullMQ needs, and waits until it answers. A server that
 * a killed process left behind in the directory is stopped first.
 * @throws DirectoryInUseError while another process runs a server there; Error when no server is installed or it does not start.
 */
export async function startRedis(options: RedisOptions = {}): Promise<Redis> {
  const binary = options.binary ?? (await findRedis());
  if (!binary) throw new Error('neither redis-server nor valkey-server is on the PATH');
  const dataDir = options.dataDir === undefined ? await mkdtemp(join(tmpdir(), 'llm-gateway-redis-')) : resolve(options.dataDir);
  await claimDirectory(dataDir, 'SIGTERM');
  try {
    const { child, port } = await startOnAPort(binary, dataDir, options);
    return describe(child, port, dataDir, isKept(options));
  } catch (error) {
    await releaseDirectory(dataDir);
    throw error;
  }
}

async function startOnAPort(binary: string, dataDir: string, options: RedisOptions): Promise<{ child: Child; port: number }> {
  for (let attempt = 1; ; attempt++) {
    const port = options.port ?? (await freePort());
    const child = await spawnServer(binary, dataDir, port, options);
    await noteService(dataDir, child.pid);
    if (await becomesReady(child, port)) return { child, port };
    await child.stop();
    const transient = child.lines.some((line) => /Address already in use|Failed listening/.test(line));
    if (!transient || attempt === START_ATTEMPTS) throw new Error(`Redis did not start:\n${child.lines.slice(-10).join('\n')}`);
    await sleep(50 * attempt);
  }
}

function spawnServer(binary: string, dataDir: string, port: number, options: RedisOptions): Promise<Child> {
  const { persistent = false, args = [] } = options;
  return startChild({
    command: binary,
    args: [
      ...['--port', String(port), '--bind', '127.0.0.1', '--dir', dataDir, '--daemonize', 'no', '--save', ''],
      ...['--appendonly', persistent ? 'yes' : 'no', '--maxmemory-policy', 'noeviction', '--loglevel', 'notice', ...args],
    ],
    env: { LC_ALL: 'C' },
    stopSignal: 'SIGTERM',
    stopWithinMs: 10_000,
    onLine: options.onLog,
    ...(isKept(options) ? { lingerSeconds: 3 } : { removeDir: dataDir }),
  });
}

/** A directory that the caller did not name is of no use to anyone afterwards. */
const isKept = ({ persistent = false, dataDir }: RedisOptions): boolean => persistent && dataDir !== undefined;

/** False when the server ends instead. While it loads its append-only file it answers LOADING, which is not ready. */
async function becomesReady(child: Child, port: number): Promise<boolean> {
  const ended = child.exited.then(() => 'ended');
  for (const giveUp = Date.now() + LOAD_TIMEOUT_MS; Date.now() < giveUp;) {
    // The pid tells our server from another one that took the port in between.
    if (await answersPing(port, child.pid)) return true;
    if ((await Promise.race([ended, sleep(5)])) === 'ended') return false;
  }
  return false;
}

function describe(child: Child, port: number, dataDir: string, kept: boolean): Redis {
  const stop = async (signal?: NodeJS.Signals): Promise<void> => {
    await child.stop(signal);
    await releaseDirectory(dataDir);
    if (!kept) await rm(dataDir, { recursive: true, force: true });
  };
  return { url: `redis://127.0.0.1:${port}/3`, port, pid: child.pid, exited: child.exited, stop };
}
