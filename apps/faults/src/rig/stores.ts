/** PostgreSQL and Redis as processes that can be killed, frozen, and started again with their data on their port. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { startPostgres, startRedis, type Postgres, type Redis } from '@llm-gateway/local-services';
import { signalTree } from './proc.js';

interface Server {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  readonly exited: Promise<unknown>;
  stop(): Promise<void>;
}

export class Store<S extends Server = Server> {
  #server: S;
  #state: 'up' | 'frozen' | 'down' = 'up';
  readonly #startAgain: (port: number) => Promise<S>;

  constructor(server: S, startAgain: (port: number) => Promise<S>) {
    this.#server = server;
    this.#startAgain = startAgain;
  }

  get url(): string {
    return this.#server.url;
  }

  get port(): number {
    return this.#server.port;
  }

  get pid(): number {
    return this.#server.pid;
  }

  get isUp(): boolean {
    return this.#state === 'up';
  }

  /** SIGKILL to all of its processes. */
  async kill(): Promise<void> {
    if (this.#state === 'down') return;
    await signalTree(this.#server.pid, 'SIGKILL');
    await this.#server.exited;
    await this.#server.stop(); // gives up the claim on its directory
    this.#state = 'down';
  }

  /** SIGSTOP: connections stay, and nothing answers. */
  async freeze(): Promise<void> {
    await signalTree(this.#server.pid, 'SIGSTOP');
    this.#state = 'frozen';
  }

  /** Whatever was done to it: up again, with the data that it had. */
  async restore(): Promise<void> {
    if (this.#state === 'frozen') await signalTree(this.#server.pid, 'SIGCONT');
    if (this.#state === 'down') this.#server = await this.#startAgain(this.#server.port);
    this.#state = 'up';
  }

  async stop(): Promise<void> {
    if (this.#state === 'frozen') await signalTree(this.#server.pid, 'SIGCONT');
    if (this.#state !== 'down') await this.#server.stop();
  }
}

/** Durable as in production: a kill must lose nothing that was committed. */
export async function postgresStore(directory: string): Promise<Store<Postgres>> {
  const start = (port?: number) => startPostgres({ dataDir: join(directory, 'postgres'), port });
  return new Store(await start(), start);
}

export class RedisStore extends Store<Redis> {
  readonly #directory: string;

  private constructor(server: Redis, directory: string) {
    super(server, (port) => RedisStore.#start(directory, port));
    this.#directory = directory;
  }

  static async create(parent: string): Promise<RedisStore> {
    const directory = join(parent, 'redis');
    return new RedisStore(await RedisStore.#start(directory), directory);
  }

  /** An append-only file, synced every second: the default that docs/reliability.md speaks of. */
  static #start(dataDir: string, port?: number): Promise<Redis> {
    return startRedis({ dataDir, port, persistent: true });
  }

  /** For a server that comes back with nothing. Only while it is down. */
  async loseData(): Promise<void> {
    await rm(join(this.#directory, 'appendonlydir'), { recursive: true, force: true });
  }
}
