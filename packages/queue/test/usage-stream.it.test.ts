import { afterAll, beforeEach, describe, expect, it } from '@jest/globals';
import { allShards, newRequestId, type UsageEvent } from '@llm-gateway/shared';
import { appendUsage, usageBacklog, UsageReader, type Redis } from '../src/index.js';
import { keys } from '../src/keys.js';
import { logger, startHarness, type Harness } from './harness.js';

const EVENT: UsageEvent = { v: 1, log: null, attempts: [] };
const harnesses: Harness[] = [];
let harness: Harness;
let admin: Redis;

beforeEach(async () => {
  harness = await startHarness();
  harnesses.push(harness);
  admin = await harness.client();
});
afterAll(() => Promise.all(harnesses.map((one) => one.close())));

async function reader(name: string): Promise<UsageReader> {
  const made = new UsageReader(await harness.client(), name, logger);
  await made.prepare();
  return made;
}

const length = async () =>
  (await Promise.all(allShards().map((shard) => admin.xlen(keys.usage(shard))))).reduce((a, b) => a + b, 0);

describe('the usage stream', () => {
  it('gives every event to one reader, from all shards, and forgets it once acknowledged', async () => {
    for (let i = 0; i < 100; i++) await appendUsage(admin, newRequestId(), EVENT);
    const [one, two] = [await reader('one'), await reader('two')];
    const seen = new Set<string>();
    for (let empty = 0; empty < 2;) {
      for (const each of [one, two]) {
        const entries = await each.read(20, 10);
        if (entries.length === 0) empty++;
        for (const entry of entries) {
          expect(seen.has(entry.stream + entry.entryId)).toBe(false);
          seen.add(entry.stream + entry.entryId);
        }
        await each.acknowledge(entries);
      }
    }
    expect(seen.size).toBe(100);
    expect(await length()).toBe(0);
  });

  it('hands what a dead reader did not acknowledge to a living one', async () => {
    await appendUsage(admin, newRequestId(), EVENT);
    const dead = await reader('dead');
    const [taken] = await dead.read(10, 10);
    expect(taken).toBeDefined();
    // Its reader has been silent for six seconds.
    await admin.call('XCLAIM', taken?.stream ?? '', 'writers', 'dead', 0, taken?.entryId ?? '', 'IDLE', 6_000, 'JUSTID');
    const [claimed] = await (await reader('living')).read(10, 10);
    expect(claimed?.entryId).toBe(taken?.entryId);
  });

  it('puts what is no event aside, and goes on', async () => {
    const stream = keys.usage(allShards()[0] as string);
    await admin.xadd(stream, '*', 'e', 'garbage');
    await admin.xadd(stream, '*', 'e', JSON.stringify(EVENT));
    const entries = await (await reader('one')).read(100, 10);
    expect(entries.map((entry) => entry.event)).toEqual([EVENT]);
    expect(await admin.xlen(`${stream}:dead`)).toBe(1);
  });

  it("tells how much waits, a reader's batch included, for how long, and what was refused", async () => {
    expect(await usageBacklog(admin)).toEqual({ waiting: 0, oldestMs: 0, dead: 0 });
    const [first, second] = allShards();
    await admin.xadd(keys.usage(first as string), `${Date.now() - 90_000}-0`, 'e', JSON.stringify(EVENT));
    for (let i = 0; i < 4; i++) await admin.xadd(keys.usage(second as string), '*', 'e', JSON.stringify(EVENT));
    const one = await reader('one');
    const entries = await one.read(100, 10);
    const waiting = await usageBacklog(admin);
    expect(waiting).toEqual({ waiting: 5, oldestMs: expect.any(Number), dead: 0 });
    expect(Math.round(waiting.oldestMs / 10_000)).toBe(9);
    await one.bury(entries[0]!, 'refused');
    await one.acknowledge(entries.slice(1));
    expect(await usageBacklog(admin)).toEqual({ waiting: 0, oldestMs: 0, dead: 1 });
  });
});
