import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { exportSPKI, generateKeyPair, SignJWT } from 'jose';
import { STAND_IN_MODELS, startUpstream, type Upstream } from '@llm-gateway/local-services';
import { connectRedis, type Redis } from '@llm-gateway/queue';
import { allShards, canonicalHash, generateRequest, requestTime, type UsageLog } from '@llm-gateway/shared';
import { eventually } from './support/eventually.js';
import { SERVICE_KEY, startTestApi, type CallOptions, type Called, type TestApi } from './support/test-api.js';

/** There is no worker at all here: the API carries everything out itself. */
let api: TestApi;
let upstream: Upstream;
let redis: Redis;

beforeAll(async () => {
  upstream = await startUpstream();
  api = await startTestApi({ DIRECT_MODE_MAX_CONCURRENCY: '3' });
  redis = connectRedis(api.redis.url, 'patient', api.log.logger);
  await provider('main');
  await provider('narrow', { max_concurrency: 1 });
  await eventually(
    () => ask('is it there?'),
    ({ headers }) => headers.get('x-gateway-mode') === 'direct',
  );
}, 60_000);

afterAll(async () => {
  redis.disconnect();
  await api.end();
  await upstream.stop();
});

beforeEach(() => upstream.respond({ content: 'ok' }));

const provider = (name: string, more: object = {}) => {
  const body = { name, type: 'openai', api_key: `sk-${name}`, default_model: STAND_IN_MODELS.openai, ...more };
  return api.call('POST', '/api/v1/providers', { body: { ...body, base_url: upstream.baseUrlFor('openai', name) } });
};
const ask = (
  prompt: string,
  { headers, ...more }: Pick<CallOptions, 'headers'> & Record<string, unknown> = {},
  at: Pick<TestApi, 'call'> = api,
) =>
  at.call('POST', '/api/v1/generate', {
    key: SERVICE_KEY,
    body: { service: 'test', prompt, timeout_ms: 20_000, ...more },
    ...(headers && { headers }),
  });
/** Resolves once the request behind `begin` has taken its key. */
const begun = async (begin: () => Promise<Called>): Promise<{ reply: Promise<Called> }> => {
  const taken = async () => (await redis.keys('lgw:idem:*')).length;
  const before = await taken();
  const reply = begin();
  await eventually(taken, (now) => now > before);
  return { reply };
};
const statusOf = ({ status }: Called): number => status;
/** Rows on their way: without a worker they stay in their streams. */
const rowsOf = async (customerId: string): Promise<UsageLog[]> => {
  const streams = await Promise.all(allShards().map((shard) => redis.xrange(`lgw:${shard}:usage`, '-', '+')));
  const logs = streams.flat().map(([, fields]) => (JSON.parse(String(fields[1])) as { log: UsageLog | null }).log);
  return logs.filter((log) => log?.customerId === customerId) as UsageLog[];
};

describe('with every worker away', () => {
  it('no more than DIRECT_MODE_MAX_CONCURRENCY are carried out at a time, whatever comes in the same moment', async () => {
    let peak = 0;
    upstream.respond(() => {
      peak = Math.max(peak, upstream.counts.open);
      return { delayMs: 200, content: 'ok' };
    });
    const replies = await Promise.all(Array.from({ length: 9 }, (_, i) => ask(`at once ${i}`, { cache: { mode: 'off' } })));
    // Those that find no place wait on the queue for one.
    expect(replies.map(statusOf)).toEqual(replies.map(() => 200));
    expect(peak).toBe(3);
  });

  it('a repeated key waits for the call that its first request shares, and makes none of its own', async () => {
    upstream.respond({ delayMs: 5_000, content: 'ok' });
    const before = upstream.counts.total;
    const other = await api.replica();
    const leader = ask('shared');
    await upstream.received(before + 1);
    const headers = { 'idempotency-key': 'shares' };
    const { reply: follower } = await begun(() => ask('shared', { headers }));
    const repeat = ask('shared', { headers }, other);
    const replies = await Promise.all([leader, follower, repeat]);
    expect(replies.map(statusOf)).toEqual([200, 200, 200]);
    expect(replies[2].body.id).toBe(replies[1].body.id);
    expect(upstream.counts.total).toBe(before + 1);
    const { body } = await api.call('GET', `/api/v1/jobs/${String(replies[0].body.id)}`);
    expect(Date.parse(String(body.created_at))).toBe(requestTime(String(replies[0].body.id)));
  });

  it('a repeated key waits for a request that an API has in hand and that has not come to its call', async () => {
    upstream.respond({ delayMs: 5_000, content: 'ok' });
    const before = upstream.counts.total;
    const other = await api.replica();
    const narrow = { provider: 'narrow', fallback: false, cache: { mode: 'off' } };
    const busy = ask('takes the only slot', narrow);
    await upstream.received(before + 1);
    const keyed = { ...narrow, headers: { 'idempotency-key': 'in hand' } };
    const { reply: first } = await begun(() => ask('waits for the slot', keyed));
    const replies = await Promise.all([busy, first, ask('waits for the slot', keyed, other)]);
    expect(replies.map(statusOf)).toEqual([200, 200, 200]);
    expect(replies[2].body.id).toBe(replies[1].body.id);
    expect(upstream.counts.total).toBe(before + 2);
  });

  it('a request that is carried out after a try was turned away has the row of what was carried out', async () => {
    const closed = await api.replica({ DIRECT_MODE_MAX_CONCURRENCY: '0' });
    await eventually(
      () => ask('is it closed?', { cache: { mode: 'off' }, timeout_ms: 100 }, closed),
      ({ status }) => status === 503,
      20_000,
    );
    const keyed = { customer_id: 'turned away', headers: { 'idempotency-key': 'later' } };
    expect((await ask('again', keyed, closed)).status).toBe(503);
    const [refused] = await eventually(
      () => rowsOf('turned away'),
      (rows) => rows.length === 1,
    );
    // As if Redis had gone away before the key was given back: the claim is still there.
    const body = { service: 'test', prompt: 'again', timeout_ms: 20_000, customer_id: 'turned away' };
    const claim = { requestId: refused?.relatedTo ?? refused?.id, bodyHash: canonicalHash(generateRequest.parse(body)) };
    await redis.set(`lgw:idem:${canonicalHash({ service: 'test', key: 'later' })}`, JSON.stringify(claim));
    const answer = await ask('again', keyed);
    expect([answer.status, answer.body.id]).toEqual([200, claim.requestId]);
    const rows = await eventually(
      () => rowsOf('turned away'),
      (all) => all.some(({ status }) => status === 'ok'),
    );
    expect(rows.map(({ id, status }) => [id === claim.requestId, status])).toEqual(
      expect.arrayContaining([
        [false, 'error'],
        [true, 'ok'],
      ]),
    );
    expect(rows.map(({ createdAt, id }) => createdAt - requestTime(id))).toEqual([0, 0]);
  });

  it("a customer's token is neither answered nor turned away for another customer's use of the same key", async () => {
    const { publicKey, privateKey } = await generateKeyPair('RS256');
    const setup = { JWT_ISSUER: 'https://login.example.com/', JWT_AUDIENCE: 'llm-gateway' };
    const other = await api.replica({ ...setup, JWT_PUBLIC_KEY: await exportSPKI(publicKey) });
    const askAs = async (customer: string): Promise<string> => {
      const claims = { sub: customer, scope: 'generate', service: 'test', customer_id: customer };
      const token = await new SignJWT({ ...claims, iss: setup.JWT_ISSUER, aud: setup.JWT_AUDIENCE })
        .setProtectedHeader({ alg: 'RS256' })
        .setExpirationTime('1m')
        .sign(privateKey);
      const headers = { authorization: `Bearer ${token}`, 'idempotency-key': 'order-1' };
      const { status, body } = await other.call('POST', '/api/v1/generate', { key: null, headers, body: { prompt: 'whose?' } });
      expect(status).toBe(200);
      return String(body.id);
    };
    const acmes = await askAs('acme');
    expect(await askAs('acme')).toBe(acmes);
    expect(await askAs('other')).not.toBe(acmes);
  });
});
