import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { LocalMinute, takeFromMinute, type MinuteShare, type Redis } from '../src/index.js';
import { keys } from '../src/keys.js';
import { startHarness, type Harness } from './harness.js';

const LIMIT = 3;

let harness: Harness;
let redis: Redis;
beforeAll(async () => {
  harness = await startHarness();
  redis = await harness.client();
});
afterAll(() => harness.close());

/** What a key has used, as it would be so many seconds later. */
async function letPass(keyId: string, seconds: number): Promise<void> {
  const { used, oldest, ...bySecond } = await redis.hgetall(keys.keyMinute(keyId));
  if (used === undefined || seconds === 0) return;
  const aged = Object.entries(bySecond).map(([second, count]) => [String(Number(second) - seconds), count] as const);
  await redis.del(keys.keyMinute(keyId));
  await redis.hset(keys.keyMinute(keyId), { used, oldest: Number(oldest) - seconds, ...Object.fromEntries(aged) });
}

interface Book {
  take: (secondsLater: number) => Promise<MinuteShare>;
  /** Epoch ms, by the clock of this book. */
  now: () => number;
}

const BOOKS: Record<string, () => Book> = {
  'for all replicas in Redis': () => {
    const keyId = `key-${Math.random()}`;
    let passed = 0;
    const take = async (seconds: number) => {
      passed += seconds * 1_000;
      await letPass(keyId, seconds);
      return takeFromMinute(redis, keyId, LIMIT);
    };
    return { take, now: () => Date.now() + passed };
  },
  'by itself': () => {
    const minute = new LocalMinute();
    let now = Date.now();
    return { take: (seconds) => Promise.resolve(minute.take(LIMIT, (now += seconds * 1_000))), now: () => now };
  },
};

describe.each(Object.entries(BOOKS))("a key's minute, counted %s", (_who, open) => {
  it('never lets more than the limit through in any 60 s, and holds back nothing that the last 61 do not explain', async () => {
    const pauses = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 40 }), fc.constant(62)), { maxLength: 25 });
    await fc.assert(
      fc.asyncProperty(pauses, async (gaps) => {
        const { take, now } = open();
        // When each was asked for, and when it was answered: Redis' clock goes on meanwhile.
        const taken: { from: number; to: number }[] = [];
        for (const gap of gaps) {
          const from = now() + gap * 1_000;
          const share = await take(gap);
          const to = now();
          const surelyWithin = taken.filter((each) => to - each.from < 60_000).length;
          const perhapsCounted = taken.filter((each) => from - each.to <= 61_000).length;
          if (share.taken) expect(surelyWithin).toBeLessThan(LIMIT);
          else expect(perhapsCounted).toBeGreaterThanOrEqual(LIMIT);
          expect(share.remaining).toBeLessThanOrEqual(LIMIT - surelyWithin);
          if (share.taken) taken.push({ from, to });
        }
      }),
      { numRuns: 40 },
    );
  });

  it('has twice its limit at no edge: what was used late in one minute is not free early in the next', async () => {
    const { take } = open();
    for (const gap of [0, 55, 0]) expect((await take(gap)).taken).toBe(true);
    // A fixed minute would begin anew here.
    expect((await take(8)).taken).toBe(true);
    expect(await take(0)).toMatchObject({ taken: false, remaining: 0 });
    const { resetsInMs } = await take(0);
    expect(resetsInMs).toBeGreaterThan(50_000);
    expect(resetsInMs).toBeLessThanOrEqual(53_000);
    expect((await take(55)).taken).toBe(true);
  });

  it('is one for all who ask at once', async () => {
    const { take } = open();
    const shares = await Promise.all(Array.from({ length: 20 }, () => take(0)));
    expect(shares.filter(({ taken }) => taken)).toHaveLength(LIMIT);
  });
});

it('is forgotten by Redis a minute after its last request', async () => {
  await takeFromMinute(redis, 'once', LIMIT);
  const left = await redis.ttl(keys.keyMinute('once'));
  expect(left).toBeGreaterThan(55);
  expect(left).toBeLessThanOrEqual(61);
});
