/** A Redis server of the test's own, clients on it that are closed with it, and a database that cannot be reached. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { closeDatabase, openDatabase, type Db } from '@llm-gateway/db';
import { startRedis } from '@llm-gateway/local-services';
import { connectRedis, waitUntilReady, type Redis } from '@llm-gateway/queue';
import { createLogger } from '@llm-gateway/shared';

export const logger = createLogger({ name: 'test', level: 'silent' });

export interface Harness {
  /** @returns a ready client. */
  client(): Promise<Redis>;
  close(): Promise<void>;
}

export async function startHarness(): Promise<Harness> {
  const server = await startRedis();
  const clients: Redis[] = [];
  return {
    client: async () => {
      const client = connectRedis(server.url, 'patient', logger);
      clients.push(client);
      await waitUntilReady(client, 5_000);
      return client;
    },
    close: async () => {
      for (const client of clients) client.disconnect();
      await server.stop();
    },
  };
}

/** A database whose server hangs up on everyone. */
export async function unreachableDatabase(): Promise<{ db: Db; close: () => Promise<void> }> {
  const server = createServer((socket) => socket.destroy());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const db = openDatabase(`postgresql://nobody:none@127.0.0.1:${(server.address() as AddressInfo).port}/nothing`);
  return {
    db,
    close: async () => {
      await closeDatabase(db);
      await new Promise((closed) => server.close(closed));
    },
  };
}

/** Waits for something to become true; fails loudly when it does not. */
export async function until(what: () => boolean | Promise<boolean>, withinMs = 5_000): Promise<void> {
  const end = Date.now() + withinMs;
  while (!(await what())) {
    if (Date.now() > end) throw new Error(`not within ${withinMs} ms: ${what.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
