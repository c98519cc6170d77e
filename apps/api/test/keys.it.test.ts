import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startFaultProxy, startRedis } from '@llm-gateway/local-services';
import pg from 'pg';
import { takeDatabaseAway } from './support/database-away.js';
import { eventually } from './support/eventually.js';
import { ADMIN_KEY, startTestApi, type Replica, type TestApi } from './support/test-api.js';

let api: TestApi;
let other: Replica;
beforeAll(async () => {
  api = await startTestApi();
  other = await api.replica();
});
afterAll(() => api.end());

interface Key {
  id: string;
  key: string;
  previous_valid_until: string | null;
}
let names = 0;
async function makeKey(body: object = {}): Promise<Key> {
  const answer = await api.call('POST', '/api/v1/keys', {
    body: { name: `key-${names++}`, scopes: ['generate', 'read'], ...body },
  });
  expect([answer.status, answer.text]).toEqual([201, expect.any(String)]);
  return answer.body as Key;
}
const rotate = async (id: string, grace_seconds: number) =>
  (await api.call('POST', `/api/v1/keys/${id}/rotate`, { body: { grace_seconds } })).body as Key;
const remove = (id: string) => api.call('DELETE', `/api/v1/keys/${id}`);

/** What a replica makes of a key: 404 is that of an unknown job, asked for by somebody who may. */
const tryKey = async (key: string, at: Replica = api) => (await at.call('GET', '/api/v1/jobs/none', { key })).status;
const LET_IN = 404;

describe('POST /api/v1/keys', () => {
  it('makes a key that every replica takes at once, as either header', async () => {
    const made = await makeKey();
    expect(made.key).toMatch(new RegExp(`^lgw_${made.id}_[A-Za-z0-9_-]{43}$`));
    for (const at of [other, api]) expect(await tryKey(made.key, at)).toBe(LET_IN);
    const headers = { authorization: `Bearer ${made.key}` };
    expect((await other.call('GET', '/api/v1/jobs/none', { key: null, headers })).status).toBe(LET_IN);
  });

  it('shows the key in that answer and nowhere again', async () => {
    const { id, key } = await makeKey();
    const secret = key.slice(31);
    for (const path of ['/api/v1/keys?limit=1000', '/api/v1/audit?limit=1000']) {
      const { text } = await api.call('GET', path);
      expect(text).toContain(id);
      expect(text).not.toContain(secret);
      expect(text).not.toMatch(/fingerprint/);
    }
    expect(JSON.stringify(api.log.lines())).not.toContain(secret);
  });

  it.each([
    [{ scopes: [] }, 'scopes'],
    [{ scopes: ['everything'] }, 'scopes.0'],
    [{ name: '' }, 'name'],
    [{ rpm_limit: 0 }, 'rpm_limit'],
    [{ expires_at: '2020-01-01T00:00:00Z' }, 'expires_at'],
    [{ expires_at: 'tomorrow' }, 'expires_at'],
    [{ scopes: ['admin'], service: 'billing' }, 'service'],
    [{ fingerprint: 'a'.repeat(64) }, 'fingerprint'],
    [{ id: 'mine' }, 'id'],
  ])('refuses %j', async (change, path) => {
    const body = { name: 'refused', scopes: ['read'], ...change };
    const answer = await api.call('POST', '/api/v1/keys', { body });
    expect([answer.status, answer.body.error.details[0].path]).toEqual([400, path]);
  });

  it('says that a name is taken, and that an id is unknown', async () => {
    await makeKey({ name: 'taken' });
    expect((await api.call('POST', '/api/v1/keys', { body: { name: 'taken', scopes: ['read'] } })).status).toBe(409);
    for (const id of ['none', 'a'.repeat(26), '%00']) {
      expect((await remove(id)).status).toBe(404);
      expect((await api.call('POST', `/api/v1/keys/${id}/rotate`, { body: { grace_seconds: 1 } })).status).toBe(404);
    }
    for (const order of [{ body: {} }, {}]) {
      const unsaid = await api.call('POST', `/api/v1/keys/${'a'.repeat(26)}/rotate`, order);
      expect([unsaid.status, unsaid.body.error.details[0].path]).toEqual([400, 'grace_seconds']);
    }
  });

  it('grants no scope that its maker does not have, by no way', async () => {
    const limited = await makeKey({ scopes: ['admin'] });
    const strong = await makeKey({ scopes: ['admin', 'generate'] });
    const as = (method: string, path: string, body: object) => api.call(method, path, { key: limited.key, body });
    const refused = await as('POST', '/api/v1/keys', { name: 'up', scopes: ['admin', 'generate'] });
    expect([refused.status, refused.body.error.code]).toEqual([403, 'forbidden']);
    expect((await as('POST', `/api/v1/keys/${strong.id}/rotate`, { grace_seconds: 60 })).status).toBe(403);
    expect(await tryKey(strong.key)).toBe(LET_IN);
    expect((await as('POST', '/api/v1/keys', { name: 'beside', scopes: ['admin'] })).status).toBe(201);
  });
});

describe('a key', () => {
  it('may do what its scopes say, and no more', async () => {
    const reads = await makeKey({ scopes: ['read'] });
    const admin = await makeKey({ scopes: ['admin'] });
    const statusOf = async (key: string, path: string) => (await other.call('GET', path, { key })).status;
    expect(await statusOf(reads.key, '/api/v1/usage/summary')).toBe(200);
    expect(await statusOf(reads.key, '/api/v1/jobs/none')).toBe(403);
    expect(await statusOf(reads.key, '/api/v1/keys')).toBe(403);
    expect(await statusOf(admin.key, '/api/v1/keys')).toBe(200);
    expect(await statusOf(admin.key, '/api/v1/usage/summary')).toBe(403);
  });

  it('of one service asks for that service, and sees its usage only', async () => {
    const { key } = await makeKey({ service: 'billing' });
    const call = (path: string) => api.call('GET', path, { key });
    for (const path of ['summary?', 'by-provider?', 'timeseries?', 'logs?', 'unpriced?', 'report?period=week&', 'export.csv?']) {
      expect([path, (await call(`/api/v1/usage/${path}service=other`)).status]).toEqual([path, 403]);
      expect([path, (await call(`/api/v1/usage/${path}service=billing`)).status]).toEqual([path, 200]);
    }
    const asked = await api.call('POST', '/api/v1/generate', { key, body: { service: 'other', prompt: 'x' } });
    expect(asked.status).toBe(403);
  });

  it('of one service does not see the rows of another', async () => {
    const client = new pg.Client({ connectionString: api.database.url, options: '-c search_path=llm_gateway_test' });
    await client.connect();
    await client.query(`INSERT INTO llm_usage_logs SELECT 'req_of_' || s, now(), s, NULL, NULL, 'p', 'openai', 'm', 'ok', NULL, 'MISS', 'stop', 1, 0,
      0, 0, 1, 0, 1, NULL, 0, 1, 1, 1, false, '{}', NULL FROM unnest(ARRAY['mine', 'theirs']) AS s`);
    await client.end();
    const { key } = await makeKey({ service: 'mine' });
    const logs = await api.call('GET', '/api/v1/usage/logs', { key });
    expect((logs.body.data as { service: string }[]).map(({ service }) => service)).toEqual(['mine']);
    expect((await api.call('GET', '/api/v1/usage/logs/req_of_mine', { key })).status).toBe(200);
    expect((await api.call('GET', '/api/v1/usage/logs/req_of_theirs', { key })).status).toBe(404);
  });

  it('ends when it expires, on use', async () => {
    const { key } = await makeKey({ expires_at: new Date(Date.now() + 1_500).toISOString() });
    expect(await tryKey(key)).toBe(LET_IN);
    await eventually(() => tryKey(key), (status) => status === 401); // prettier-ignore
  });

  it('is rotated without a refused request: old and new are good for the grace, then only the new', async () => {
    const made = await makeKey();
    const turned = await rotate(made.id, 2);
    expect(turned.key).not.toBe(made.key);
    for (const at of [api, other]) for (const key of [made.key, turned.key]) expect(await tryKey(key, at)).toBe(LET_IN);
    for (const at of [api, other]) await eventually(() => tryKey(made.key, at), (status) => status === 401); // prettier-ignore
    expect(await tryKey(turned.key)).toBe(LET_IN);
    const last = await rotate(made.id, 0);
    expect(await tryKey(turned.key)).toBe(401);
    expect(await tryKey(last.key, other)).toBe(LET_IN);
  });

  it('is refused everywhere within two seconds of its end', async () => {
    const { id, key } = await makeKey();
    expect(await tryKey(key, other)).toBe(LET_IN);
    expect((await remove(id)).status).toBe(204);
    expect(await tryKey(key)).toBe(401);
    await eventually(() => tryKey(key, other), (status) => status === 401, 2_000); // prettier-ignore
  });

  it('is none with another secret, another id, or anything added, and is told so in the same words', async () => {
    const [one, two] = [await makeKey(), await makeKey()];
    const wrong = [
      `lgw_${one.id}_${two.key.slice(31)}`,
      `lgw_${'0'.repeat(26)}_${one.key.slice(31)}`,
      `lgw_${one.id}_`,
      one.key.slice(0, -1),
      `${one.key}A`,
      one.key.toUpperCase(),
      one.id,
    ];
    const answers = await Promise.all(wrong.map((key) => other.call('GET', '/api/v1/jobs/none', { key })));
    expect(answers.map(({ status }) => status)).toEqual(wrong.map(() => 401));
    expect(new Set(answers.map(({ body }) => String(body.error.message))).size).toBe(1);
  });

  it('notes when it was last used, but not while a caller waits', async () => {
    const { id, key } = await makeKey();
    const third = await api.replica();
    expect(await tryKey(key, third)).toBe(LET_IN);
    const rowOf = async () =>
      ((await api.call('GET', '/api/v1/keys?limit=1000')).body.data as { id: string; last_used_at: string | null }[]).find(
        (row) => row.id === id,
      );
    expect((await rowOf())?.last_used_at).toBeNull();
    // Written once a minute, and at the end.
    await third.stop();
    expect(Date.parse((await rowOf())?.last_used_at ?? '')).toBeGreaterThan(Date.now() - 30_000);
  });
});

describe('rpm_limit', () => {
  it('is one limit for all replicas, said in headers, refused with a time to come again', async () => {
    const { key } = await makeKey({ rpm_limit: 20 });
    const calls = Array.from({ length: 50 }, (_, index) => (index % 2 ? api : other).call('GET', '/api/v1/jobs/none', { key }));
    const answers = await Promise.all(calls);
    expect(answers.filter(({ status }) => status === LET_IN)).toHaveLength(20);
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused).toHaveLength(30);
    for (const { headers, body } of refused) {
      expect(body.error.code).toBe('rate_limited');
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
      expect(Number(headers.get('retry-after'))).toBeLessThanOrEqual(61);
      expect(headers.get('x-ratelimit-limit')).toBe('20');
      expect(headers.get('x-ratelimit-remaining')).toBe('0');
      expect(headers.get('x-ratelimit-reset')).toMatch(/^\d{1,2}s$/);
    }
    const left = answers
      .filter(({ status }) => status === LET_IN)
      .map(({ headers }) => Number(headers.get('x-ratelimit-remaining')));
    expect(left.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, index) => index));
  });

  it('of one key leaves the others alone, and goes on through a rotation', async () => {
    const [limited, free] = [await makeKey({ rpm_limit: 1 }), await makeKey()];
    expect(await tryKey(limited.key)).toBe(LET_IN);
    const { key } = await rotate(limited.id, 0);
    expect(await tryKey(key, other)).toBe(429);
    expect(await tryKey(free.key)).toBe(LET_IN);
  });
});

describe('with something down', () => {
  it('Redis: a limit is kept by each replica for its share', async () => {
    const redis = await startRedis();
    const alone = await api.replica({ REDIS_URL: redis.url });
    const { key } = await makeKey({ rpm_limit: 4 });
    await redis.stop('SIGKILL');
    const answers = await Promise.all(Array.from({ length: 8 }, () => alone.call('GET', '/api/v1/usage/summary', { key })));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(4);
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(4);
    await alone.stop();
  });

  it('PostgreSQL: known keys work on, also after a start from the mirror; what cannot be looked up is 503, never 401', async () => {
    const { key, id } = await makeKey();
    await tryKey(key, other);
    const bringBack = await takeDatabaseAway(api.database.url);
    try {
      for (const at of [api, other]) expect(await tryKey(key, at)).toBe(LET_IN);
      const unknown = `lgw_${'0'.repeat(26)}_${key.slice(31)}`;
      const answer = await api.call('GET', '/api/v1/jobs/none', { key: unknown });
      expect([answer.status, answer.body.error.code, answer.headers.has('retry-after')]).toEqual([503, 'unavailable', true]);
      expect(await tryKey('not-even-a-key')).toBe(401);

      const fromMirror = await api.replica();
      expect(await tryKey(key, fromMirror)).toBe(LET_IN);
      const empty = await startRedis();
      const fromNothing = await api.replica({ REDIS_URL: empty.url });
      expect(await tryKey(key, fromNothing)).toBe(503);
      expect(await tryKey(ADMIN_KEY, fromNothing)).toBe(LET_IN);
      expect(await tryKey('not-even-a-key', fromNothing)).toBe(401);
      await fromNothing.stop();
      await empty.stop();
    } finally {
      await bringBack();
    }
    await eventually(() => remove(id), ({ status }) => status === 204); // prettier-ignore
    await eventually(() => tryKey(key, other), (status) => status === 401); // prettier-ignore
  });

  it('PostgreSQL for one replica alone: what is revoked elsewhere is refused there as well, within two seconds', async () => {
    const { key, id } = await makeKey();
    const url = new URL(api.database.url);
    const proxy = await startFaultProxy(Number(url.port));
    url.port = String(proxy.port);
    const cutOff = await api.replica({ DATABASE_URL: url.href });
    expect(await tryKey(key, cutOff)).toBe(LET_IN);
    proxy.set({ refuse: true });
    proxy.reset();
    await eventually(() => cutOff.call('GET', '/api/v1/keys'), ({ status }) => status === 503); // prettier-ignore
    expect(await tryKey(key, cutOff)).toBe(LET_IN);
    const turned = await rotate(id, 0);
    const refused = async (old: string) => [401, 503].includes(await tryKey(old, cutOff));
    await eventually(() => refused(key), (is) => is, 2_000); // prettier-ignore
    expect(await tryKey(turned.key, cutOff)).toBe(LET_IN);
    expect((await remove(id)).status).toBe(204);
    await eventually(() => refused(turned.key), (is) => is, 2_000); // prettier-ignore
    await cutOff.stop();
    await proxy.stop();
  });

  it('the encryption key: callers get 503, and environment keys their way in', async () => {
    const { key } = await makeKey();
    const stranger = await api.replica({ ENCRYPTION_KEYS: `other:${Buffer.alloc(32, 9).toString('base64')}` });
    expect(await tryKey(key, stranger)).toBe(503);
    expect(await tryKey(ADMIN_KEY, stranger)).toBe(LET_IN);
    expect(stranger.log.lines().some(({ msg }) => String(msg).includes('keys in the database cannot be checked'))).toBe(true);
  });
});
