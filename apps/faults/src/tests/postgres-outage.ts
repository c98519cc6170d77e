/** PostgreSQL dead, hung, away at the start; and the writers of its rows killed, or fed with what it refuses. */
import { setTimeout as sleep } from 'node:timers/promises';
import { allShards } from '@llm-gateway/shared';
import { unsettled } from '../books/unsettled.js';
import type { FaultTest, TestContext } from '../fault-test.js';
import { atOnce, steadily } from '../load/load.js';
import { until } from '../rig/wait.js';
import { closeBooks } from './close-books.js';

/** The provider takes 200 ms, and nothing else may take long. */
const LONGEST_MS = 2_000;

const lane = ({ name }: TestContext): string => `${name}-a`;

async function outage(context: TestContext, begin: () => Promise<void>): Promise<void> {
  const { rig, client, findings, name } = context;
  await rig.provider(lane(context));
  rig.vendor.script(lane(context), { delayMs: 200 });
  const stream = steadily(client, context.load(50), (i) => ({ marker: `${name}-${i}`, provider: lane(context) }));
  await sleep(1_000);
  await begin();
  const from = Date.now();
  await sleep(1_500);
  const readiness = await rig.request(`http://127.0.0.1:${rig.fleet.apis[0]?.port}/health/ready`);
  const { status, checks } = readiness.body as { status: string; checks: { postgres: string } };
  findings.holds('readiness says degraded', status === 'degraded' && checks.postgres === 'down', `${status}, ${checks.postgres}`);
  await sleep(context.full ? 60_000 : 8_000);
  findings.tell('events that waited', (await unsettled(rig)).events);
  const to = Date.now();
  const entries = await stream.stop();
  await rig.postgres.restore();
  const during = entries.filter((entry) => entry.sentAt > from && entry.sentAt < to);
  findings.exactly(
    'answered during it',
    during.filter((entry) => entry.status === 200 && entry.tries === 1).length,
    during.length,
  );
  findings.atMost('longest ms', Math.max(...during.map((entry) => entry.ms)), LONGEST_MS);
  await closeBooks(context);
}

const killed: FaultTest = {
  id: '13',
  fault: 'kill -9 of PostgreSQL for 60 s (short version: 10 s) under load',
  pass: 'every request is served at the first try within 2 s, readiness says degraded, rows 1:1 after the recovery',
  run: (context) => outage(context, () => context.rig.postgres.kill()),
};

const hung: FaultTest = {
  id: '14',
  fault: 'SIGSTOP of PostgreSQL for 60 s (short version: 10 s) under load',
  pass: 'as 13: nobody waits for it',
  run: (context) => outage(context, () => context.rig.postgres.freeze()),
};

const awayAtStart: FaultTest = {
  id: '15',
  fault: 'API and workers started while PostgreSQL is down',
  pass: 'they serve from the last known configuration, and their rows come in afterwards; no process ends',
  run: async (context) => {
    const { rig, client, findings, name } = context;
    await rig.provider(lane(context));
    await rig.postgres.kill();
    await rig.fleet.fill({ apis: 0, workers: 0 });
    await rig.fleet.fill({ apis: 2, workers: 3 });
    await rig.lanesServed([lane(context)]);
    const entries = await atOnce(client, 50, 10, (i) => ({ marker: `${name}-${i}`, provider: lane(context) }));
    findings.exactly('answered', entries.filter((entry) => entry.status === 200).length, 50);
    findings.exactly('processes', rig.fleet.all.length, 5);
    await rig.postgres.restore();
    await closeBooks(context);
  },
};

const writersKilled: FaultTest = {
  id: '16',
  fault: 'kill -9 of the usage writer, again and again, while it writes down what has waited for the database',
  pass: 'rows exactly 1:1',
  run: async (context) => {
    const { rig, client, findings, name } = context;
    const count = context.load(3_000);
    await rig.provider(lane(context));
    await rig.postgres.kill();
    await atOnce(client, count, 100, (i) => ({ marker: `${name}-${i}`, provider: lane(context) }));
    const waiting = (await unsettled(rig)).events;
    // SIGKILL: in good order they would write first.
    for (const worker of rig.fleet.workers) worker.kill('SIGKILL');
    await rig.postgres.restore();
    let kills = 0;
    for (; kills < 4 && (await unsettled(rig)).events > 0; kills++) {
      const writer = await rig.fleet.addWorker({ WORKER_PROVIDERS: 'nobody' });
      await sleep(50 + context.random() * 350);
      writer.kill('SIGKILL');
      await writer.exited;
    }
    await rig.fleet.addWorker({ WORKER_PROVIDERS: 'nobody' });
    findings.atLeast('events that waited', waiting, count / 2);
    findings.atLeast('writers killed', kills, 2);
    await closeBooks(context);
  },
};

const poisonRow: FaultTest = {
  id: '17',
  fault: 'usage events that are none, or that the database refuses, among good ones',
  pass: 'each goes to the dead-letter stream alone, the others are written',
  run: async (context) => {
    const { rig, client, findings, name } = context;
    await rig.provider(lane(context));
    await rig.postgres.freeze();
    await atOnce(client, 20, 20, (i) => ({ marker: `${name}-${i}`, provider: lane(context) }));
    const streams = allShards().map((shard) => `lgw:${shard}:usage`);
    let good: string | undefined;
    let from = '';
    for (const stream of streams) {
      const [entry] = await rig.redisClient.xrange(stream, '-', '+', 'COUNT', 1);
      if (entry?.[1][1] === undefined) continue;
      good = entry[1][1];
      from = stream;
    }
    // PostgreSQL's text holds no NUL; nothing before it looks for one.
    const refused = (good ?? '')
      .replaceAll(/"service":"[^"]*"/g, '"service":"a\\u0000b"')
      .replaceAll(/"(id|requestId)":"(req|att)_/g, '"$1":"$2_X');
    await rig.redisClient.xadd(from, '*', 'e', refused);
    await rig.redisClient.xadd(from, '*', 'e', 'this is not JSON');
    await rig.postgres.restore();
    await until('both are put aside', 40_000, async () => (await unsettled(rig)).dead >= 2);
    findings.exactly('events put aside', (await unsettled(rig)).dead, 2);
    for (const stream of streams) await rig.redisClient.del(`${stream}:dead`);
    await closeBooks(context);
  },
};

export const postgresTests = [killed, hung, awayAtStart, writersKilled, poisonRow];
