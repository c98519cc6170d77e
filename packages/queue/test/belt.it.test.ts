import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Redis } from '../src/index.js';
import { Belt } from '../src/index.js';
import { logger, startHarness, type Harness } from './harness.js';

let harness: Harness;
let belt: Belt;

beforeAll(async () => {
  harness = await startHarness();
  const redis: Redis = await harness.client();
  belt = new Belt({ redisUrl: harness.server.url, role: 'patient', redis, logger });
});

afterAll(async () => {
  await belt.close();
  await harness.close();
});

test('of callers that looked at an empty queue ahead, no more enter than it has room for, at once or one after the other', async () => {
  const looks = Array.from({ length: 20 }, () => belt.look('mine'));
  const enter = () => Promise.resolve();
  const atOnce = await Promise.all(looks.slice(0, 3).map((look) => belt.enterIfRoom(look, 5, enter)));
  const inTurn: boolean[] = [];
  for (const look of looks.slice(3)) inTurn.push(await belt.enterIfRoom(look, 5, enter));

  expect([...atOnce, ...inTurn].filter(Boolean)).toHaveLength(5);
  // What has gone in is for Redis to count from then on.
  expect(await belt.enterIfRoom(belt.look('mine'), 1, enter)).toBe(true);
});
