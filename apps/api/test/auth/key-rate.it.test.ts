import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startRedis, type Redis as RedisServer } from '@llm-gateway/local-services';
import { connectRedis, waitUntilReady, type Redis } from '@llm-gateway/queue';
import { createLogger } from '@llm-gateway/shared';
import { KeyRate } from '../../src/auth/key-rate.js';
import { eventually } from '../support/eventually.js';

let server: RedisServer;
const clients: Redis[] = [];
const logger = createLogger({ name: 'test', level: 'silent' });
async function client(): Promise<Redis> {
  const made = connectRedis(server.url, 'patient', logger);
  clients.push(made);
  await waitUntilReady(made, 5_000);
  return made;
}
beforeAll(async () => {
  server = await startRedis();
});
afterAll(async () => {
  for (const each of clients) each.disconnect();
  await server.stop();
});

describe('the share of a limit while Redis is away', () => {
  it('is the limit over the replicas that were last seen, and one at least', async () => {
    // As the reply bus of three replicas does.
    for (const id of ['api-1', 'api-2', 'api-3']) await (await client()).subscribe(`lgw:reply:${id}`);
    const rate = new KeyRate(await client(), () => false, 1);
    await eventually(() => shareOf(rate, 12), (share) => share === 4); // prettier-ignore
    expect(await shareOf(rate, 1)).toBe(1);
    expect(await shareOf(rate, 5)).toBe(1);
    rate.stop();
  });

  it('is the limit over the replicas that are expected, for a process that has never seen Redis', async () => {
    const away = await client();
    away.disconnect();
    const rate = new KeyRate(away, () => false, 3);
    expect(await shareOf(rate, 12)).toBe(4);
    rate.stop();
  });
});

let asked = 0;
async function shareOf(rate: KeyRate, limit: number): Promise<number> {
  const keyId = `key-${asked++}`;
  const taken = await Promise.all(Array.from({ length: limit + 1 }, () => rate.take(keyId, limit)));
  return taken.filter((each) => each.taken).length;
}
