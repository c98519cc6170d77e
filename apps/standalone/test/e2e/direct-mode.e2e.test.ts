import { afterEach, describe, expect, it } from '@jest/globals';
import { startRedis, type Redis } from '@llm-gateway/local-services';
import { Cluster, until, type Reply } from './cluster.js';

let cluster: Cluster | undefined;
let revived: Redis | undefined;
afterEach(async () => {
  if (cluster) signal(cluster.redis.pid, 'SIGCONT');
  await cluster?.stop();
  await revived?.stop();
  cluster = undefined;
  revived = undefined;
}, 60_000);

function signal(pid: number, name: 'SIGSTOP' | 'SIGCONT'): void {
  try {
    process.kill(pid, name);
  } catch {
    // Gone already.
  }
}

async function startWith(
  options: Parameters<typeof Cluster.start>[0],
  ...providers: Parameters<Cluster['provider']>[0][]
): Promise<Cluster> {
  cluster = await Cluster.start(options);
  for (const provider of providers) await cluster.provider(provider);
  if (options?.workers !== 0) await cluster.lanesServed(providers.map((provider) => provider.name));
  return cluster;
}

const isDirect = (reply: Reply): boolean => reply.headers.get('x-gateway-mode') === 'direct';
const ask = (gateway: Cluster, i: number | string, more: object = {}) =>
  gateway.generate({ prompt: `question ${i}`, cache: { mode: 'off' }, ...more });
const untilDirect = (gateway: Cluster, direct: boolean) =>
  until(async () => isDirect(await ask(gateway, `mode ${Math.random()}`)) === direct, 2_500);

describe('Redis frozen', () => {
  it('is noticed within 1.5 s; then requests are answered directly and at once, and through the queue again 2 s after it wakes', async () => {
    const gateway = await startWith({}, { name: 'main', type: 'openai' });
    signal(gateway.redis.pid, 'SIGSTOP');
    const first = await Promise.all(Array.from({ length: 10 }, (_, i) => ask(gateway, i)));
    for (const reply of first) {
      expect([200, 503]).toContain(reply.status);
      expect(reply.ms).toBeLessThan(2_500);
    }
    await untilDirect(gateway, true);
    const replies = await Promise.all(Array.from({ length: 30 }, (_, i) => ask(gateway, `direct ${i}`)));
    expect(replies.filter((reply) => reply.status !== 200).map((reply) => reply.body)).toEqual([]);
    expect(replies.every(isDirect)).toBe(true);
    for (const reply of replies) expect(reply.ms).toBeLessThan(900);
    const refused = await ask(gateway, 'keyed', {}).then(() =>
      gateway.generate({ prompt: 'k' }, { headers: { 'idempotency-key': 'k1' } }),
    );
    expect([refused.status, refused.body.error?.code, isDirect(refused)]).toEqual([503, 'unavailable', true]);
    expect(refused.headers.get('retry-after')).toBe('1');
    const later = await gateway.generate({ prompt: 'later' }, { headers: { prefer: 'respond-async' } });
    expect([later.status, isDirect(later)]).toEqual([503, true]);
    const ready = await gateway.admin('GET', '/health/ready');
    expect([ready.status, ready.body]).toMatchObject([200, { status: 'degraded', checks: { redis: 'down' } }]);
    const answered = replies.length;
    await until(
      async () => Number((await gateway.rows<{ n: string }>('SELECT count(*) AS n FROM llm_usage_attempts'))[0]?.n) >= answered,
      5_000,
    );
    signal(gateway.redis.pid, 'SIGCONT');
    await untilDirect(gateway, false);
    // Every call that the vendor saw has its row, and only those.
    const calls = gateway.upstream.counts.total;
    expect(await gateway.settledRows('llm_usage_attempts', calls)).toBe(calls);
  }, 60_000);
});

describe('an API process that stands still for two seconds', () => {
  it('does not take Redis for lost: what it had begun goes on through the queue, and nothing is refused', async () => {
    const gateway = await startWith({}, { name: 'main', type: 'openai' });
    gateway.upstream.respond({ delayMs: 300 });
    for (let round = 0; round < 2; round++) {
      const begun = gateway.upstream.counts.total;
      const asked = Array.from({ length: 150 }, (_, i) => ask(gateway, `${round} ${i}`));
      await gateway.upstream.received(begun + 1);
      gateway.apis[0]?.kill('SIGSTOP');
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      gateway.apis[0]?.kill('SIGCONT');
      const replies = await Promise.all(asked);
      expect(replies.filter((reply) => reply.status !== 200).map((reply) => reply.body)).toEqual([]);
      expect(replies.filter(isDirect)).toEqual([]);
    }
  }, 60_000);
});

describe('Redis killed', () => {
  it('requests are answered directly, with retries and fallback; a Redis that comes back empty is used again', async () => {
    const gateway = await startWith(
      {},
      { name: 'broken', type: 'openai', priority: 1, max_retries: 1 },
      { name: 'sound', type: 'claude', priority: 2 },
    );
    gateway.upstream.respond((call) => (call.label === 'broken' ? { status: 500, message: 'boom' } : { content: 'ok' }));
    await gateway.redis.stop('SIGKILL');
    await untilDirect(gateway, true);
    const { status, body } = await ask(gateway, 'try');
    expect(status).toBe(200);
    expect(body.attempts.at(-1)).toMatchObject({ provider: 'sound', status: 'ok' });
    gateway.upstream.respond({ content: 'ok' });
    revived = await startRedis({ port: gateway.redis.port, persistent: true });
    await untilDirect(gateway, false);
    const through = await ask(gateway, 'through');
    expect([through.status, isDirect(through)]).toEqual([200, false]);
    const calls = gateway.upstream.counts.total;
    expect(await gateway.settledRows('llm_usage_attempts', calls)).toBe(calls);
  }, 60_000);

  it('carries out no more than DIRECT_MODE_MAX_CONCURRENCY at a time, and says when to come back', async () => {
    const gateway = await startWith({ env: { DIRECT_MODE_MAX_CONCURRENCY: '3' } }, { name: 'slow', type: 'openai' });
    await gateway.redis.stop('SIGKILL');
    await untilDirect(gateway, true);
    gateway.upstream.respond({ delayMs: 1_000 });
    const replies = await Promise.all(Array.from({ length: 8 }, (_, i) => ask(gateway, i)));
    expect(replies.map((reply) => reply.status).sort()).toEqual([200, 200, 200, 503, 503, 503, 503, 503]);
    const full = replies.find((reply) => reply.status === 503);
    expect([full?.body.error?.code, full?.headers.get('retry-after')]).toEqual(['unavailable', '1']);
    expect(replies.every(isDirect)).toBe(true);
  }, 60_000);

  it('with direct mode off answers 503 with Retry-After at once, and calls nobody', async () => {
    const gateway = await startWith({ env: { DIRECT_MODE_MAX_CONCURRENCY: '0' } }, { name: 'main', type: 'openai' });
    await gateway.redis.stop('SIGKILL');
    await until(async () => (await ask(gateway, 'x')).status === 503, 2_500);
    const before = gateway.upstream.counts.total;
    const { status, headers, ms } = await ask(gateway, 'off');
    expect([status, headers.get('retry-after'), headers.get('x-gateway-mode')]).toEqual([503, '1', null]);
    expect(ms).toBeLessThan(500);
    expect(gateway.upstream.counts.total).toBe(before);
    await until(async () => (await gateway.admin('GET', '/health/ready')).status === 503, 2_000);
  }, 60_000);

  it('keeps the deadline, ends the call when the caller hangs up, and refuses a request with a hard budget', async () => {
    const gateway = await startWith({}, { name: 'mute', type: 'openai' });
    await gateway.admin('POST', '/api/v1/budgets', {
      scope: 'customer',
      customer_id: 'acme',
      window: 'day',
      hard_limit_usd: 0.01,
    });
    await until(async () => (await gateway.admin('GET', '/api/v1/budgets')).status === 200, 2_000);
    await until(
      async () => (await gateway.generate({ prompt: 'known?', customer_id: 'acme', max_tokens: 1_000_000 })).status === 402,
      5_000,
    );
    await gateway.redis.stop('SIGKILL');
    await untilDirect(gateway, true);
    const limited = await ask(gateway, 'limited', { customer_id: 'acme' });
    expect([limited.status, limited.body.error?.code, isDirect(limited)]).toEqual([503, 'unavailable', true]);
    gateway.upstream.respond({ hang: 'headers' });
    const late = await ask(gateway, 'late', { timeout_ms: 700 });
    expect([late.status, late.body.error?.code, isDirect(late)]).toEqual([504, 'timeout', true]);
    expect(late.ms).toBeLessThan(1_200);
    const leaving = new AbortController();
    const open = gateway.upstream.counts.total;
    const left = gateway
      .generate({ prompt: 'left' }, { signal: leaving.signal })
      .catch((error: unknown) => (error as Error).name);
    await gateway.upstream.received(open + 1);
    leaving.abort();
    expect(await left).toBe('AbortError');
    await until(async () => gateway.upstream.counts.open === 0, 2_000);
    await until(
      async () => (await gateway.rows("SELECT 1 FROM llm_usage_logs WHERE status = 'cancelled' AND client_gone")).length === 1,
      5_000,
    );
  }, 60_000);
});

describe('every worker gone', () => {
  it('requests are carried out by the API in their place: cached, shared, by idempotency key, and seen as jobs', async () => {
    const gateway = await startWith({}, { name: 'main', type: 'openai' });
    gateway.workers[0]?.kill('SIGKILL');
    // On its queue before anybody knows that nobody will take it.
    const waiting = await ask(gateway, 'waits', { timeout_ms: 30_000 });
    expect([waiting.status, isDirect(waiting)]).toEqual([200, true]);
    expect(waiting.ms).toBeLessThan(10_000);
    const before = gateway.upstream.counts.total;
    const same = await Promise.all(Array.from({ length: 5 }, () => gateway.generate({ prompt: 'same' })));
    expect(same.map((reply) => reply.status)).toEqual([200, 200, 200, 200, 200]);
    expect(gateway.upstream.counts.total).toBe(before + 1);
    const again = await gateway.generate({ prompt: 'same' });
    expect([again.headers.get('x-cache'), again.body.cached]).toEqual(['HIT', true]);
    const keyed = { headers: { 'idempotency-key': 'once' } };
    const first = await gateway.generate({ prompt: 'once', cache: { mode: 'off' } }, keyed);
    const repeat = await gateway.generate({ prompt: 'once', cache: { mode: 'off' } }, keyed);
    expect([first.status, isDirect(first), repeat.body.id]).toEqual([200, true, first.body.id]);
    expect(gateway.upstream.counts.total).toBe(before + 2);
    const job = await gateway.admin('GET', `/api/v1/jobs/${first.body.id}`);
    expect(job.body).toMatchObject({ status: 'completed' });
    await gateway.addWorker();
    await untilDirect(gateway, false);
    const calls = gateway.upstream.counts.total;
    expect(await gateway.settledRows('llm_usage_attempts', calls)).toBe(calls);
  }, 60_000);
});

describe("a lane's only worker gone, while the next lane is served", () => {
  it('requests are carried out by the API on that lane alone: on the next one they wait for the slot that its workers share', async () => {
    const gateway = await startWith(
      { workers: 0 },
      { name: 'left', type: 'openai', priority: 1, max_retries: 0 },
      { name: 'served', type: 'claude', priority: 2, max_concurrency: 1 },
    );
    const doomed = await gateway.addWorker({ WORKER_PROVIDERS: 'left' });
    await gateway.addWorker({ WORKER_PROVIDERS: 'served' });
    await gateway.lanesServed(['left', 'served'], 1);
    let free: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (free = resolve));
    gateway.upstream.respond(async ({ label, prompt }) => {
      if (prompt === 'holds the slot') await held;
      return label === 'left' ? { status: 500, message: 'boom' } : { content: 'ok', delayMs: 50 };
    });
    const holder = gateway.generate({ prompt: 'holds the slot', provider: 'served' });
    await gateway.upstream.received(1);
    // Its heart still beats for the API while it takes nothing any more.
    process.kill(doomed.pid, 'SIGSTOP');
    const replies = Array.from({ length: 3 }, (_, i) => ask(gateway, i, { timeout_ms: 60_000 }));
    const queued = async () => ((await gateway.admin('GET', '/api/v1/jobs?status=queued')).body as { data: unknown[] }).data;
    await until(async () => (await queued()).length === 3, 5_000);
    process.kill(doomed.pid, 'SIGKILL');
    await gateway.upstream.received(4);
    free();
    expect((await holder).status).toBe(200);
    for (const { status, body } of await Promise.all(replies)) {
      expect([status, body.attempts.map(({ provider, status: end }) => `${provider} ${end}`)]).toEqual([
        200,
        ['left error', 'served ok'],
      ]);
    }
    const calls = gateway.upstream.counts.total;
    expect(await gateway.settledRows('llm_usage_attempts', calls)).toBe(calls);
    const by = await gateway.rows<{ who: string }>(
      "SELECT DISTINCT provider || ' by ' || split_part(worker, '-', 1) AS who FROM llm_usage_attempts ORDER BY 1",
    );
    expect(by.map(({ who }) => who)).toEqual(['left by api', 'served by worker']);
    expect(mostAtOnce(gateway.upstream.calls.filter(({ label }) => label === 'served'))).toBe(1);
  }, 90_000);
});

/** @returns how many of these calls were open at the same moment, at most. */
function mostAtOnce(calls: readonly { startedAtMs: number; endedAtMs: number | null }[]): number {
  const open = (at: number) => calls.filter((call) => call.startedAtMs <= at && at < (call.endedAtMs ?? Infinity)).length;
  return Math.max(...calls.map((call) => open(call.startedAtMs)));
}
