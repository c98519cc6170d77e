import { beforeEach, describe, expect, it } from '@jest/globals';
import { insertUsage, repriceAttempts, storedAttempts, type StoredAttempt } from '../src/index.js';
import { useDatabase } from './database-fixture.js';
import { ARRIVED, lateEvent, sampleAttempt, sampleEvent, sampleLog, TOKENS } from './samples.js';

const fixture = useDatabase();
beforeEach(async () => {
  await fixture.sql('TRUNCATE llm_usage_logs, llm_usage_attempts, llm_usage_rollups');
});

const RANGE = { from: new Date(ARRIVED), to: new Date(ARRIVED + 60_000) };
const all = () => storedAttempts(fixture.db, RANGE, { after: undefined, limit: 100 });
const at = (costNanoUsd: number | null) => (attempt: StoredAttempt) => ({
  attempt,
  costNanoUsd,
  unpricedReason: costNanoUsd === null ? 'no price' : null,
  priceVersion: 'v2',
});

describe('stored attempts', () => {
  it('come page by page in the order of their times, each once, with all that a price depends on', async () => {
    const events = Array.from({ length: 7 }, () => sampleEvent());
    await insertUsage(fixture.db, events);
    const pages: StoredAttempt[][] = [];
    for (let after: StoredAttempt | undefined; pages.at(-1)?.length !== 0; after = pages.at(-1)?.at(-1)) {
      pages.push(await storedAttempts(fixture.db, RANGE, { after, limit: 3 }));
    }
    expect(pages.map((page) => page.length)).toEqual([3, 3, 1, 0]);
    expect(pages.flat().map(({ id }) => id)).toEqual(events.flatMap(({ attempts }) => attempts.map(({ id }) => id)).sort());
    expect(pages[0]?.[0]).toMatchObject({
      tokens: TOKENS,
      costNanoUsd: 8_400,
      createdAt: new Date(ARRIVED + 1),
      estimated: false,
    });
  });
});

describe('a new price', () => {
  it('is the cost of the attempt, and part of what its request cost', async () => {
    const log = sampleLog({ attemptCount: 2, costNanoUsd: 16_800 });
    await insertUsage(fixture.db, [{ v: 1, log, attempts: [sampleAttempt(log.id), sampleAttempt(log.id, { number: 2 })] }]);
    const [first] = await all();
    expect(await repriceAttempts(fixture.db, [first!].map(at(123_456_789_012_345)))).toBe(1);
    expect(await fixture.sql('SELECT cost_usd::text FROM llm_usage_logs')).toEqual([{ cost_usd: '123456.789020745' }]);
    expect((await all()).map(({ priceVersion, tokens }) => ({ priceVersion, tokens }))).toContainEqual({
      priceVersion: 'v2',
      tokens: TOKENS,
    });
  });

  it('does not land on an attempt that was closed after it was read', async () => {
    const log = sampleLog();
    const open = sampleAttempt(log.id, { status: 'abandoned', estimated: true, costNanoUsd: 5 });
    await insertUsage(fixture.db, [{ v: 1, log, attempts: [open] }]);
    const read = await all();
    // At the cost that was estimated: only its status tells that its tokens are others now.
    await insertUsage(fixture.db, [lateEvent({ ...open, status: 'ok', estimated: false })]);
    expect(await repriceAttempts(fixture.db, read.map(at(99)))).toBe(0);
    expect(await all()).toMatchObject([{ status: 'ok', costNanoUsd: 5 }]);
  });

  it('does not land on one that has got another price since it was read', async () => {
    await insertUsage(fixture.db, [sampleEvent()]);
    const read = await all();
    expect(await repriceAttempts(fixture.db, read.map(at(1)))).toBe(1);
    expect(await repriceAttempts(fixture.db, read.map(at(2)))).toBe(0);
    expect(await all()).toMatchObject([{ costNanoUsd: 1 }]);
  });

  it('may be unknown: then so is what the request cost, with the reason', async () => {
    await insertUsage(fixture.db, [sampleEvent()]);
    expect(await repriceAttempts(fixture.db, (await all()).map(at(null)))).toBe(1);
    expect(await fixture.sql('SELECT cost_usd, unpriced_reason FROM llm_usage_logs')).toEqual([
      { cost_usd: null, unpriced_reason: 'no price' },
    ]);
  });

  it('is written all or none with the others of its batch', async () => {
    await insertUsage(fixture.db, [sampleEvent(), sampleEvent()]);
    const [first, second] = await all();
    await expect(repriceAttempts(fixture.db, [at(1)(first!), at(1e18)(second!)])).rejects.toThrow();
    expect((await all()).map(({ costNanoUsd }) => costNanoUsd)).toEqual([8_400, 8_400]);
  });
});
