import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startChild, type Child } from '../process/child.js';
import { claimDirectory, noteService, releaseDirectory } from '../process/directory-claim.js';
import { freePort } from '../process/free-port.js';
import { findPostgresBinaries } from './binaries.js';
import { ensureCluster, type Cluster } from './cluster.js';

export interface PostgresOptions {
  /** Holds the cluster, its password and who runs it. Made when missing. */
  dataDir: string;
  /** A free one unless given. */
  port?: number;
  /** false: fast rather than durable, and deleted at stop. Default true. */
  persistent?: boolean;
  onLog?: (line: string) => void;
}

export interface Postgres {
  /** `postgresql://postgres:<password>@127.0.0.1:<port>/postgres` */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Resolves when the server ends, by whatever cause. */
  readonly exited: Promise<unknown>;
  stop(): Promise<void>;
}

const START_ATTEMPTS = 5;
const DURABLE_OR_FAST = {
  durable: [],
  fast: ['-c', 'fsync=off', '-c', 'synchronous_commit=off', '-c', 'full_page_writes=off'],
};

/**
 * Starts PostgreSQL on loopback, initialising its directory first where needed, and waits until it takes connections.
 * A server that a killed process left behind in the directory is stopped first.
 * @throws DirectoryInUseError while another process runs a server there; Error with the server's last words when it does not start.
 */
export async function startPostgres(options: PostgresOptions): Promise<Postgres> {
  const { port, persistent = true } = options;
  const dataDir = resolve(options.dataDir);
  await claimDirectory(dataDir, 'SIGINT');
  try {
    const cluster = await ensureCluster(dataDir, await findPostgresBinaries(), persistent);
    // No server of ours runs here any more: a pid file is stale, even where its number is by now someone else's.
    await rm(join(cluster.pgData, 'postmaster.pid'), { force: true });
    const started = await startOnAPort(cluster, { ...options, dataDir, persistent }, port);
    return describe(cluster, dataDir, persistent, started);
  } catch (error) {
    await releaseDirectory(dataDir);
    throw error;
  }
}

interface Started {
  child: Child;
  port: number;
}

async function startOnAPort(cluster: Cluster, options: PostgresOptions, wanted: number | undefined): Promise<Started> {
  for (let attempt = 1; ; attempt++) {
    const port = wanted ?? (await freePort());
    const child = await spawnServer(cluster, options, port);
    await noteService(options.dataDir, child.pid);
    if (await child.firstLine((line) => line.includes('database system is ready to accept connections'))) return { child, port };
    // Two causes pass by themselves: a port taken in between, and the backends of a killed server that are still leaving.
    const transient = child.lines.some((line) => /could not bind|pre-existing shared memory/.test(line));
    if (!transient || attempt === START_ATTEMPTS)
      throw new Error(`PostgreSQL did not start:\n${child.lines.slice(-10).join('\n')}`);
    await sleep(100 * attempt);
  }
}

function spawnServer(cluster: Cluster, options: PostgresOptions, port: number): Promise<Child> {
  const settings = [
    ...['-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories=', '-c', 'max_connections=300', '-c', 'timezone=UTC'],
    ...(options.persistent ? DURABLE_OR_FAST.durable : DURABLE_OR_FAST.fast),
  ];
  return startChild({
    ...cluster.command(cluster.binaries.postgres, ['-D', cluster.pgData, '-p', String(port), ...settings]),
    env: { LC_ALL: 'C' },
    cwd: '/',
    stopSignal: 'SIGINT', // PostgreSQL's "fast" shutdown: does not wait for clients
    stopWithinMs: 20_000,
    onLine: options.onLog,
    ...(options.persistent ? { lingerSeconds: 3 } : { removeDir: options.dataDir }),
  });
}

function describe(cluster: Cluster, dataDir: string, persistent: boolean, { child, port }: Started): Postgres {
  const stop = async (): Promise<void> => {
    // Nobody wants the data: no checkpoint either ("immediate").
    await child.stop(persistent ? 'SIGINT' : 'SIGQUIT');
    await releaseDirectory(dataDir);
    if (!persistent) await rm(dataDir, { recursive: true, force: true });
  };
  const url = `postgresql://postgres:${cluster.password}@127.0.0.1:${port}/postgres`;
  return { url, port, pid: child.pid, exited: child.exited, stop };
}
