import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  closeDatabase,
  configVersion,
  createProvider,
  insertUsage,
  loadSnapshot,
  actingAsSystem,
  openDatabase,
  pingDatabase,
  usageSummary,
  type Db,
} from '../src/index.js';
import { useDatabase } from './database-fixture.js';
import { keysOf, sampleEvent, sampleProvider } from './samples.js';

const fixture = useDatabase();
const unavailable = { code: 'unavailable', message: 'the database cannot be reached' };

/** A network between gateway and PostgreSQL that can go silent, as when a host dies without closing its connections. */
class Network {
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  silent = false;
  url = '';

  async open(url: string): Promise<void> {
    const target = new URL(url);
    const { port, hostname } = target;
    this.#server = createServer((near) => {
      const far = connect(Number(port), hostname);
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(from);
        from
          .on('data', (bytes) => this.silent || to.write(bytes))
          .on('error', () => to.destroy())
          .on('close', () => to.destroy());
      }
    }).listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    target.port = String((this.#server.address() as AddressInfo).port);
    this.url = target.href;
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  close(): void {
    this.cut();
    this.#server?.close();
  }
}

let network: Network;
let db: Db;
beforeEach(async () => {
  network = new Network();
  await network.open(fixture.url);
  db = openDatabase(network.url, { poolSize: 2, connectTimeoutMs: 400, statementTimeoutMs: 300 });
});
afterEach(async () => {
  network.close();
  await closeDatabase(db);
});

async function blockUsageLogs(): Promise<() => Promise<unknown>> {
  await fixture.sql('BEGIN; LOCK TABLE llm_usage_logs IN ACCESS EXCLUSIVE MODE');
  return () => fixture.sql('ROLLBACK');
}

async function waitingForLock(): Promise<void> {
  await eventually(async () => {
    const waiting = await fixture.sql(
      `SELECT 1 FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
    );
    if (waiting.length === 0) throw new Error('nobody waits for a lock');
  });
}

/** Tries until it works; the last error when it has not within 8 s. */
async function eventually<T>(attempt: () => Promise<T>): Promise<T> {
  for (const end = performance.now() + 8_000; ;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() > end) throw error;
      await pause(10);
    }
  }
}

const everyCall = (on: Db): Promise<unknown>[] => [
  pingDatabase(on),
  configVersion(on),
  loadSnapshot(on),
  insertUsage(on, [sampleEvent()]),
  usageSummary(on, { from: new Date(0), to: new Date() }),
  createProvider(actingAsSystem(on), keysOf('a'), sampleProvider()),
];

describe('with no PostgreSQL behind the address', () => {
  it('every call says unavailable where its Unix socket is gone as well', async () => {
    const nowhere = openDatabase('postgresql://u:p@localhost/db?host=/no/such/folder');
    const refused = await Promise.allSettled(everyCall(nowhere));
    await closeDatabase(nowhere);
    for (const each of refused) expect(each).toMatchObject({ status: 'rejected', reason: unavailable });
  });

  it('every call says unavailable at once', async () => {
    const nowhere = openDatabase('postgresql://u:p@127.0.0.1:1/db');
    const started = performance.now();
    for (const call of await Promise.allSettled(everyCall(nowhere)))
      expect(call).toMatchObject({ status: 'rejected', reason: unavailable });
    expect(performance.now() - started).toBeLessThan(2_500);
    await closeDatabase(nowhere);
  });

  it('a wrong password is an outage too, and neither it nor the address gets into the message', async () => {
    const url = new URL(fixture.url);
    url.password = 'wrong-password';
    const refused = openDatabase(url.href);
    const error = await pingDatabase(refused).catch((caught: unknown) => caught);
    // A server that trusts local connections takes any password.
    if (error !== undefined) expect(error).toMatchObject(unavailable);
    await closeDatabase(refused);
  });
});

describe('when PostgreSQL goes away', () => {
  it('cut connections end no process, and the next calls work again', async () => {
    await pingDatabase(db);
    const running = everyCall(db);
    network.cut();
    for (const call of await Promise.allSettled(running))
      if (call.status === 'rejected') expect(call.reason).toMatchObject(unavailable);
    await pingDatabase(db);
  });

  it.each([
    ['before a transaction', async () => undefined],
    ['inside a transaction', blockUsageLogs],
  ])('a host that falls silent %s is given up within the limits, and its connection is replaced', async (_, block) => {
    const single = openDatabase(network.url, { poolSize: 1, connectTimeoutMs: 400, statementTimeoutMs: 300 });
    await pingDatabase(single);
    const unblock = await block();
    const started = performance.now();
    const insert = insertUsage(single, [sampleEvent()]);
    const refused = expect(insert).rejects.toMatchObject(unavailable);
    if (unblock) await waitingForLock();
    network.silent = true;
    await refused;
    expect(performance.now() - started).toBeLessThan(5_000);
    await unblock?.();
    network.silent = false;
    await eventually(() => insertUsage(single, [sampleEvent()]));
    await closeDatabase(single);
  });

  it('a connection ended by the server is replaced', async () => {
    await pingDatabase(db);
    await fixture.sql(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'llm-gateway' AND datname = current_database()`,
    );
    await Promise.allSettled(everyCall(db));
    await pingDatabase(db);
  });

  it('a statement that outlives its limit says unavailable', async () => {
    const unblock = await blockUsageLogs();
    await expect(insertUsage(db, [sampleEvent()])).rejects.toMatchObject(unavailable);
    await unblock();
    expect(await insertUsage(db, [sampleEvent()])).toMatchObject({ logs: 1, attempts: 1 });
  });
});

describe('a closed database', () => {
  it('says unavailable', async () => {
    const closed = openDatabase(fixture.url);
    await closeDatabase(closed);
    await expect(pingDatabase(closed)).rejects.toMatchObject({ code: 'unavailable' });
  });
});
