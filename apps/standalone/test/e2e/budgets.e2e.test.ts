import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createHmac, randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Cluster, until } from './cluster.js';

const SECRET = `whsec_${randomBytes(24).toString('base64')}`;
/** One call of the stand-in: 1,000 tokens in, 100 out, at the provider's own prices. */
const PRICING = { input_per_mtok: 1, output_per_mtok: 10 };
const CALL_USD = 0.002;
const USAGE = { uncachedInput: 1_000, output: 100 };
/** About 1,000 tokens, as the gateway estimates them: what is reserved is what a call costs. */
const PROMPT = 'four'.repeat(1_000);

interface Budget {
  id: string;
  spent_usd: number;
  reserved_usd: number;
}

const BUDGETS = {
  racer: { scope: 'customer', customer_id: 'racer', window: 'month', hard_limit_usd: 100 * CALL_USD },
  three: { scope: 'customer', customer_id: 'three', window: 'day', hard_limit_usd: 1 },
  trio: { scope: 'service', service: 'trio', window: 'day', hard_limit_usd: 3 * CALL_USD },
  all: { scope: 'all', window: 'month', hard_limit_usd: 1_000 },
  cached: { scope: 'customer', customer_id: 'cached', window: 'day', hard_limit_usd: CALL_USD },
  failing: { scope: 'customer', customer_id: 'failing', window: 'day', hard_limit_usd: CALL_USD },
  told: { scope: 'customer', customer_id: 'told', window: 'day', soft_limit_usd: 4 * CALL_USD, hard_limit_usd: 5 * CALL_USD },
};

let cluster: Cluster;
let receiver: Awaited<ReturnType<typeof startReceiver>>;
const ids = {} as Record<keyof typeof BUDGETS, string>;

beforeAll(async () => {
  receiver = await startReceiver();
  cluster = await Cluster.start({ apis: 2, workers: 3, env: { WEBHOOK_SECRET: SECRET } });
  for (const [name, fields] of Object.entries(BUDGETS)) {
    const body = name === 'told' ? { ...fields, webhook_url: receiver.url } : fields;
    const created = await cluster.admin('POST', '/api/v1/budgets', body);
    expect(created.status).toBe(201);
    ids[name as keyof typeof BUDGETS] = (created.body as Budget).id;
  }
  // A later change of the same configuration: who knows this provider knows the budgets.
  await cluster.provider({ name: 'main', type: 'openai', pricing: PRICING });
  await cluster.lanesServed(['main']);
  for (const api of [0, 1]) await until(async () => (await ask('warm-up', api)).status === 200, 5_000);
}, 60_000);
afterAll(async () => {
  await cluster.stop();
  receiver.stop();
}, 60_000);
beforeEach(() => {
  cluster.upstream.reset();
  cluster.upstream.respond({ usage: USAGE });
});

const read = async (name: keyof typeof BUDGETS): Promise<Budget> =>
  (await cluster.admin('GET', `/api/v1/budgets/${ids[name]}`, undefined, 1)).body;
const ask = (customer: string, index: number, more: object = {}) =>
  cluster.generate(
    { prompt: PROMPT, customer_id: customer, max_tokens: 100, cache: { mode: 'off' }, timeout_ms: 60_000, ...more },
    { api: index % 2 },
  );

describe('a hard budget', () => {
  it('that fits 100 calls lets at most 100 of 200 simultaneous requests reach the provider, and agrees with it to the last cent', async () => {
    const replies = await Promise.all(Array.from({ length: 200 }, (_, index) => ask('racer', index)));
    const served = replies.filter(({ status }) => status === 200).length;
    expect(served).toBe(100);
    expect(replies.filter(({ status, body }) => status === 402 && body.error?.code === 'budget_exceeded')).toHaveLength(100);
    expect(cluster.upstream.counts.total).toBe(100);
    await until(async () => (await read('racer')).reserved_usd === 0, 10_000);
    expect(await read('racer')).toMatchObject({ spent_usd: 100 * CALL_USD, reserved_usd: 0 });
    // The two that warmed up are rows as well.
    expect(await cluster.settledRows('llm_usage_logs', 202)).toBe(202);
    const [rows] = await cluster.rows<{ sum: string }>(`SELECT sum(cost_usd) FROM llm_usage_logs WHERE customer_id = 'racer'`);
    expect(Number(rows?.sum)).toBe(100 * CALL_USD);
  }, 60_000);

  it('holds for customer, service and all together: what one refuses takes nothing from the others', async () => {
    const before = (await read('all')).spent_usd;
    const replies = await Promise.all(Array.from({ length: 10 }, (_, index) => ask('three', index, { service: 'trio' })));
    const served = replies.filter(({ status }) => status === 200).length;
    expect(served).toBe(3);
    await until(async () => (await read('all')).reserved_usd === 0, 10_000);
    expect(await read('three')).toMatchObject({ spent_usd: 3 * CALL_USD, reserved_usd: 0 });
    expect(await read('trio')).toMatchObject({ spent_usd: 3 * CALL_USD, reserved_usd: 0 });
    expect((await read('all')).spent_usd).toBeCloseTo(before + 3 * CALL_USD, 9);
  }, 60_000);

  it('reserves nothing for what the cache answers, and refuses asynchronous requests too', async () => {
    const cacheable = { cache: { mode: 'default' } };
    expect((await ask('cached', 0, cacheable)).status).toBe(200);
    expect((await ask('cached', 1, cacheable)).headers.get('x-cache')).toBe('HIT');
    expect((await ask('cached', 1)).status).toBe(402);
    const body = { prompt: PROMPT, customer_id: 'cached', cache: { mode: 'off' as const } };
    expect((await cluster.generate(body, { headers: { prefer: 'respond-async' } })).status).toBe(402);
    expect(cluster.upstream.counts.total).toBe(1);
  }, 60_000);

  it('turns identical requests away at once, though each would follow another', async () => {
    const same = { prompt: 'the same for all', cache: { mode: 'default' } };
    const replies = await Promise.all(Array.from({ length: 30 }, (_, index) => ask('cached', index, same)));
    expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([402]));
    expect(Math.max(...replies.map(({ ms }) => ms))).toBeLessThan(2_500);
  }, 60_000);

  it('gives back what a failed call did not cost', async () => {
    cluster.upstream.respond({ status: 400 });
    expect((await ask('failing', 0)).status).toBe(502);
    await until(async () => (await read('failing')).reserved_usd === 0, 5_000);
    cluster.upstream.respond({ usage: USAGE });
    expect((await ask('failing', 1)).status).toBe(200);
  }, 60_000);

  it('is told once of 50, 80 and 100 %, by a signed webhook that is called until it accepts', async () => {
    for (let call = 0; call < 6; call++) await ask('told', call);
    await until(() => Promise.resolve(receiver.accepted().length >= 4), 20_000);
    const told = receiver.accepted().map(({ data }) => `${data.limit} ${data.threshold_percent}`);
    expect(told.toSorted()).toEqual(['hard 100', 'hard 50', 'hard 80', 'soft 100']);
    expect(receiver.refused()).toBe(4);
    const undelivered = async () =>
      cluster.rows('SELECT 1 FROM llm_alerts WHERE budget_id = $1 AND delivered_at IS NULL', [ids.told]);
    await until(async () => (await undelivered()).length === 0, 5_000);
    const { body } = await cluster.admin('GET', '/api/v1/alerts');
    const alerts = (body as { data: { budget_id: string; attempts: number }[] }).data.filter(
      (each) => each.budget_id === ids.told,
    );
    expect(alerts.map(({ attempts }) => attempts)).toEqual([2, 2, 2, 2]);
  }, 60_000);
});

interface Told {
  type: string;
  data: { limit: string; threshold_percent: number };
}

/** Refuses the first call of every message, and any that is not signed as Standard Webhooks says. */
async function startReceiver() {
  const seen = new Set<string>();
  const accepted: Told[] = [];
  let refused = 0;
  const server: Server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString()));
    request.on('end', () => {
      const headers = request.headers as Record<string, string>;
      const message = verified(text, headers);
      const first = !seen.has(headers['webhook-id'] ?? '');
      seen.add(headers['webhook-id'] ?? '');
      if (first) refused++;
      else accepted.push(message);
      response.writeHead(first ? 500 : 204).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}/hook?token=abc`;
  return { url, accepted: () => accepted, refused: () => refused, stop: () => void server.close() };
}

/** By the specification's own words, not by the library that signs. @throws Error for a message that is not ours, or old. */
function verified(text: string, headers: Record<string, string>): Told {
  const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature } = headers;
  const key = Buffer.from(SECRET.replace('whsec_', ''), 'base64');
  const expected = `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${text}`).digest('base64')}`;
  if (signature !== expected || Math.abs(Date.now() / 1_000 - Number(timestamp)) > 60)
    throw new Error('not signed as it should be');
  return JSON.parse(text) as Told;
}
