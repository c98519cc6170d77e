/** A long steady load, and what it leaves behind. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { FaultTest } from '../fault-test.js';
import { steadily } from '../load/load.js';
import { openFiles, residentBytes } from '../rig/proc.js';
import type { Rig } from '../rig/rig.js';
import { closeBooks } from './close-books.js';

const SECONDS = 60;
const FULL_SECONDS = 1_800;
/** A few heaps' worth of garbage that a collector has not looked at yet. */
const FLAT = 0.05;
const YOUNG_MB = 25;

interface Sample {
  /** By process. */
  memory: number[];
  files: number[];
  redis: number;
  keys: number;
}

async function sample({ fleet, redisClient }: Rig): Promise<Sample> {
  const pids = fleet.all.map((child) => child.pid);
  const info = await redisClient.info('memory');
  return {
    memory: await Promise.all(pids.map(residentBytes)),
    files: await Promise.all(pids.map(openFiles)),
    redis: Number(/used_memory:(\d+)/.exec(info)?.[1]),
    keys: await redisClient.dbsize(),
  };
}

const mean = (samples: Sample[], value: (sample: Sample) => number): number =>
  samples.reduce((sum, one) => sum + value(one), 0) / samples.length;

export const soak: FaultTest = {
  id: '42',
  fault: 'a steady load for 30 minutes (short version: 60 s; --seconds)',
  pass: 'memory of every process and of Redis flat within 5 %, open files constant, no key left that has no end',
  remark:
    'Results and jobs are kept for minutes to a day by design, so Redis is compared without them: growth of its memory for each request ' +
    'that it still remembers is told, and every key must have an end or belong to a lane.',
  run: async (context) => {
    const { rig, client, findings, name } = context;
    const seconds = context.seconds ?? (context.full ? FULL_SECONDS : SECONDS);
    await rig.provider(`${name}-a`);
    rig.vendor.script(`${name}-a`, { delayMs: 50 });
    const stream = steadily(client, context.load(100), (i) => ({ marker: `${name}-${i}`, provider: `${name}-a`, keyed: false }));
    const samples: Sample[] = [];
    await sleep(seconds * 400);
    for (let i = 0; i < 24; i++) {
      await sleep((seconds * 600) / 24);
      samples.push(await sample(rig));
    }
    await stream.stop();
    const [early, late] = [samples.slice(0, 6), samples.slice(-6)];
    for (const [index, child] of rig.fleet.all.entries()) {
      const [from, to] = [early, late].map((part) => mean(part, (one) => one.memory[index] ?? 0) / 1e6) as [number, number];
      findings.atMost(`${child.name} ${index + 1}: MB at the end (from ${from.toFixed(0)})`, to, from * (1 + FLAT) + YOUNG_MB);
      const files = late.map((one) => one.files[index] ?? 0);
      findings.atMost(
        `${child.name} ${index + 1}: open files`,
        Math.max(...files),
        Math.max(...early.map((one) => one.files[index] ?? 0)) + 8,
      );
    }
    const [first, last] = [samples[0], samples.at(-1)];
    if (first && last)
      findings.tell('bytes of Redis for each key more', (last.redis - first.redis) / Math.max(1, last.keys - first.keys));
    findings.zero('keys without an end', await endlessKeys(rig));
    await closeBooks(context);
  },
};

/** Keys of requests must all expire. What belongs to a lane, a shard or the configuration stays. */
async function endlessKeys({ redisClient }: Rig): Promise<number> {
  const keys = await redisClient.keys('lgw:*:re[qs]:*');
  let endless = 0;
  for (const key of keys.slice(0, 5_000)) if ((await redisClient.ttl(key)) === -1) endless++;
  return endless;
}
