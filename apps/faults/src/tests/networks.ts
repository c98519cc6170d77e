/** Networks that are slow, torn, or swallow what is sent, in front of PostgreSQL, of Redis and of a provider. */
import { setTimeout as sleep } from 'node:timers/promises';
import { startFaultProxy, type FaultProxy, type ProxyFaults } from '@llm-gateway/local-services';
import type { FaultTest, TestContext } from '../fault-test.js';
import type { Entry } from '../load/client.js';
import { steadily } from '../load/load.js';
import type { Store } from '../rig/stores.js';
import { closeBooks } from './close-books.js';

const PER_SECOND = 30;
/** One kind of fault after the other. */
const PHASE_MS = 3_000;
const CALM_MS = 1_000;
const RESET_EVERY_MS = 400;

interface Spoiling {
  word: string;
  faults: ProxyFaults;
  /** Resets what is open again and again. */
  resets?: boolean;
}

const SPOILINGS: readonly Spoiling[] = [
  { word: 'late', faults: { requests: { latencyMs: 50 }, replies: { latencyMs: 50 } } },
  { word: 'dripping', faults: { replies: { drip: { bytes: 256, everyMs: 20 } } } },
  { word: 'reset', faults: {}, resets: true },
  { word: 'cut', faults: { replies: { cutAfterBytes: 3_000 } } },
  { word: 'refused', faults: { refuse: true }, resets: true },
  { word: 'a black hole', faults: { requests: { hold: true }, replies: { hold: true } } },
];

/** Each kind for three seconds, with a moment of calm behind it. */
async function spoil(proxy: FaultProxy): Promise<void> {
  for (const { faults, resets = false } of SPOILINGS) {
    proxy.set(faults);
    for (const end = Date.now() + PHASE_MS; Date.now() < end; await sleep(RESET_EVERY_MS)) if (resets) proxy.reset();
    proxy.clear();
    await sleep(CALM_MS);
  }
}

/** The gateway's processes reach a store through a proxy alone. */
async function fleetThrough({ rig }: TestContext, proxy: FaultProxy, store: Store, setting: string): Promise<void> {
  const through = rig.env[setting]?.replace(`:${store.port}`, `:${proxy.port}`) ?? '';
  const old = [...rig.fleet.all];
  await Promise.all([
    ...[1, 2].map(() => rig.fleet.addApi({ [setting]: through })),
    ...[1, 2].map(() => rig.fleet.addWorker({ [setting]: through })),
  ]);
  await Promise.all(old.map((child) => child.stop()));
}

/** In this order: with the store gone for good they would wait for it for as long as a drain may take, half a minute each time. */
async function endThrough({ rig }: TestContext, proxy: FaultProxy): Promise<void> {
  await rig.fleet.dismissSpecial();
  await proxy.stop();
}

async function underLoad(context: TestContext, proxy: FaultProxy, keyed: (i: number) => boolean): Promise<Entry[]> {
  const { rig, client, findings, name } = context;
  const before = rig.fleet.all.map(({ pid }) => pid);
  const stream = steadily(client, context.load(PER_SECOND), (i) => ({
    marker: `${name}-${i}`,
    provider: `${name}-a`,
    keyed: keyed(i),
    timeoutMs: 20_000,
  }));
  await sleep(CALM_MS);
  await spoil(proxy);
  const entries = await stream.stop();
  findings.tell('s of it', ((PHASE_MS + CALM_MS) * SPOILINGS.length) / 1_000);
  findings.tell('longest ms', Math.round(Math.max(...entries.map((entry) => entry.ms))));
  findings.exactly('processes that lived on', rig.fleet.all.filter(({ pid }) => before.includes(pid)).length, before.length);
  return entries;
}

const KINDS = SPOILINGS.map(({ word }) => word).join(', ');
const ONE_API = { apis: 1, workers: 0 };

const postgres: FaultTest = {
  id: '44',
  fault: `a network to PostgreSQL that is, one after the other, ${KINDS}`,
  pass: 'nobody waits for it: each request is answered at the first try within 2 s; rows 1:1 afterwards',
  fleet: ONE_API,
  run: async (context) => {
    const { rig, findings, name } = context;
    const proxy = await startFaultProxy(rig.postgres.port);
    try {
      await fleetThrough(context, proxy, rig.postgres, 'DATABASE_URL');
      await rig.provider(`${name}-a`);
      rig.vendor.script(`${name}-a`, { delayMs: 200 });
      const entries = await underLoad(context, proxy, () => true);
      const first = entries.filter(({ status, tries }) => status === 200 && tries === 1);
      findings.exactly('answered at the first try', first.length, entries.length);
      findings.atMost('longest of those in ms', Math.max(...first.map((entry) => entry.ms)), 2_000);
      await closeBooks(context);
    } finally {
      await endThrough(context, proxy);
    }
  },
};

/** The switch to direct mode and back, for each kind of fault that takes Redis away: those but for the late and the dripping. */
const SWITCHES_S = 2 * (SPOILINGS.length - 2);

const redis: FaultTest = {
  id: '45',
  fault: `a network to Redis that is, one after the other, ${KINDS}`,
  pass: 'none lost, none hangs, no repeated call, rows 1:1; no process ends',
  remark:
    'Requests without a key whose queueing Redis did not confirm are told 503 and not made twice: they are counted as not answered, at most ' +
    'two seconds of them for each kind of fault.',
  fleet: ONE_API,
  run: async (context) => {
    const { rig, findings, name } = context;
    const proxy = await startFaultProxy(rig.redis.port);
    try {
      await fleetThrough(context, proxy, rig.redis, 'REDIS_URL');
      await rig.provider(`${name}-a`);
      rig.vendor.script(`${name}-a`, { delayMs: 200 });
      const entries = await underLoad(context, proxy, (i) => i % 2 === 0);
      findings.atLeast('served in direct mode', entries.filter(({ mode }) => mode === 'direct').length, 1);
      findings.tell('told 503 at first', entries.filter(({ unavailable }) => unavailable > 0).length);
      const torn = entries.filter(({ status }) => status === 503).length;
      findings.atMost('without a key, and told 503', torn, (context.load(PER_SECOND) / 2) * SWITCHES_S);
      await closeBooks(context, { unanswered: torn });
    } finally {
      await endThrough(context, proxy);
    }
  },
};

const TIMEOUT_MS = 1_500;

const provider: FaultTest = {
  id: '46',
  fault: `a network to a provider that is, one after the other, ${KINDS}; another provider is fine`,
  pass: `every request is answered, within three time-outs of ${TIMEOUT_MS} ms and 2 s; every call has its row`,
  run: async (context) => {
    const { rig, findings, name } = context;
    const proxy = await startFaultProxy(rig.vendor.port);
    try {
      const base = rig.vendor.baseUrl('openai', `${name}-a`).replace(`:${rig.vendor.port}`, `:${proxy.port}`);
      await rig.createProvider(`${name}-a`, 'openai', { base_url: base, timeout_ms: TIMEOUT_MS, max_retries: 1, priority: 1 });
      await rig.createProvider(`${name}-b`, 'claude', { priority: 2 });
      await rig.lanesServed([`${name}-a`, `${name}-b`]);
      const entries = await underLoad(context, proxy, () => true);
      findings.atMost('longest in ms', Math.max(...entries.map((entry) => entry.ms)), 3 * TIMEOUT_MS + 2_000);
      await closeBooks(context, { uncalledRows: entries.length, unreadBills: entries.length });
    } finally {
      await proxy.stop();
    }
  },
};

export const networkTests = [postgres, redis, provider];
