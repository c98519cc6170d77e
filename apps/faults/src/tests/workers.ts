/** Workers and API replicas that die in the middle of it. */
import type { FaultTest, TestContext } from '../fault-test.js';
import { atOnce } from '../load/load.js';
import { closeBooks } from './close-books.js';
import { killWorkers } from './kill.js';

const KILL_BOUND_S = 20;

/** Three lanes of three vendors, whose answers take their time. */
async function slowLanes({ rig, name }: TestContext, delayMs: number): Promise<string[]> {
  const lanes = [`${name}-a`, `${name}-b`, `${name}-c`];
  for (const [index, type] of (['openai', 'claude', 'mistral'] as const).entries()) {
    await rig.createProvider(lanes[index] ?? '', type);
    rig.vendor.script(lanes[index] ?? '', { delayMs });
  }
  await rig.lanesServed(lanes);
  return lanes;
}

/** `load` requests at once, and what happens to them once most are with the providers. */
async function killInTheMiddle(context: TestContext, kill: () => Promise<() => number>): Promise<void> {
  const { rig, client, findings, name } = context;
  const count = context.load(1_000);
  const lanes = await slowLanes(context, 3_000);
  const answers = atOnce(client, count, count, (i) => ({ marker: `${name}-${i}`, provider: lanes[i % 3] }));
  await rig.vendor.received(`${name}-`, Math.ceil(count * 0.6));
  const killedAt = Date.now();
  const heldThen = await kill();
  await answers;
  const held = heldThen();
  findings.atLeast('calls held at the kill', held, 1);
  findings.atMost('s from the kill to the last answer', (Date.now() - killedAt) / 1_000, KILL_BOUND_S);
  await closeBooks(context, { duplicated: held, uncalledRows: count });
}

const oneKilled: FaultTest = {
  id: '1',
  fault: 'kill -9 of one of three workers with 1,000 requests under way',
  pass: `none lost, all answered within ${KILL_BOUND_S} s of the kill, no more repeated calls than the worker held, rows 1:1`,
  run: (context) => killInTheMiddle(context, () => killWorkers(context.rig, context.rig.fleet.workers.slice(0, 1))),
};

const allKilled: FaultTest = {
  id: '2',
  fault: 'kill -9 of all workers with 1,000 requests under way, and new ones started',
  pass: 'as 1',
  run: (context) =>
    killInTheMiddle(context, async () => {
      const { rig } = context;
      const held = await killWorkers(rig, [...rig.fleet.workers]);
      await rig.fleet.fill({ apis: 2, workers: 3 });
      return held;
    }),
};

export const workerTests = [oneKilled, allKilled];
