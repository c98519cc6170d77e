import { connect } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Cluster, until } from './cluster.js';

let cluster: Cluster | undefined;
afterEach(async () => {
  await cluster?.stop();
  cluster = undefined;
}, 60_000);

/** One command in Redis's inline protocol on the gateway's database. @returns the first line of the reply. */
async function redisCommand(port: number, command: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.write(`SELECT 3\r\n${command}\r\n`);
  let text = '';
  for await (const piece of socket) {
    text += String(piece);
    const [, reply] = text.split('\r\n');
    if (text.split('\r\n').length > 2) return reply ?? '';
  }
  return '';
}

async function startWith(
  options: Parameters<typeof Cluster.start>[0],
  providers: Parameters<Cluster['provider']>[0][],
): Promise<Cluster> {
  cluster = await Cluster.start(options);
  for (const provider of providers) await cluster.provider(provider);
  await cluster.lanesServed(providers.map((provider) => provider.name));
  return cluster;
}

describe('a worker killed in the middle of 200 slow calls', () => {
  it('loses none of them: all are answered within 20 s, and the killed attempts are marked', async () => {
    const gateway = await startWith({ workers: 2, env: { WORKER_CONCURRENCY: '100' } }, [{ name: 'slow', type: 'openai' }]);
    gateway.upstream.respond({ delayMs: 3_000 });
    const replies = Promise.all(
      Array.from({ length: 200 }, (_, i) => gateway.generate({ prompt: `slow ${i}`, cache: { mode: 'off' } })),
    );
    await gateway.upstream.received(200);
    const killedAt = Date.now();
    gateway.workers[0]?.kill('SIGKILL');
    const statuses = (await replies).map((reply) => reply.status);
    expect(statuses.filter((status) => status !== 200)).toEqual([]);
    expect(Date.now() - killedAt).toBeLessThan(20_000);
    expect(await gateway.settledRows('llm_usage_logs', 200)).toBe(200);
    const calls = gateway.upstream.counts.total;
    expect(await gateway.settledRows('llm_usage_attempts', calls)).toBe(calls);
    const [marked] = await gateway.rows<{ n: string }>(
      "SELECT count(*) AS n FROM llm_usage_attempts WHERE status = 'abandoned' AND estimated",
    );
    expect(Number(marked?.n)).toBe(calls - 200);
    expect(Number(marked?.n)).toBeGreaterThan(0);
  }, 90_000);
});

describe('a request whose API process died before its job was on its queue', () => {
  it('is carried out, once, when its Idempotency-Key is repeated', async () => {
    const gateway = await startWith({ apis: 2, workers: 0 }, []);
    await gateway.provider({ name: 'late', type: 'openai' });
    const queued = (id: string) => redisCommand(gateway.redis.port, `ZSCORE {lgw.late}:generate.late:prioritized ${id}-0`);
    const headers = { 'idempotency-key': 'lost-1' };
    const accepted = await gateway.generate({ prompt: 'lost' }, { headers: { ...headers, prefer: 'respond-async' } });
    expect(accepted.status).toBe(202);
    const { id } = accepted.body;
    expect(await queued(id)).not.toBe('$-1');
    // What a kill -9 between the two steps leaves: the request is known, and its job is nowhere.
    await redisCommand(gateway.redis.port, `DEL {lgw.late}:generate.late:${id}-0`);
    await redisCommand(gateway.redis.port, `ZREM {lgw.late}:generate.late:prioritized ${id}-0`);
    const again = gateway.generate({ prompt: 'lost' }, { api: 1, headers });
    await gateway.addWorker();
    const { status, body } = await again;
    expect([status, body.id]).toEqual([200, id]);
    expect(gateway.upstream.counts.total).toBe(1);
    expect(await gateway.settledRows('llm_usage_logs', 1)).toBe(1);
  }, 60_000);
});

describe('a provider that answers 429 with Retry-After: 5', () => {
  it('is called by no replica inside the 5 s; requests wait for it or fall back, and none fails', async () => {
    const gateway = await startWith({ workers: 3 }, [
      { name: 'limited', type: 'openai', priority: 1 },
      { name: 'spare', type: 'mistral', priority: 2 },
    ]);
    let refusedAt = 0;
    const early: number[] = [];
    gateway.upstream.respond((call) => {
      if (call.label !== 'limited') return {};
      const now = Date.now();
      if (refusedAt === 0) {
        refusedAt = now;
        return { status: 429, headers: { 'retry-after': '5' } };
      }
      if (now - refusedAt < 5_000) early.push(now - refusedAt);
      return {};
    });
    // One finds out; then a stream of requests, half of them with nowhere else to go.
    const first = gateway.generate({ prompt: 'first', provider: 'limited', fallback: false, timeout_ms: 20_000 });
    await gateway.health('limited', ({ state }) => state === 'paused');
    const rest = await Promise.all(
      Array.from({ length: 100 }, (_, i) =>
        gateway.generate({ prompt: `next ${i}`, provider: 'limited', fallback: i % 2 === 0, timeout_ms: 20_000 }),
      ),
    );
    const replies = [await first, ...rest];
    expect(replies.filter((reply) => reply.status !== 200).map((reply) => reply.body)).toEqual([]);
    expect(early).toEqual([]);
    expect(new Set(replies.map((reply) => reply.body.provider))).toEqual(new Set(['limited', 'spare']));
  }, 60_000);
});

describe('retries', () => {
  it('try the provider again, then the next candidate, and add up what all of it cost', async () => {
    const gateway = await startWith({}, [
      { name: 'broken', type: 'openai', priority: 1, max_retries: 1 },
      { name: 'sound', type: 'claude', priority: 2 },
    ]);
    gateway.upstream.respond((call) => (call.label === 'broken' ? { status: 500, message: 'boom' } : { content: 'ok' }));
    const { status, body } = await gateway.generate({ prompt: 'try' });
    expect(status).toBe(200);
    expect(body.attempts.map(({ provider, status: end, error }) => [provider, end, error])).toEqual([
      ['broken', 'error', 'server_error'],
      ['broken', 'error', 'server_error'],
      ['sound', 'ok', undefined],
    ]);
    expect(await gateway.settledRows('llm_usage_attempts', 3)).toBe(3);
  }, 60_000);

  it('end in 502 with one entry per attempt when every candidate fails, and the circuit then spares the provider', async () => {
    const gateway = await startWith({}, [{ name: 'only', type: 'openai', max_retries: 4 }]);
    gateway.upstream.respond({ status: 500, message: 'sorry, sk-only is a key' });
    const { status, body } = await gateway.generate({ prompt: 'try' });
    expect([status, body.error?.code]).toEqual([502, 'provider_error']);
    expect(body.error?.details).toHaveLength(5);
    expect(JSON.stringify(body)).not.toContain('sk-only');
    const before = gateway.upstream.counts.total;
    const refused = await gateway.generate({ prompt: 'again' });
    expect(refused.status).toBe(502);
    expect(gateway.upstream.counts.total).toBe(before);
  }, 60_000);

  it('stop at once for what no repeat can mend', async () => {
    const gateway = await startWith({}, [
      { name: 'strict', type: 'openai', priority: 1 },
      { name: 'other', type: 'claude', priority: 2 },
    ]);
    gateway.upstream.respond({ status: 400, message: 'bad parameter' });
    expect((await gateway.generate({ prompt: 'try' })).status).toBe(502);
    expect(gateway.upstream.counts.total).toBe(1);
  }, 60_000);
});

describe('deadlines and callers that hang up', () => {
  it('answer 504 at the deadline, abort the call, and record it', async () => {
    const gateway = await startWith({}, [{ name: 'mute', type: 'openai' }]);
    gateway.upstream.respond({ hang: 'headers' });
    const { status, body, ms } = await gateway.generate({ prompt: 'hello?', timeout_ms: 1_000 });
    expect([status, body.error?.code]).toEqual([504, 'timeout']);
    expect(ms).toBeLessThan(1_700);
    expect(await gateway.settledRows('llm_usage_logs', 1)).toBe(1);
    await until(async () => gateway.upstream.counts.open === 0, 2_000);
  }, 60_000);

  it('take a waiting job out of the queue when its last caller leaves', async () => {
    const gateway = await startWith({ env: { WORKER_CONCURRENCY: '1' } }, [{ name: 'narrow', type: 'openai' }]);
    gateway.upstream.respond({ delayMs: 3_000 });
    const holder = gateway.generate({ prompt: 'holder' });
    await gateway.upstream.received(1);
    const leaving = new AbortController();
    const left = gateway
      .generate({ prompt: 'left' }, { signal: leaving.signal })
      .catch((error: unknown) => (error as Error).name);
    await gateway.health('narrow', ({ queue_depth }) => queue_depth === 1);
    leaving.abort();
    expect(await left).toBe('AbortError');
    expect((await holder).status).toBe(200);
    expect(await gateway.settledRows('llm_usage_logs', 2)).toBe(2);
    const [row] = await gateway.rows("SELECT status, client_gone FROM llm_usage_logs WHERE status <> 'ok'");
    expect(row).toEqual({ status: 'cancelled', client_gone: true });
    expect(gateway.upstream.counts.total).toBe(1);
  }, 60_000);

  it('refuse with queue_full and Retry-After when QUEUE_MAX_DEPTH requests wait', async () => {
    const gateway = await startWith({ env: { WORKER_CONCURRENCY: '1', QUEUE_MAX_DEPTH: '3' } }, [
      { name: 'narrow', type: 'openai' },
    ]);
    gateway.upstream.respond({ delayMs: 400 });
    const replies = await Promise.all(Array.from({ length: 12 }, (_, i) => gateway.generate({ prompt: `many ${i}` })));
    const full = replies.filter((reply) => reply.status === 429);
    expect(full.length).toBeGreaterThanOrEqual(7);
    expect(full[0]?.body.error?.code).toBe('queue_full');
    expect(Number(full[0]?.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(replies.filter((reply) => reply.status === 200).length).toBe(12 - full.length);
  }, 60_000);
});

describe('changes of the configuration', () => {
  it('reach every process within 2 s: a provider added, changed, disabled, removed', async () => {
    const gateway = await startWith({ apis: 2, workers: 2 }, [{ name: 'first', type: 'openai', priority: 5 }]);
    const id = await gateway.provider({ name: 'second', type: 'claude', priority: 1 });
    const answersFrom = (provider: string) =>
      until(async () => {
        const reply = await gateway.generate({ prompt: `who? ${Math.random()}` }, { api: 1 });
        return reply.status === 200 && reply.body.provider === provider;
      }, 2_000);
    await answersFrom('second');
    await gateway.admin('PATCH', `/api/v1/providers/${id}`, { priority: 9 });
    await answersFrom('first');
    await gateway.admin('PATCH', `/api/v1/providers/${id}`, { priority: 1, default_model: 'claude-opus-4-1' });
    await answersFrom('second');
    await gateway.admin('DELETE', `/api/v1/providers/${id}`);
    await answersFrom('first');
  }, 60_000);

  it('holds rpm_limit over workers, changed live, and refuses at once a prompt that never fits the tpm', async () => {
    const gateway = await startWith({ workers: 3 }, [{ name: 'few', type: 'openai', rpm_limit: 10, tpm_limit: 1_000 }]);
    const ask = (i: number) => gateway.generate({ prompt: `few ${i}`, timeout_ms: 1_000 });
    const replies = await Promise.all(Array.from({ length: 30 }, (_, i) => ask(i)));
    expect(replies.filter((reply) => reply.status === 200)).toHaveLength(10);
    expect(gateway.upstream.counts.total).toBe(10);
    const refused = replies.find((reply) => reply.status === 429);
    expect(refused?.body.error?.code).toBe('rate_limited');
    expect(Number(refused?.headers.get('retry-after'))).toBeGreaterThan(1);
    const [answered] = replies.filter((reply) => reply.status === 200);
    expect(answered?.headers.get('x-ratelimit-limit-requests')).toBe('10');
    expect(answered?.headers.get('x-ratelimit-limit-tokens')).toBe('1000');
    const huge = await gateway.generate({ prompt: 'x'.repeat(10_000) });
    expect([huge.status, huge.body.error?.code]).toEqual([413, 'payload_too_large']);
    expect(huge.ms).toBeLessThan(500);
  }, 60_000);
});
