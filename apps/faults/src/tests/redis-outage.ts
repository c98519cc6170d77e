/** Redis dead, frozen, empty, full, or forgetful. */
import { setTimeout as sleep } from 'node:timers/promises';
import { settled } from '../books/unsettled.js';
import type { FaultTest, TestContext } from '../fault-test.js';
import type { Entry } from '../load/client.js';
import { atOnce, steadily } from '../load/load.js';
import { until } from '../rig/wait.js';
import { closeBooks } from './close-books.js';

/** Longer than a worker's lock on its job, so that every job in flight runs again. */
const BEYOND_LOCK_MS = 13_000;
/** The switch to direct mode and back. */
const SWITCH_MS = 2_000;
const PER_SECOND = 50;

const lane = ({ name }: TestContext): string => `${name}-a`;

/** A steady load, an outage of Redis in the middle of it, and the load going on after it. */
async function outage(
  context: TestContext,
  ms: number,
  begin: () => Promise<void>,
): Promise<{ entries: Entry[]; from: number; to: number }> {
  const { rig, client, findings, name } = context;
  await rig.provider(lane(context));
  rig.vendor.script(lane(context), { delayMs: 300 });
  // Half of them with a key, which nobody can honour without Redis; half without one, which are carried out in direct mode.
  const stream = steadily(client, context.load(PER_SECOND), (i) => ({
    marker: `${name}-${i}`,
    provider: lane(context),
    keyed: i % 2 === 0,
  }));
  await sleep(2_000);
  await begin();
  const from = Date.now();
  await sleep(ms);
  await rig.redis.restore();
  const to = Date.now();
  await until('requests go through the workers again', 20_000, () =>
    client.entries.some((entry) => isQueued(entry) && entry.sentAt > to),
  );
  findings.tell('s until the first request went through the workers again', (Date.now() - to) / 1_000);
  await sleep(2_000);
  return { entries: await stream.stop(), from, to };
}

const isQueued = (entry: Entry): boolean => entry.status === 200 && entry.mode === undefined;

/**
 * Requests without a key that came just as Redis went: whether they were queued nobody knows, so they are told 503 and are not made twice.
 * @returns how many.
 */
function tellOfOutage({ findings, load }: TestContext, { entries, from, to }: Awaited<ReturnType<typeof outage>>): number {
  const during = entries.filter((entry) => entry.sentAt >= from && entry.sentAt < to);
  findings.tell('sent during the outage', during.length);
  findings.atLeast('served in direct mode', entries.filter((entry) => entry.mode === 'direct').length, 1);
  findings.tell('told 503 at first', during.filter((entry) => entry.unavailable > 0).length);
  findings.tell('longest ms', Math.max(...entries.map((entry) => entry.ms)));
  const torn = entries.filter((entry) => entry.status === 503).length;
  findings.atMost('without a key, and told 503 as Redis went', torn, (load(PER_SECOND) / 2) * (SWITCH_MS / 1_000));
  return torn;
}

const killedShort: FaultTest = {
  id: '6',
  fault: 'kill -9 of Redis for 3 s under load (append-only file)',
  pass: 'none lost, no repeated call, rows 1:1',
  run: async (context) => {
    const torn = tellOfOutage(context, await outage(context, 3_000, () => context.rig.redis.kill()));
    await closeBooks(context, { unanswered: torn });
  },
};

const killedLong: FaultTest = {
  id: '7',
  fault: `kill -9 of Redis for 30 s (short version: ${BEYOND_LOCK_MS / 1_000} s), longer than a job's lock`,
  pass: 'none lost, as many calls as requests, workers go on within 10 s',
  run: async (context) => {
    const seen = await outage(context, context.full ? 30_000 : BEYOND_LOCK_MS, () => context.rig.redis.kill());
    const torn = tellOfOutage(context, seen);
    const back = seen.entries
      .filter((entry) => isQueued(entry) && entry.sentAt > seen.to)
      .map((entry) => entry.endedAt - seen.to);
    context.findings.atMost('s until the workers went on', Math.min(...back) / 1_000, 10);
    await closeBooks(context, { unanswered: torn });
  },
};

const frozen: FaultTest = {
  id: '8',
  fault: 'SIGSTOP of Redis for 10 s (short version: 6 s) under load',
  pass: `no caller who comes while it is frozen waits longer than ${(SWITCH_MS + 500) / 1_000} s for an answer or for a 503, no process ends, all goes on afterwards`,
  run: async (context) => {
    const { rig, findings } = context;
    const before = rig.fleet.all.map((child) => child.pid);
    const seen = await outage(context, context.full ? 10_000 : 6_000, () => rig.redis.freeze());
    const torn = tellOfOutage(context, seen);
    // A request that was queued a moment before waits for its answer, as it should.
    const during = seen.entries.filter((entry) => entry.sentAt > seen.from + 500 && entry.sentAt < seen.to - SWITCH_MS);
    const [longest] = during.sort((a, b) => b.longestTryMs - a.longestTryMs);
    findings.atMost('longest try of those sent during it, in ms', longest?.longestTryMs ?? Infinity, SWITCH_MS + 500);
    if (longest)
      findings.tell(
        'that one',
        `sent after ${longest.sentAt - seen.from} ms, answered after ${longest.endedAt - seen.from} ms, ` +
          `${longest.tries} tries, ${longest.mode ?? 'queued'}, ${longest.cache ?? longest.status}`,
      );
    findings.exactly(
      'processes that lived on',
      rig.fleet.all.filter((child) => before.includes(child.pid)).length,
      before.length,
    );
    await closeBooks(context, { unanswered: torn });
  },
};

const limiterLost: FaultTest = {
  id: '9',
  fault: "the limiter's keys deleted from Redis under load",
  pass: 'the next calls go through, none is refused for it',
  run: async (context) => {
    const { rig, client, findings, name } = context;
    await rig.provider(lane(context), 'openai', { rpm_limit: 100_000, max_concurrency: 20 });
    // So that slots are held as their keys go.
    rig.vendor.script(lane(context), { delayMs: 300 });
    const stream = steadily(client, context.load(40), (i) => ({
      marker: `${name}-${i}`,
      provider: lane(context),
      timeoutMs: 20_000,
    }));
    let deleted = 0;
    for (let round = 0; round < 3; round++) {
      await sleep(1_000);
      const keys = await rig.redisClient.keys(`b_lgw.${lane(context)}.*`);
      if (keys.length > 0) deleted += await rig.redisClient.del(keys);
    }
    await sleep(1_000);
    const entries = await stream.stop();
    findings.atLeast('keys deleted', deleted, 1);
    findings.atMost('longest ms', Math.max(...entries.map((entry) => entry.ms)), 15_000);
    await closeBooks(context);
  },
};

const lostData: FaultTest = {
  id: '10',
  fault: 'kill -9 of Redis, which comes back empty, with 200 requests under way',
  pass: 'every caller gets an answer or a clean error by its deadline, nothing hangs, new requests are served',
  remark:
    'What stood in Redis and nowhere else is gone: jobs that no worker had taken, and usage rows that were not written yet, whose number is ' +
    'not looked at here. Callers of lost jobs get 504 at their deadline, or send the request again.',
  run: async (context) => {
    const { rig, client, findings, name } = context;
    await rig.provider(lane(context));
    rig.vendor.script(lane(context), { delayMs: 1_500 });
    const count = context.load(200);
    const under = atOnce(client, count, count, (i) => ({ marker: `${name}-${i}`, provider: lane(context), timeoutMs: 10_000 }));
    await rig.vendor.received(`${name}-`, count / 2);
    await rig.redis.kill();
    await rig.redis.loseData();
    await sleep(500);
    await rig.redis.restore();
    const entries = await under;
    const clean = entries.filter(
      (entry) => entry.status === 200 || ['timeout', 'unavailable', 'conflict'].includes(entry.code ?? ''),
    );
    findings.tell('answered', entries.filter((entry) => entry.status === 200).length);
    findings.tell('told 504', entries.filter((entry) => entry.code === 'timeout').length);
    findings.exactly('clean ends', clean.length, entries.length);
    findings.zero('hanging', entries.filter((entry) => entry.hung).length);
    await rig.lanesServed([lane(context)]);
    const later = await atOnce(client, 20, 20, (i) => ({ marker: `${name}-later-${i}`, provider: lane(context) }));
    findings.exactly('later requests answered', later.filter((entry) => entry.status === 200).length, 20);
  },
};

const subscribersCut: FaultTest = {
  id: '11',
  fault: 'CLIENT KILL of every subscriber, 10 times under load',
  pass: 'nothing hangs, every answer is there within 3 s of its call',
  run: async (context) => {
    const { rig, client, findings, name } = context;
    await rig.provider(lane(context));
    rig.vendor.script(lane(context), { delayMs: 200 });
    const stream = steadily(client, context.load(80), (i) => ({ marker: `${name}-${i}`, provider: lane(context) }));
    let cut = 0;
    for (let round = 0; round < 10; round++) {
      await sleep(400);
      cut += Number(await rig.redisClient.call('CLIENT', 'KILL', 'TYPE', 'PUBSUB'));
    }
    const entries = await stream.stop();
    findings.atLeast('subscribers cut', cut, 10);
    findings.atMost('longest ms', Math.max(...entries.map((entry) => entry.ms)), 200 + 3_000);
    await closeBooks(context);
  },
};

const full: FaultTest = {
  id: '12',
  fault: 'Redis at maxmemory (noeviction): it reads and refuses to write',
  pass: 'hits of the cache are still served, other callers get an answer or a 503 within 2 s, all goes on once there is room',
  run: async (context) => {
    const { rig, client, findings, name } = context;
    await rig.provider(lane(context));
    const cached = { provider: lane(context), more: { prompt: 'the same every time', cache: { mode: 'default' as const } } };
    const first = await client.ask({ ...cached, marker: `${name}-first`, keyed: false });
    await rig.redisClient.config('SET', 'maxmemory', '1mb');
    const hit = await client.ask({ ...cached, marker: `${name}-hit`, keyed: false, patient: false });
    const miss = await client.ask({
      marker: `${name}-miss`,
      provider: lane(context),
      keyed: false,
      patient: false,
      timeoutMs: 8_000,
    });
    await rig.redisClient.config('SET', 'maxmemory', '0');
    const after = await atOnce(client, 20, 20, (i) => ({ marker: `${name}-after-${i}`, provider: lane(context) }));
    findings.holds('the first is answered', first.status === 200, first.status);
    findings.holds('a hit is served', hit.status === 200 && hit.cache === 'HIT', `${hit.status} ${hit.cache ?? ''}`);
    findings.holds('another is answered or told 503', [200, 503].includes(miss.status), `${miss.status} ${miss.mode ?? ''}`);
    findings.atMost('ms until then', miss.ms, SWITCH_MS);
    findings.exactly('answered afterwards', after.filter((entry) => entry.status === 200).length, 20);
    // One that was carried out without Redis must not wait there to be given up.
    findings.tell('s until nothing was unfinished', (await settled(rig, 5_000)) / 1_000);
  },
};

export const redisTests = [killedShort, killedLong, frozen, limiterLost, lostData, subscribersCut, full];
