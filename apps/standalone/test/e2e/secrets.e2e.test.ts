/** Every secret that the gateway is told is a canary. After all that uses them has run, and failed, none is found anywhere. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startProcess, type UpstreamAnswer, type UpstreamCall } from '@llm-gateway/local-services';
import { PROVIDER_TYPES } from '@llm-gateway/shared';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { tour } from './admin-tour.js';
import { dumpDatabase, dumpRedis, findSecrets, newCanary } from './canaries.js';
import { ADMIN_KEY, Cluster, SERVICE_KEY, until } from './cluster.js';
import { TokenMaker } from './token-maker.js';

const ENCRYPTION_KEY = randomBytes(32).toString('base64');
const OLD_ENCRYPTION_KEY = randomBytes(32).toString('base64');
const SECRETS: Record<string, string> = {
  'service key': newCanary('service'),
  'admin key': newCanary('admin'),
  'metrics token': newCanary('metrics'),
  'webhook secret': `whsec_${randomBytes(32).toString('base64')}`,
  'encryption key': ENCRYPTION_KEY,
  'old encryption key': OLD_ENCRYPTION_KEY,
  'database password': newCanary('postgres'),
  'redis password': newCanary('redis'),
  'malformed encryption key': newCanary('malformed'),
  'wrong key of a caller': newCanary('wrong'),
  'rejected provider key': newCanary('rejected'),
  ...Object.fromEntries(PROVIDER_TYPES.map((type) => [`${type} key`, newCanary(`sk-${type}`)])),
  'provider key before a rotation': newCanary('sk-before'),
  'provider key after a rotation': newCanary('sk-after'),
  'provider key refused at a rotation': newCanary('sk-refused'),
};
const secret = (name: string): string => SECRETS[name] ?? '';

/** What is looked for and must be found: where this is not seen, a secret would not be either. */
const MARKER = `marker-${randomBytes(8).toString('hex')}`;

/** Vendors that say the key back, in all the ways in which they fail. */
const ECHOES: Record<string, (key: string) => UpstreamAnswer> = {
  'wrong key': (key) => ({ status: 401, message: `Incorrect API key provided: ${key}.`, headers: { 'x-request-id': key } }),
  'bad request': (key) => ({ status: 400, message: `bad ?key=${encodeURIComponent(key)} (authorization: Bearer ${key})` }),
  'server error': (key) => ({ status: 500, body: `<html><pre>x-api-key: ${key}</pre></html>` }),
  garbage: (key) => ({ body: `{"authorization":"Bearer ${key}"` }),
  'no answer': (key) => ({ body: { error: { message: key, key } } }),
  'rate limit': (key) => ({ status: 429, message: `quota of ${key} is used up`, headers: { 'retry-after': '1' } }),
  cut: () => ({ cut: 'body' }),
};

const tokens = new TokenMaker(MARKER);
/** Of a token the signature is what nobody may read anywhere. */
function newToken(name: string, claims: object): string {
  const { token, signature } = tokens.make(claims);
  SECRETS[name] = signature;
  return token;
}

let cluster: Cluster;
const places: Record<string, string> = {};
const seen = (place: string, text: string) => (places[place] = `${places[place] ?? ''}\n${text}`);

async function call(
  method: string,
  path: string,
  options: { key?: string; body?: unknown; shows?: string } = {},
): Promise<{ status: number; text: string }> {
  const { key = secret('admin key'), body, shows } = options;
  const response = await fetch(cluster.url(path), {
    method,
    headers: { 'x-service-key': key, ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  // The one answer that shows a key: its secret is one from now on.
  if (shows !== undefined) SECRETS[shows] = (JSON.parse(text) as { key: string }).key.slice(-43);
  else seen(`answers of ${path.replace(/\?.*|[0-9a-f-]{36}|req_\w+/g, '')}`, `${JSON.stringify([...response.headers])}\n${text}`);
  return { status: response.status, text };
}

const ask = (prompt: string, provider: string) =>
  call('POST', '/api/v1/generate', {
    key: secret('service key'),
    body: {
      service: MARKER,
      prompt,
      provider,
      fallback: false,
      timeout_ms: 3_000,
      cache: { mode: 'off' },
      metadata: { mark: MARKER },
    },
  });

beforeAll(async () => {
  cluster = await Cluster.start({
    workers: 2,
    env: {
      SERVICE_KEYS: `${SERVICE_KEY},${secret('service key')}`,
      ADMIN_KEYS: `${ADMIN_KEY},${secret('admin key')}`,
      ENCRYPTION_KEYS: `k2:${ENCRYPTION_KEY},k1:${OLD_ENCRYPTION_KEY}`,
      WEBHOOK_SECRET: secret('webhook secret'),
      METRICS_TOKEN: secret('metrics token'),
      ...tokens.env,
      LOG_LEVEL: 'trace',
    },
  });
  for (const type of PROVIDER_TYPES) {
    await cluster.provider({ name: `${type}-main`, type, api_key: secret(`${type} key`), max_retries: 0 });
  }
  await cluster.lanesServed(PROVIDER_TYPES.map((type) => `${type}-main`));
}, 60_000);
afterAll(() => cluster.stop(), 60_000);

interface NewKey {
  id: string;
  key: string;
}

/** Keys in the database, tokens, and a provider's key that changes. */
async function letThemIn(): Promise<void> {
  const made = JSON.parse(
    (await call('POST', '/api/v1/keys', { body: { name: MARKER, scopes: ['generate', 'read'] }, shows: 'stored key' })).text,
  ) as NewKey;
  const order = { body: { grace_seconds: 600 }, shows: 'stored key after a rotation' };
  const turned = JSON.parse((await call('POST', `/api/v1/keys/${made.id}/rotate`, order)).text) as NewKey;
  const token = newToken('token', { scope: 'generate read' });
  for (const key of [made.key, turned.key, token]) {
    expect((await call('GET', '/api/v1/usage/summary', { key })).status).toBe(200);
    expect((await call('GET', '/api/v1/providers', { key })).status).toBe(403);
  }
  const useless = [
    `${turned.key.slice(0, -43)}${'A'.repeat(43)}`,
    `${token}x`,
    newToken('expired token', { exp: 1 }),
    newToken('token for others', { aud: 'others' }),
  ];
  for (const key of useless) expect((await call('GET', '/api/v1/usage/summary', { key })).status).toBe(401);
  await call('GET', '/api/v1/keys');

  const before = secret('provider key before a rotation');
  const after = secret('provider key after a rotation');
  const refused = secret('provider key refused at a rotation');
  const refuse = (key: string) =>
    cluster.upstream.respond(({ apiKey }) => (apiKey === key ? (ECHOES['wrong key']?.(key) ?? {}) : {}));
  const id = await cluster.provider({ name: 'rotated', type: 'openai', api_key: before });
  await cluster.lanesServed(['rotated']);
  refuse(refused);
  const rotate = (api_key: string) => call('POST', `/api/v1/providers/${id}/rotate-key`, { body: { api_key } });
  expect((await rotate(refused)).status).toBe(400);
  expect((await rotate(after)).status).toBe(200);
  // The vendor says the new key back, and the call is made again with the old one.
  refuse(after);
  await until(async () => {
    await ask(`${MARKER} rotated`, 'rotated');
    const called = new Set(cluster.upstream.calls.map(({ apiKey }) => apiKey));
    return called.has(after) && cluster.upstream.calls.at(-1)?.apiKey === before;
  }, 20_000);
  await call('POST', `/api/v1/providers/${id}/test`);
  cluster.upstream.reset();
}

/** Over the pages for administrators, in a browser. */
async function browse(who: string, credential: string): Promise<void> {
  const [job] = (JSON.parse((await call('GET', '/api/v1/jobs?limit=1')).text) as Rows).data;
  const options = {
    url: (path: string) => cluster.url(path),
    credential,
    next: `/admin/queues?${MARKER}`,
    jobId: job?.id ?? '',
    seen: (page: string, text: string) => seen(`pages of ${page}`, text),
    keeps: (cookie: string, value: string) => (SECRETS[`${cookie} of ${who}`] = value),
  };
  // One session is left open: it stands in Redis when that is looked through.
  const sent = await tour(options, { signOut: who === 'a token' });
  expect(sent).toMatchObject({
    'a wrong key': 401,
    'the key': 303,
    prompts: 303,
    'a job that is none': 404,
    'a wrong form': 400,
  });
}

async function failEveryWay(): Promise<void> {
  for (const [what, echo] of Object.entries(ECHOES)) {
    cluster.upstream.respond((asked: UpstreamCall) => echo(asked.apiKey ?? ''));
    const replies = await Promise.all(PROVIDER_TYPES.map((type) => ask(`${MARKER} ${what} ${type}`, `${type}-main`)));
    expect(replies.filter(({ status }) => status === 200)).toEqual([]);
  }
  expect(new Set(cluster.upstream.calls.map(({ apiKey }) => apiKey))).toEqual(
    new Set(PROVIDER_TYPES.map((type) => secret(`${type} key`))),
  );
}

interface Rows {
  data: { id: string; name: string }[];
}

async function administrate(): Promise<void> {
  const { data } = JSON.parse((await call('GET', '/api/v1/providers')).text) as Rows;
  cluster.upstream.respond((asked) => ECHOES['wrong key']?.(asked.apiKey ?? '') ?? {});
  for (const { id } of data) {
    await call('POST', `/api/v1/providers/${id}/test`);
    await call('GET', `/api/v1/providers/${id}/health`);
  }
  const rejected = { type: 'openai', api_key: secret('rejected provider key') };
  await call('POST', '/api/v1/providers', { body: { ...rejected, name: 'Not A Name' } });
  await call('POST', '/api/v1/providers', { body: { ...rejected, name: 'claude-main', default_model: 'm' } });
  await call('PATCH', `/api/v1/providers/${data[0]?.id}`, { body: { api_key: [secret('rejected provider key')] } });
  await call('POST', '/api/v1/budgets', {
    body: { scope: 'service', service: MARKER, window: 'day', soft_limit_usd: 0.000001, webhook_url: 'http://127.0.0.1:9/hook' },
  });
  await call('GET', '/api/v1/jobs', { key: secret('wrong key of a caller') });
  await call('GET', `/api/v1/usage/summary?key=${secret('wrong key of a caller')}`);
}

async function replayAndLook(): Promise<void> {
  cluster.upstream.respond(({ apiKey }) => ({ servedModel: `model-${apiKey}`, headers: { 'x-request-id': String(apiKey) } }));
  const order = { filter: { service: MARKER }, provider: 'custom-main', dry_run: false, timeout_ms: 20_000, max: 20 };
  const replayed = JSON.parse((await call('POST', '/api/v1/jobs/replay', { body: order })).text) as { replayed: number };
  expect(replayed.replayed).toBe(20);
  // Beside the failures there are answers and money.
  await until(
    async () => (await cluster.rows(`SELECT 1 FROM llm_usage_logs WHERE related_to IS NOT NULL`)).length === 20,
    25_000,
  );
  const { data } = JSON.parse((await call('GET', '/api/v1/jobs?limit=1000')).text) as Rows;
  for (const { id } of data.slice(0, 20)) await call('GET', `/api/v1/jobs/${id}`);
  for (const path of ['summary', 'by-provider', 'logs?limit=1000', 'export.csv', 'report', 'unpriced'])
    await call('GET', `/api/v1/usage/${path}`);
  for (const path of ['audit', 'alerts', 'budgets', 'routes/explain', 'overrides']) await call('GET', `/api/v1/${path}`);
  for (const path of ['/health/ready', '/openapi.json', '/docs', '/nowhere', '/api/v1/nowhere']) await call('GET', path);
  const metrics = await fetch(cluster.url('/metrics'), { headers: { authorization: `Bearer ${secret('metrics token')}` } });
  seen('metrics', await metrics.text());
  await lookAtBoard();
}

async function lookAtBoard(): Promise<void> {
  for (const queue of [...PROVIDER_TYPES.map((type) => `generate.${type}-main`), 'generate.rotated']) {
    for (const status of ['failed', 'completed', 'latest']) {
      const { text } = await call('GET', `/admin/queues/api/queues?activeQueue=${queue}&status=${status}&page=1&jobsPerPage=50`);
      const { queues } = JSON.parse(text) as { queues: { name: string; jobs: { id: string }[] }[] };
      for (const { id } of (queues.find(({ name }) => name === queue)?.jobs ?? []).slice(0, 5)) {
        await call('GET', `/admin/queues/api/queues/${queue}/${id}`);
        await call('GET', `/admin/queues/api/queues/${queue}/${id}/logs`);
      }
    }
  }
}

/** Processes that cannot start, or whose dependencies refuse them. */
async function crash(): Promise<void> {
  const env = {
    PATH: process.env.PATH ?? '',
    SERVICE_KEYS: secret('service key'),
    ADMIN_KEYS: secret('admin key'),
    ENCRYPTION_KEYS: `k:${ENCRYPTION_KEY}`,
    PORT: '0',
    HOST: '127.0.0.1',
    LOG_LEVEL: 'trace',
    DATABASE_URL: `postgresql://gateway:${secret('database password')}@127.0.0.1:9/gateway`,
    REDIS_URL: `redis://:${secret('redis password')}@127.0.0.1:9/3`,
  };
  const entry = join('apps', 'api', 'dist', 'main.js');
  for (const broken of [
    { ENCRYPTION_KEYS: `k:${secret('malformed encryption key')}` },
    { ADMIN_KEYS: `${secret('admin key')} with spaces` },
    { DATABASE_URL: `nonsense://gateway:${secret('database password')}@host` },
  ]) {
    const failure = await startProcess({ name: 'api', entry, env: { ...env, ...broken } }).then(
      () => null,
      (error: unknown) => String(error),
    );
    expect(failure).toMatch(/ENCRYPTION_KEYS|ADMIN_KEYS|DATABASE_URL/);
    seen('failed starts', failure ?? '');
  }
  const lonely = await startProcess({ name: 'api', entry, env });
  const answer = await fetch(`http://127.0.0.1:${lonely.port}/api/v1/providers`, {
    headers: { 'x-service-key': secret('admin key') },
  });
  seen('answers without dependencies', await answer.text());
  await lonely.stop();
  seen('logs without dependencies', lonely.lines.join('\n'));
}

describe('a secret', () => {
  it('is found nowhere: in no log, answer, job, row, board or metric', async () => {
    await letThemIn();
    await failEveryWay();
    await administrate();
    await replayAndLook();
    await browse('a key', secret('admin key'));
    await browse('a token', newToken("administrator's token", { scope: 'admin' }));
    await crash();

    const processes = [...cluster.apis, ...cluster.workers];
    await Promise.all(processes.map((child) => child.stop()));
    // Stopped, so that their logs are whole; and not cut at their beginning.
    for (const [index, { name, lines }] of processes.entries()) {
      expect(lines.length).toBeLessThan(2_000);
      seen(`log of ${name} ${index}`, lines.join('\n'));
    }
    const redis = await dumpRedis(cluster.redis.url);
    seen('redis', redis.keys);
    seen('all that redis was told', redis.written);
    const database = await dumpDatabase(cluster.sql);
    expect(database.tables.length).toBeGreaterThan(8);
    seen('database', database.text);

    // The control: what is no secret is found wherever a secret could stand, and a planted secret is found, however it is spelled.
    const marked = findSecrets({ marker: MARKER }, places).map((found) => found.split(':')[0]);
    expect(marked).toEqual(
      expect.arrayContaining(['redis', 'all that redis was told', 'database', 'answers of /api/v1/usage/export.csv']),
    );
    // Whichever worker took them.
    expect(`${places['log of worker 1']}${places['log of worker 2']}`).toContain('provider call failed');
    expect(places['answers of /admin/queues/api/queues/generate.openai-main/-0']).toContain('provider_error');
    expect(places['answers of /api/v1/generate']).toContain('Incorrect API key provided');
    expect(places['metrics']).toContain('# TYPE');
    expect(places['pages of /admin']).toContain('Signed in as jwt:somebody');
    expect(places['pages of /admin/queues/api/queues']).toContain('generate.rotated');
    expect(Object.keys(SECRETS)).toEqual(
      expect.arrayContaining(['lgw_admin of a key', 'lgw_admin of a token', 'stored key after a rotation', 'token']),
    );
    const rows = await cluster.rows<{ api_key_ciphertext: string }>('SELECT api_key_ciphertext FROM llm_provider_configs');
    expect(rows.map((row) => row.api_key_ciphertext.length > 40)).toEqual([...PROVIDER_TYPES, 'rotated'].map(() => true));
    for (const [name, value] of Object.entries(SECRETS)) {
      const planted = {
        plain: `x ${value} y`,
        json: JSON.stringify({ nested: JSON.stringify({ value }) }),
        base64: Buffer.from(`Basic user:${value}!`).toString('base64'),
        masked: `${value.slice(0, 3)}${value.slice(3, -3)}***`,
      };
      expect(findSecrets({ [name]: value }, planted)).toEqual(Object.keys(planted).map((place) => `${place}: ${name}`));
    }

    expect(findSecrets(SECRETS, places)).toEqual([]);
  }, 180_000);
});
