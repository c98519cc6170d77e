/** A long steady load, and what it leaves behind. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ChildHandle } from '@llm-gateway/local-services';
import type { FaultTest, TestContext } from '../fault-test.js';
import { Client } from '../load/client.js';
import { steadily } from '../load/load.js';
import { connections, openFiles } from '../rig/proc.js';
import { probe, PROBED, type LiveMemory } from '../rig/probe.js';
import { countKeys, forgetEnded, type KeyCensus } from '../rig/redis-keys.js';
import type { Rig } from '../rig/rig.js';
import { until } from '../rig/wait.js';
import { closeBooks } from './close-books.js';

const SECONDS = 60;
const FULL_SECONDS = 1_800;
const FLEET = { apis: 2, workers: 3 };
const PER_SECOND = 100;
const SAMPLES = 24;
/** Of these, so many at either end are compared, by their medians. */
const COMPARED = 8;
/** Code is compiled and pools are filled in the first part, and what is kept of requests has come to its length after 300 s. */
const WARM_UP = 0.4;
const LONGEST_WARM_UP_S = 400;
const KEPT_S = 320;
const FLAT = 0.05;
/** A connection to a store that is made anew before the old one is closed. */
const FILES_MORE = 4;
/** An unused connection is kept for as long as the vendor says, and our stand-in says 60 s. */
const VENDORS_IDLE_MS = 75_000;

interface Sample {
  /** By process. */
  memory: LiveMemory[];
  /** But for connections of callers and to vendors. */
  files: number[];
}

async function sample({ fleet, vendor }: Rig): Promise<Sample> {
  const memory: LiveMemory[] = [];
  // One after the other: they share the machine's cores, and a collection holds its process up.
  for (const child of fleet.all) memory.push(await probe(child));
  return { memory, files: await Promise.all(fleet.all.map((child) => ownFiles(child, vendor.port))) };
}

/** Without callers' connections and those to vendors: there are as many as calls at the same moment. */
async function ownFiles({ pid, port }: ChildHandle, vendorPort: number): Promise<number> {
  const [files, open] = await Promise.all([openFiles(pid), connections(pid)]);
  return files - open.filter(({ local, remote }) => local === port || remote === vendorPort).length;
}

/** @returns what was not given back by then. */
async function leftToVendors({ fleet, vendor }: Rig): Promise<number> {
  let left = 0;
  await until('no connection to a vendor', VENDORS_IDLE_MS, async () => {
    const open = (await Promise.all(fleet.all.map(({ pid }) => connections(pid)))).flat();
    left = open.filter(({ remote }) => remote === vendor.port).length;
    return left === 0;
  }).catch(() => undefined);
  return left;
}

/** Calls that succeed, calls that pass a limiter, and now and then one that fails and is made again. */
async function load({ rig, client, name, ...context }: TestContext) {
  const [free, limited] = [`${name}-a`, `${name}-b`];
  await rig.createProvider(free, 'openai');
  await rig.createProvider(limited, 'claude', { rpm_limit: 1_000_000, max_concurrency: 100, max_retries: 2 });
  await rig.lanesServed([free, limited]);
  rig.vendor.script(free, { delayMs: 50 });
  let calls = 0;
  rig.vendor.script(limited, () => (++calls % 50 === 0 ? { status: 500, message: 'sorry' } : { delayMs: 50 }));
  const lanes = [free, limited];
  return steadily(client, context.load(PER_SECOND), (i) => ({ marker: `${name}-${i}`, provider: lanes[i % 2], keyed: false }));
}

export const soak: FaultTest = {
  id: '42',
  fault: 'a steady load for 30 minutes (short version: 60 s; --seconds)',
  pass: 'memory of every process and of Redis flat within 5 % once it is warm, open files constant, no key left that has no end',
  remark:
    'Memory is what is left after a collection of garbage, which each process is told to make before it is looked at: without that a heap ' +
    'grows by as much as V8 finds convenient. The medians of the first and the last third after the warm-up (two fifths of the time, at ' +
    'most 400 s) are compared. What Redis keeps of ended requests for five minutes is deleted before it is weighed where the soak is too ' +
    'short to see it go by itself.',
  fleet: { apis: 1, workers: 0 },
  run: async (context) => {
    const { findings, name } = context;
    const rig = await context.rigWith(PROBED);
    await rig.fleet.fill(FLEET);
    const own: TestContext = { ...context, rig, client: new Client(rig, name) };
    const seconds = context.seconds ?? (context.full ? FULL_SECONDS : SECONDS);
    const warmUpS = Math.min(seconds * WARM_UP, LONGEST_WARM_UP_S);
    const stream = await load(own);
    await sleep(warmUpS * 1_000);
    const weigh = async (): Promise<KeyCensus> => {
      if (warmUpS < KEPT_S) await forgetEnded(rig.redisClient);
      return countKeys(rig.redisClient);
    };
    const keysBefore = await weigh();
    const samples: Sample[] = [];
    const everyMs = ((seconds - warmUpS) * 1_000) / SAMPLES;
    for (let i = 1; i <= SAMPLES; i++) {
      const next = sleep(everyMs);
      samples.push(await sample(rig));
      await next;
    }
    const keysAfter = await weigh();
    await stream.stop();
    judgeProcesses(own, samples);
    judgeRedis(own, keysBefore, keysAfter);
    await closeBooks(own);
    findings.zero('connections to vendors that are left', await leftToVendors(rig));
    findings.zero('keys without an end', (await countKeys(rig.redisClient)).orphans.length);
  },
};

function judgeProcesses({ rig, findings }: TestContext, samples: readonly Sample[]): void {
  for (const [index, child] of rig.fleet.all.entries()) {
    const who = `${child.name} ${index + 1}`;
    for (const [what, key] of [
      ['live MB', 'liveBytes'],
      ['resident MB', 'residentBytes'],
    ] as const) {
      const [from, to] = ends(samples, ({ memory }) => memory[index]?.[key] ?? NaN).map((bytes) => bytes / 1e6) as [
        number,
        number,
      ];
      findings.atMost(`${who}: ${what} at the end (from ${from.toFixed(1)})`, to, from * (1 + FLAT));
    }
    const [first, last] = ends(samples, ({ files }) => files[index] ?? NaN);
    findings.atMost(`${who}: open files but for callers' and vendors' at the end (from ${first})`, last, first + FILES_MORE);
  }
}

function judgeRedis({ findings }: TestContext, before: KeyCensus, after: KeyCensus): void {
  const [from, to] = [before.usedBytes / 1e6, after.usedBytes / 1e6];
  findings.atMost(`MB of Redis at the end (from ${from.toFixed(2)})`, to, from * (1 + FLAT));
  findings.tell('keys with an end', after.ending);
  const come = [...after.lasting].filter((key) => !before.lasting.has(key));
  findings.holds('no key of a lane or a shard has come since', come.length === 0, come.slice(0, 5).join(' '));
}

/** @returns the medians of the first and of the last samples. */
function ends(samples: readonly Sample[], value: (sample: Sample) => number): [number, number] {
  return [median(samples.slice(0, COMPARED).map(value)), median(samples.slice(-COMPARED).map(value))];
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[middle] ?? NaN) : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2;
}
