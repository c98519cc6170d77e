/** A Redis server of the test's own, and clients on it that are closed with it. */
import { createLogger } from '@llm-gateway/shared';
import { startRedis, type Redis as RedisServer } from '@llm-gateway/local-services';
import { connectRedis, waitUntilReady, type Redis } from '../src/index.js';
import type { RedisRole } from '../src/redis/connect.js';

export const logger = createLogger({ name: 'test', level: 'silent' });

export interface Harness {
  server: RedisServer;
  /** @returns a ready client. */
  client(role?: RedisRole): Promise<Redis>;
  close(): Promise<void>;
}

export async function startHarness(options: Parameters<typeof startRedis>[0] = {}): Promise<Harness> {
  const server = await startRedis(options);
  const clients: Redis[] = [];
  return {
    server,
    client: async (role = 'patient') => {
      const client = connectRedis(server.url, role, logger);
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

/** Waits for something to become true; fails loudly when it does not. */
export async function until(what: () => boolean | Promise<boolean>, withinMs = 5_000): Promise<void> {
  const end = Date.now() + withinMs;
  while (!(await what())) {
    if (Date.now() > end) throw new Error(`not within ${withinMs} ms: ${what.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
