import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import Bottleneck from 'bottleneck';
import { Limiter, readAllowance, type Admission, type LaneLimits, type Redis } from '../src/index.js';
import { bottleneckConnection } from '../src/lanes/bottleneck-connection.js';
import { DirectSlots } from '../src/lanes/datastore.js';
import { logger, startHarness, until, type Harness } from './harness.js';

const NONE: LaneLimits = { rpmLimit: null, tpmLimit: null, maxConcurrency: null };
const call = (weight = 1, withinMs = 10_000) => ({ weight, deadline: Date.now() + withinMs, longestCallMs: 20_000 });

let harness: Harness;
let admin: Redis;
const limiters: Limiter[] = [];
let lane = 0;
const freshLane = () => `lane-${++lane}`;

async function replica(): Promise<Limiter> {
  const limiter = new Limiter(await harness.client(), logger);
  limiters.push(limiter);
  return limiter;
}

const permits = (admissions: Admission[]) => admissions.filter((admission) => admission.kind === 'permit').length;
const release = (admission: Admission, tokens: number | null = 1) =>
  admission.kind === 'permit' && admission.permit.release(tokens);

beforeAll(async () => {
  harness = await startHarness();
  admin = await harness.client();
});
afterAll(async () => {
  await Promise.all(limiters.map((limiter) => limiter.close()));
  await harness.close();
});

describe('limits', () => {
  it('cost nothing where none is set: not one key, not one command', async () => {
    const limiter = await replica();
    const name = freshLane();
    release(await limiter.admit(name, NONE, call()));
    expect(await admin.keys(`*${name}*`)).toEqual([]);
  });

  it('let exactly rpm_limit calls through in a minute over three replicas, and say when the next may come', async () => {
    const name = freshLane();
    const limits = { ...NONE, rpmLimit: 20 };
    const replicas = await Promise.all([replica(), replica(), replica()]);
    const admissions = await Promise.all(
      Array.from({ length: 60 }, (_, i) => replicas[i % 3]?.admit(name, limits, call()) as Promise<Admission>),
    );
    for (const admission of admissions) release(admission);
    expect(permits(admissions)).toBe(20);
    const waits = admissions.flatMap((admission) => (admission.kind === 'wait' ? [admission.untilMs - Date.now()] : []));
    expect(waits).toHaveLength(40);
    for (const wait of waits) expect(wait).toBeGreaterThan(50_000);
  }, 20_000);

  it('count a second call that is made in the slot of a first', async () => {
    const name = freshLane();
    const limits = { ...NONE, rpmLimit: 10 };
    const limiter = await replica();
    for (let n = 0; n < 4; n++) {
      const admission = await limiter.admit(name, limits, call());
      if (admission.kind === 'permit') admission.permit.release(1, 2);
    }
    // What is taken from a minute is on its way when the slot is given back.
    await until(async () => (await readAllowance(admin, name)).requests?.remaining === 2);
    const more = [];
    for (let n = 0; n < 4; n++) more.push(await limiter.admit(name, limits, call()));
    expect(permits(more)).toBe(2);
  }, 20_000);

  it('hold max_concurrency over replicas, and pass a freed slot on at once', async () => {
    const name = freshLane();
    const limits = { ...NONE, maxConcurrency: 3 };
    const replicas = await Promise.all([replica(), replica()]);
    let running = 0;
    let most = 0;
    let done = 0;
    const work = async (limiter: Limiter) => {
      const admission = await limiter.admit(name, limits, call());
      expect(admission.kind).toBe('permit');
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 15));
      running--;
      done++;
      release(admission);
    };
    await Promise.all(Array.from({ length: 30 }, (_, i) => work(replicas[i % 2] as Limiter)));
    expect(done).toBe(30);
    expect(most).toBe(3);
  }, 20_000);

  it('count tokens a minute, and settle the estimate with what was really used', async () => {
    const name = freshLane();
    const limits = { ...NONE, tpmLimit: 1_000 };
    const limiter = await replica();
    const first = await limiter.admit(name, limits, call(900));
    expect((await limiter.admit(name, limits, call(200))).kind).toBe('wait');
    release(first, 100);
    // 900 were taken and 100 used: 900 are left.
    await until(async () => (await admin.hget(`b_lgw.${name}.tokens_settings`, 'reservoir')) === '900');
    const second = await limiter.admit(name, limits, call(850));
    expect(second.kind).toBe('permit');
    release(second, 850);
  }, 20_000);

  it('do not charge a request that the tokens turned away against the requests a minute', async () => {
    const name = freshLane();
    const limits = { ...NONE, rpmLimit: 10, tpmLimit: 100 };
    const limiter = await replica();
    release(await limiter.admit(name, limits, call(90)), 90);
    expect((await limiter.admit(name, limits, call(90))).kind).toBe('wait');
    await until(async () => (await admin.hget(`b_lgw.${name}.calls_settings`, 'reservoir')) === '9');
  }, 20_000);

  it('follow a changed limit on every replica, keeping what the minute has used', async () => {
    const name = freshLane();
    const [one, two] = [await replica(), await replica()];
    const before = await Promise.all(Array.from({ length: 5 }, () => one.admit(name, { ...NONE, rpmLimit: 5 }, call())));
    for (const admission of before) release(admission);
    expect(permits(before)).toBe(5);
    const raised = { ...NONE, rpmLimit: 8 };
    const after = await Promise.all(Array.from({ length: 10 }, (_, i) => (i % 2 ? one : two).admit(name, raised, call())));
    for (const admission of after) release(admission);
    expect(permits(after)).toBe(3);
  }, 20_000);

  it('refuse at once what is larger than a minute takes, and go on serving the rest', async () => {
    const name = freshLane();
    const limits = { ...NONE, tpmLimit: 1_000 };
    const limiter = await replica();
    expect(await limiter.admit(name, limits, call(5_000))).toEqual({ kind: 'never' });
    const next = await limiter.admit(name, limits, call(10));
    expect(next.kind).toBe('permit');
    release(next, 10);
  }, 20_000);

  it('give nothing back to a minute that it was not taken from', async () => {
    const name = freshLane();
    const limits = { ...NONE, tpmLimit: 1_000 };
    const limiter = await replica();
    const first = await limiter.admit(name, limits, call(900));
    // The minute turns while the call is under way.
    const settings = `b_lgw.${name}.tokens_settings`;
    await admin.hset(settings, 'lastReservoirRefresh', Date.now() + 10, 'reservoir', 1_000);
    release(first, 100);
    const next = await limiter.admit(name, limits, call(50));
    release(next, 50);
    // What is to be given back is given back before the limiter is let go of.
    await limiter.drop(name);
    expect(await admin.hget(settings, 'reservoir')).toBe('950');
  }, 20_000);

  it.each([2, null])(
    'serve those who wait for a slot by the limit as it is changed to: %s',
    async (maxConcurrency) => {
      const name = freshLane();
      const limiter = await replica();
      const holder = await limiter.admit(name, { ...NONE, maxConcurrency: 1 }, call());
      const waiting = limiter.admit(name, { ...NONE, maxConcurrency: 1 }, call());
      release(await limiter.admit(name, { ...NONE, maxConcurrency }, call()));
      expect((await waiting).kind).toBe('permit');
      release(await waiting);
      release(holder);
    },
    20_000,
  );

  it('heal when Redis has lost the limiter keys', async () => {
    const name = freshLane();
    const limits = { ...NONE, maxConcurrency: 2 };
    const limiter = await replica();
    release(await limiter.admit(name, limits, call()));
    const lost = await admin.keys(`b_lgw.${name}*`);
    expect(lost.length).toBeGreaterThan(0);
    await admin.del(...lost);
    const healed = await limiter.admit(name, limits, call());
    expect(healed.kind).toBe('permit');
    release(healed);
  }, 20_000);

  it("give a dead process's slot back after the longest call", async () => {
    const name = freshLane();
    const limits = { ...NONE, maxConcurrency: 1 };
    const [dying, living] = [await replica(), await replica()];
    await dying.admit(name, limits, { ...call(), longestCallMs: 300 });
    const admission = await living.admit(name, limits, call());
    expect(admission.kind).toBe('permit');
    release(admission);
  }, 20_000);

  it("end a wait for a slot at the call's deadline", async () => {
    const name = freshLane();
    const limits = { ...NONE, maxConcurrency: 1 };
    const limiter = await replica();
    const holder = await limiter.admit(name, limits, call());
    const asked = Date.now();
    const late = await limiter.admit(name, limits, call(1, 200));
    expect(late.kind).toBe('wait');
    expect(Date.now() - asked).toBeLessThan(1_000);
    release(holder);
    const next = await limiter.admit(name, limits, call());
    expect(next.kind).toBe('permit');
    release(next);
  }, 20_000);

  it.each([
    ['both limits are asked at once', false],
    ['one is asked after the other', true],
  ])(
    'keep no slot of a call whose tokens could not be asked for: %s',
    async (_how, turnedAway) => {
      const name = freshLane();
      const limits = { ...NONE, maxConcurrency: 1, tpmLimit: 1_000 };
      const limiter = await replica();
      const holder = await limiter.admit(name, limits, call());
      if (turnedAway) expect((await limiter.admit(name, limits, call(1, 100))).kind).toBe('wait');
      release(holder);
      await until(async () => (await admin.hget(`b_lgw.${name}.calls_settings`, 'running')) === '0');
      // Of another type, so that the script for the tokens fails and that for the slot does not.
      const weights = `b_lgw.${name}.tokens_job_weights`;
      await admin.del(weights);
      await admin.set(weights, 'spoilt');
      await expect(limiter.admit(name, limits, call())).rejects.toThrow(/WRONGTYPE/);
      await admin.del(weights);
      const next = await limiter.admit(name, limits, call(1, 2_000));
      expect(next.kind).toBe('permit');
      release(next);
    },
    20_000,
  );

  it('do not let a call wait where its caller says that it would be for nothing', async () => {
    const name = freshLane();
    const limits = { ...NONE, maxConcurrency: 1 };
    const limiter = await replica();
    const holder = await limiter.admit(name, limits, call());
    const asked = Date.now();
    const turnedAway = await limiter.admit(name, limits, { ...call(), pointless: () => Promise.resolve(true) });
    expect(turnedAway.kind).toBe('wait');
    expect(Date.now() - asked).toBeLessThan(1_000);
    release(holder);
  }, 20_000);

  it('offer a freed slot to those who wait, also after Redis has taken their process for dead', async () => {
    const name = freshLane();
    const limits = { ...NONE, maxConcurrency: 1 };
    const [here, there] = [await replica(), await replica()];
    const holder = await here.admit(name, limits, call());
    const waiting = [here, there, here].map((limiter) => limiter.admit(name, limits, call()));
    const served = waiting.map(async (admission) => release(await admission));
    await until(async () => (await admin.hvals(`b_lgw.${name}.calls_client_num_queued`)).some((waits) => Number(waits) > 0));
    await admin.del(`b_lgw.${name}.calls_client_last_seen`);
    const freedAt = Date.now();
    release(holder);
    await Promise.all(served);
    // A second each, where Bottleneck offers it to somebody who does not wait.
    expect(Date.now() - freedAt).toBeLessThan(900);
  }, 20_000);

  it('count a slot once that is asked for again after a connection broke', async () => {
    const connection = bottleneckConnection(await harness.client());
    const limiter = new Bottleneck({ id: freshLane(), connection, maxConcurrent: 2 });
    const slots = new DirectSlots(limiter);
    const taken = [];
    for (const id of ['a', 'a', 'b', 'c']) taken.push(await slots.take(id, 1, 10_000));
    expect(taken).toEqual([true, true, true, false]);
    await slots.free('a');
    await slots.free('a');
    expect(await slots.take('c', 1, 10_000)).toBe(true);
    expect(await slots.take('d', 1, 10_000)).toBe(false);
    await limiter.disconnect(false);
    void connection.disconnect(false);
  }, 20_000);

  it.each([NONE, { ...NONE, maxConcurrency: 5 }])(
    'are waited for while Redis refuses to write: %j',
    async (more) => {
      const name = freshLane();
      const limits = { ...more, rpmLimit: 100, tpmLimit: 1_000 };
      const limiter = await replica();
      release(await limiter.admit(name, limits, call()));
      await admin.config('RESETSTAT');
      await admin.config('SET', 'maxmemory', '1');
      const admission = limiter.admit(name, limits, call());
      // Asked directly, and then in line.
      await until(async () => Number(/errorstat_OOM:count=(\d+)/.exec(await admin.info('errorstats'))?.[1] ?? 0) > 3);
      await admin.config('SET', 'maxmemory', '0');
      expect((await admission).kind).toBe('permit');
      release(await admission);
    },
    20_000,
  );
});
