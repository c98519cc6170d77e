/** Replicas that come and go, by force and in good order. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { FaultTest } from '../fault-test.js';
import { atOnce, steadily } from '../load/load.js';
import type { VendorCall } from '../rig/vendor.js';
import { closeBooks } from './close-books.js';

const apiKilled: FaultTest = {
  id: '5',
  fault: 'kill -9 of an API replica whose callers wait; they repeat with the same Idempotency-Key',
  pass: 'the answer of the one call that was made, no call more',
  run: async (context) => {
    const { rig, client, findings, name } = context;
    const count = context.load(200);
    await rig.provider(`${name}-a`);
    rig.vendor.script(`${name}-a`, { delayMs: 2_000 });
    const answers = atOnce(client, count, count, (i) => ({ marker: `${name}-${i}`, provider: `${name}-a`, api: 0 }));
    await rig.vendor.received(`${name}-`, Math.ceil(count / 2));
    rig.fleet.apis[0]?.kill('SIGKILL');
    const entries = await answers;
    findings.atLeast('requests sent again', entries.filter((entry) => entry.tries > 1).length, count / 4);
    await closeBooks(context);
  },
};

const rolling: FaultTest = {
  id: '30',
  fault: 'SIGTERM to every API and worker, one after the other, each replaced first, under load',
  pass: 'no failed request, no 5xx, no repeated call',
  remark:
    'The callers are behind a load balancer: a connection that a draining replica closes before it has read the request is a request sent ' +
    'again on another one.',
  run: async (context) => {
    const { rig, client, findings, name } = context;
    await rig.provider(`${name}-a`);
    rig.vendor.script(`${name}-a`, { delayMs: 300 });
    const stream = steadily(client, context.load(60), (i) => ({ marker: `${name}-${i}`, provider: `${name}-a` }));
    await sleep(1_000);
    const codes: (number | null)[] = [];
    for (const kind of ['workers', 'apis'] as const) {
      for (const old of [...rig.fleet[kind]]) {
        if (kind === 'apis') await rig.fleet.addApi();
        else await rig.fleet.addWorker();
        codes.push((await old.stop()).code);
      }
    }
    const entries = await stream.stop();
    findings.exactly('processes that ended with 0', codes.filter((code) => code === 0).length, codes.length);
    findings.zero('answers of 5xx', entries.filter((entry) => entry.status >= 500 || entry.unavailable > 0).length);
    findings.tell('requests sent again', entries.filter((entry) => entry.tries > 1).length);
    findings.tell('longest ms', Math.round(Math.max(...entries.map((entry) => entry.ms))));
    await closeBooks(context);
  },
};

const MOST_AT_ONCE = 10;

const scaling: FaultTest = {
  id: '31',
  fault: 'workers scaled 1 to 8 to 1 under load on a lane that takes 10 calls at once',
  pass: 'none lost; 10 calls at once, and never more',
  fleet: { apis: 2, workers: 1 },
  run: async (context) => {
    const { rig, client, findings, name } = context;
    await rig.provider(`${name}-a`, 'openai', { max_concurrency: MOST_AT_ONCE });
    rig.vendor.script(`${name}-a`, { delayMs: 500 });
    // Half as many again as the lane can take, so that the limit is what holds them back; whatever the load.
    const stream = steadily(client, 30, (i) => ({ marker: `${name}-${i}`, provider: `${name}-a` }));
    await sleep(1_000);
    await rig.fleet.fill({ apis: 2, workers: 8 });
    await sleep(3_000);
    await rig.fleet.fill({ apis: 2, workers: 1 });
    await sleep(1_000);
    await stream.stop();
    findings.exactly('most calls at once', mostAtOnce(rig.vendor.callsOf(`${name}-`)), MOST_AT_ONCE);
    await closeBooks(context);
  },
};

/** @returns how many of these calls were open at the same moment, at most. */
function mostAtOnce(calls: readonly VendorCall[]): number {
  const steps = calls.flatMap((call) => [
    { at: call.startedAtMs, by: 1 },
    { at: call.endedAtMs ?? Infinity, by: -1 },
  ]);
  let open = 0;
  let most = 0;
  for (const { by } of steps.sort((a, b) => a.at - b.at || a.by - b.by)) most = Math.max(most, (open += by));
  return most;
}

export const replicaTests = [apiKilled, rolling, scaling];
