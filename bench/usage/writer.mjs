/** How many requests a second the workers write, with all of their sums, from the Redis stream into the tables. */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { appendUsage, connectRedis, waitUntilReady } from '@llm-gateway/queue';
import { createLogger, newAttemptId, newRequestId } from '@llm-gateway/shared';
import { startRedis } from '@llm-gateway/local-services';
import { END } from './database.mjs';
import { CUSTOMERS } from './generate.mjs';
import { startWorker } from './gateway.mjs';
import { random } from './random.mjs';

const TARGET_A_SECOND = 5_000;
const TOKENS = { uncachedInput: 900, cacheRead: 0, cacheWrite: 0, cacheWrite1h: 0, output: 150, reasoning: 0 };
const SERVICES = 8;
const PROVIDERS = ['claude', 'openai', 'gemini', 'llama', 'mistral', 'custom'];

/**
 * Puts `requests` into the stream as the gateway does, each with its calls, then starts workers and waits until all are in. What is
 * written goes again afterwards: it lies after the year that reads are measured on.
 * @returns a line: requests and rows a second, and what was found wrong with the rows, which must be nothing.
 */
export async function measureWriter({ url, connection }, { requests, workers, say }) {
  const client = new pg.Client(connection);
  await client.connect();
  await clear(client);
  const redis = await startRedis({ persistent: true });
  const stream = connectRedis(redis.url, 'patient', createLogger({ name: 'bench', level: 'warn' }));
  const running = [];
  try {
    await waitUntilReady(stream, 10_000);
    const sent = await fill(stream, requests);
    say(`${requests} requests wait in the stream`);
    const started = performance.now();
    running.push(...(await Promise.all(Array.from({ length: workers }, () => startWorker(url, redis.url)))));
    const seconds = (await allWritten(client, requests, started, say)) / 1_000;
    const wrong = await faults(client, sent, stream);
    return {
      what: `writer, ${workers} worker${workers > 1 ? 's' : ''}`,
      workers,
      requests,
      a_second: requests / seconds,
      rows_a_second: (requests + sent.calls) / seconds,
      target: TARGET_A_SECOND,
      wrong,
    };
  } finally {
    await Promise.all(running.map((worker) => worker.stop()));
    stream.disconnect();
    await redis.stop();
    await clear(client);
    await client.end();
  }
}

async function clear(client) {
  await client.query('DELETE FROM llm_usage_logs WHERE created_at >= $1', [END]);
  await client.query('DELETE FROM llm_usage_attempts WHERE created_at >= $1', [END]);
  await client.query('DELETE FROM llm_usage_rollups WHERE bucket >= $1', [END]);
  await client.query('VACUUM llm_usage_logs, llm_usage_attempts, llm_usage_rollups');
}

/** @returns what the rows must come to. */
async function fill(stream, requests) {
  const next = random(11);
  const total = { requests, calls: 0, costNanoUsd: 0 };
  for (let done = 0; done < requests; done += 1_000) {
    const events = Array.from({ length: Math.min(1_000, requests - done) }, () => event(next));
    for (const { log, attempts } of events) {
      total.calls += attempts.length;
      total.costNanoUsd += log.costNanoUsd;
    }
    await Promise.all(events.map((one) => appendUsage(stream, one.log.id, one)));
  }
  return total;
}

/** A request of the last minutes, with the mix of the generated year: a third hits, some with a second call. */
function event(next) {
  const createdAt = Date.now() - Math.floor(next() * 300_000);
  const id = newRequestId(createdAt);
  const type = PROVIDERS[Math.floor(next() ** 2 * PROVIDERS.length)];
  const who = { provider: `${type}-main`, providerType: type, model: `model-${type}-${next() < 0.5 ? 0 : 1}` };
  const hit = next() < 0.33;
  const count = hit ? 0 : next() < 0.05 ? 2 : 1;
  const costNanoUsd = 1_000 + Math.floor(next() * 1_000_000);
  const attempts = Array.from({ length: count }, (_, index) =>
    attempt(id, { ...who, createdAt: createdAt + index, number: index + 1, failed: index + 1 < count, costNanoUsd }),
  );
  const customerId = next() < 0.05 ? null : `customer-${Math.floor(Math.exp(next() * Math.log(CUSTOMERS)))}`;
  const log = {
    ...{ id, createdAt, ...who, service: `service-${Math.floor(next() ** 1.5 * SERVICES)}`, customerId, keyId: 'env_bench' },
    ...{ status: 'ok', errorCode: null, cacheStatus: hit ? 'HIT' : 'MISS', finishReason: 'stop', tokens: TOKENS },
    ...{ costNanoUsd: hit ? 0 : costNanoUsd, unpricedReason: null, savedNanoUsd: hit ? costNanoUsd : 0 },
    ...{
      latencyMs: hit ? 2 : Math.floor(Math.exp(5.5 + next() * 3)),
      queueMs: 3,
      attemptCount: count,
      clientGone: false,
      metadata: { team: 'core' },
      relatedTo: null,
    },
  };
  return { v: 1, log, attempts };
}

function attempt(requestId, { failed, costNanoUsd, model, ...fields }) {
  return {
    ...{
      id: newAttemptId(fields.createdAt),
      requestId,
      ...fields,
      model,
      servedModel: model,
      status: failed ? 'error' : 'ok',
      error: failed ? 'overloaded' : null,
    },
    ...{ errorMessage: null, httpStatus: failed ? 529 : 200, vendorRequestId: null, tokens: TOKENS, estimated: false },
    ...{
      costNanoUsd: failed ? 0 : costNanoUsd,
      unpricedReason: null,
      priceVersion: 'bench',
      latencyMs: 400,
      limiterMs: 0,
      worker: 'bench',
    },
  };
}

/** @returns how long it took, from the first worker's start to the last row, less the start of the process itself (ms). */
async function allWritten(client, requests, startedAt, say) {
  let first = null;
  let before = 0;
  for (let saidAt = performance.now(); ; await sleep(100)) {
    // One row, which changes in the transactions that write requests.
    const { rows } = await client.query(
      "SELECT coalesce(sum(requests), 0)::int AS n FROM llm_usage_rollups WHERE dimensions = 0 AND grain = 'month' AND bucket >= $1",
      [END],
    );
    const now = performance.now();
    // From the first batch seen on, which is not counted: before it the process starts.
    if (rows[0].n > 0 && first === null) [first, before] = [now, rows[0].n];
    if (rows[0].n >= requests) return ((now - first) * requests) / (requests - before);
    if (now - saidAt > 5_000) {
      saidAt = now;
      say(`${rows[0].n} of ${requests} requests are written`);
    }
    if (now - startedAt > 120_000) throw new Error(`only ${rows[0].n} of ${requests} requests were written in two minutes`);
  }
}

/** Rows, sums and stream held against what was sent. @returns sentences, none when all is right. */
async function faults(client, sent, stream) {
  const one = async (sql) => (await client.query(sql, [END])).rows[0];
  const logs = await one(
    'SELECT count(*)::int AS requests, sum(cost_usd * 1000000000)::float8 AS cost, count(DISTINCT id)::int AS ids FROM llm_usage_logs WHERE created_at >= $1',
  );
  const calls = await one(
    'SELECT count(*)::int AS calls, sum(cost_usd * 1000000000)::float8 AS cost FROM llm_usage_attempts WHERE created_at >= $1',
  );
  const { rows: sums } = await client.query(
    'SELECT dimensions, grain, sum(requests)::float8 AS requests, sum(calls)::float8 AS calls, sum(cost_nano_usd)::float8 AS cost FROM llm_usage_rollups WHERE bucket >= $1 GROUP BY 1, 2',
    [END],
  );
  const dead = (await stream.keys('*:dead')).length;
  const expected = [
    ['rows of requests', logs.requests, sent.requests],
    ['ids', logs.ids, sent.requests],
    ['rows of calls', calls.calls, sent.calls],
    ['cost of requests', logs.cost, sent.costNanoUsd],
    ['cost of calls', calls.cost, sent.costNanoUsd],
    ['events put aside', dead, 0],
    ...sums.flatMap(({ dimensions, grain, requests, calls: called, cost }) => [
      [`requests in the sums ${dimensions}/${grain}`, requests, sent.requests],
      [`calls in the sums ${dimensions}/${grain}`, called, sent.calls],
      [`cost in the sums ${dimensions}/${grain}`, cost, sent.costNanoUsd],
    ]),
  ];
  return expected
    .filter(([, found, wanted]) => found !== wanted)
    .map(([what, found, wanted]) => `${what}: ${found} instead of ${wanted}`);
}
