/** The main figure: everything at once, in a random order that is the same every time. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ChildHandle } from '@llm-gateway/local-services';
import type { FaultTest, TestContext } from '../fault-test.js';
import { randomFrom } from '../random.js';
import { atOnce } from '../load/load.js';
import { closeBooks } from './close-books.js';
import { killWorkers } from './kill.js';

const FLEET = { apis: 2, workers: 3 };
/** A worker's calls at once, on the three lanes together. */
const HELD_BY_A_WORKER = 300;
/** What waited for Redis in a worker is written down so long after its return. */
const CAUGHT_UP_MS = 2_000;

const KINDS = 8;
/** At the rate at which they are answered, twice what passes from one fault to the next. */
const REQUESTS_A_KIND = 1_250;

interface Nemesis {
  readonly done: Map<string, number>;
  /** Provider calls that killed workers held. */
  held: (() => number)[];
  /** Attempts that killed workers may have written down and not made. */
  opened: number;
  /** Faults that are still to come before any comes again, so that a short run meets as many kinds as it has time for. */
  deck: string[];
  /** The last outage of Redis, by performance.now(). */
  redis: { wentAt: number; backAt: number };
}

/** One random fault, and what mends it. */
async function strike({ rig, random }: TestContext, nemesis: Nemesis): Promise<void> {
  const pick = <T>(list: readonly T[]): T | undefined => list[Math.floor(random() * list.length)];
  const ms = 500 + random() * 2_500;
  const faults: Record<string, () => Promise<void>> = {
    'worker killed': async () => {
      const { wentAt, backAt } = nemesis.redis;
      const since = performance.now() - backAt < CAUGHT_UP_MS ? wentAt : undefined;
      nemesis.held.push(await killWorkers(rig, rig.fleet.workers.slice(0, 1), since));
      nemesis.opened += HELD_BY_A_WORKER;
    },
    'API killed': () => killed(pick(rig.fleet.apis)),
    'worker frozen': () => frozen(pick(rig.fleet.workers), ms),
    'API frozen': () => frozen(pick(rig.fleet.apis), ms),
    'Redis killed': () => rig.redis.kill(),
    'Redis frozen': () => rig.redis.freeze(),
    'PostgreSQL killed': () => rig.postgres.kill(),
    'PostgreSQL frozen': () => rig.postgres.freeze(),
  };
  if (nemesis.deck.length === 0) nemesis.deck = Object.keys(faults);
  const [name = ''] = nemesis.deck.splice(Math.floor(random() * nemesis.deck.length), 1);
  nemesis.done.set(name, (nemesis.done.get(name) ?? 0) + 1);
  const beganAt = performance.now();
  await faults[name]?.();
  await sleep(ms);
  await Promise.all([rig.redis.restore(), rig.postgres.restore()]);
  if (name.startsWith('Redis')) nemesis.redis = { wentAt: beganAt, backAt: performance.now() };
  await rig.fleet.fill(FLEET);
}

async function killed(child: ChildHandle | undefined): Promise<void> {
  child?.kill('SIGKILL');
  await child?.exited;
}

async function frozen(child: ChildHandle | undefined, ms: number): Promise<void> {
  child?.kill('SIGSTOP');
  await sleep(ms);
  child?.kill('SIGCONT');
}

export const mainFigure: FaultTest = {
  id: 'main',
  fault: '10,000 requests under a random sequence of kills and freezes of workers, API, Redis and PostgreSQL',
  pass: 'none lost, none hanging, rows 1:1 with the providers, cost equal to the last nano-USD, no more repeated calls than were in flight at a kill',
  fleet: FLEET,
  run: async (context) => {
    const { rig, client, findings, name } = context;
    const count = context.load(10_000);
    const lanes = [`${name}-a`, `${name}-b`, `${name}-c`];
    // Of their own, so that the order in which calls arrive does not change the order of the faults.
    const delays = randomFrom(context.random() * 2 ** 32);
    for (const [index, type] of (['openai', 'claude', 'gemini'] as const).entries()) {
      await rig.createProvider(lanes[index] ?? '', type);
      rig.vendor.script(lanes[index] ?? '', () => ({ delayMs: 50 + delays() * 900 }));
    }
    await rig.lanesServed(lanes);
    const nemesis: Nemesis = { done: new Map(), held: [], opened: 0, deck: [], redis: { wentAt: 0, backAt: -Infinity } };
    const startedAt = Date.now();
    const over = new AbortController();
    const storm = (async () => {
      while (!over.signal.aborted) {
        await strike(context, nemesis);
        await sleep(300 + context.random() * 900);
      }
    })();
    const answers = atOnce(client, count, 200, (i) => ({ marker: `${name}-${i}`, provider: lanes[i % 3], timeoutMs: 60_000 }));
    const answered = answers.then(() => {
      findings.tell('s until the last answer', (Date.now() - startedAt) / 1_000);
    });
    // Together: a storm that fails while answers are awaited must fail this test, and not the whole suite.
    await Promise.all([storm, answered.finally(() => over.abort())]);
    for (const [fault, times] of nemesis.done) findings.tell(fault, times);
    findings.atLeast('kinds of fault', nemesis.done.size, Math.min(KINDS, Math.floor(count / REQUESTS_A_KIND)));
    findings.tell('answered in direct mode', client.entries.filter((entry) => entry.mode === 'direct').length);
    findings.tell('requests sent more than once', client.entries.filter((entry) => entry.tries > 1).length);
    const held = nemesis.held.reduce((sum, then) => sum + then(), 0);
    findings.tell('calls held at the kills', held);
    await closeBooks(context, { duplicated: held, uncalledRows: nemesis.opened });
  },
};
