import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startRedis } from '@llm-gateway/local-services';
import { readiness, type Readiness } from '../src/health/readiness.js';
import { eventually } from './support/eventually.js';
import { ADMIN_KEY, startTestApi, type TestApi } from './support/test-api.js';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.end());

const open = (path: string) => api.call('GET', path, { key: null });

describe('/health', () => {
  it('answers whatever is down', async () => {
    expect(await open('/health')).toMatchObject({ status: 200, body: { status: 'ok' } });
  });
});

describe('/health/ready', () => {
  it('names what is missing by provider, and is degraded while requests are carried out here in the workers’ place', async () => {
    expect((await open('/health/ready')).status).toBe(503);
    await api.call('POST', '/api/v1/providers', { body: { name: 'lonely', type: 'openai', api_key: 'sk-test-1234' } });
    const { status, body } = await open('/health/ready');
    expect(status).toBe(200);
    expect(readiness.strict().parse(body)).toEqual({
      status: 'degraded',
      checks: { redis: 'ok', postgres: 'ok', workers: { lonely: { status: 'down', workers: 0 } } },
    });
  });

  it('is down without workers where direct mode is off', async () => {
    const strict = await startTestApi({ DIRECT_MODE_MAX_CONCURRENCY: '0' });
    await strict.call('POST', '/api/v1/providers', { body: { name: 'lonely', type: 'openai', api_key: 'sk-test-1234' } });
    const { status, body } = await strict.call('GET', '/health/ready', { key: null });
    expect([status, (body as Readiness).status]).toEqual([503, 'down']);
    await strict.end();
  });
});

describe('/openapi.json and /docs', () => {
  it('publish the contract to anyone', async () => {
    const { status, body } = await open('/openapi.json');
    expect(status).toBe(200);
    expect(body).toMatchObject({ openapi: '3.1.0', paths: { '/api/v1/generate': { post: expect.anything() } } });
  });

  it('show it as a page made from our own files only', async () => {
    const page = await open('/docs');
    expect(page.status).toBe(200);
    expect(page.text).not.toMatch(/(src|href)="(?!\/docs\/)/);
    for (const [, path] of page.text.matchAll(/(?:src|href)="([^"]+)"/g))
      expect([path, (await open(path ?? '')).status]).toEqual([path, 200]);
    expect(page.headers.get('content-security-policy')).not.toMatch(/https?:|\*|unsafe-eval/);
    expect((await open('/docs/index.html')).status).toBe(404);
  });
});

describe('every response', () => {
  const PATHS = [
    '/health',
    '/docs',
    '/docs/swagger-ui.css',
    '/nowhere',
    '/admin/queues',
    '/openapi.json',
    '/api/v1/jobs',
    '/api/v1/%',
  ];

  it.each(PATHS)('says little of the server and much to the browser: %s', async (path) => {
    for (const key of [null, ADMIN_KEY]) {
      const { headers } = await api.call('GET', path, { key, headers: { origin: 'https://elsewhere.example' } });
      expect(Object.fromEntries(headers)).toMatchObject({
        'content-security-policy': expect.stringMatching(/default-src 'none'.*frame-ancestors 'none'/),
        'cross-origin-opener-policy': 'same-origin',
        'cross-origin-resource-policy': 'same-origin',
        'permissions-policy': expect.stringContaining('geolocation=()'),
        'referrer-policy': 'no-referrer',
        'strict-transport-security': expect.stringMatching(/^max-age=\d{8}/),
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
        'x-request-id': expect.stringMatching(/^req_/),
        'x-robots-tag': 'noindex, nofollow',
      });
      for (const name of ['x-powered-by', 'server', 'access-control-allow-origin', 'access-control-allow-credentials'])
        expect([name, headers.get(name)]).toEqual([name, null]);
      if (path.startsWith('/api')) expect(headers.get('cache-control')).toBe('no-store');
    }
  });

  it('lets no page of another origin ask first', async () => {
    const preflight = { origin: 'https://elsewhere.example', 'access-control-request-method': 'POST' };
    const { headers } = await api.call('OPTIONS', '/api/v1/generate', { key: null, headers: preflight });
    expect([...headers.keys()].filter((name) => name.startsWith('access-control-'))).toEqual([]);
  });

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'application/jsonx', ''])(
    'refuses a body that does not say that it is JSON: %s',
    async (type) => {
      const answer = await api.call('POST', '/api/v1/providers', { body: '{}', headers: { 'content-type': type } });
      expect([answer.status, answer.body.error.code]).toEqual([400, 'invalid_request']);
    },
  );
});

describe('a dependency that goes down', () => {
  it('is told by readiness, and takes nothing else with it', async () => {
    const redis = await startRedis();
    const other = await startTestApi({ REDIS_URL: redis.url });
    const ready = async () => (await other.call('GET', '/health/ready', { key: null })).body as Readiness;
    try {
      expect((await ready()).checks.redis).toBe('ok');
      await redis.stop('SIGKILL');
      expect(await eventually(ready, ({ checks }) => checks.redis === 'down')).toMatchObject({
        status: 'down',
        checks: { postgres: 'ok' },
      });
      const created = await other.call('POST', '/api/v1/providers', {
        body: { name: 'no-redis', type: 'openai', api_key: 'sk-test-1234' },
      });
      expect(created.status).toBe(201);
      expect((await other.call('GET', '/api/v1/routes/explain')).body.candidates).toHaveLength(1);
    } finally {
      await other.end();
    }
  });

  it('is 503 and never 401 or 500 when it is PostgreSQL', async () => {
    const other = await startTestApi({ DATABASE_URL: 'postgresql://nobody:x@127.0.0.1:9/none?schema=llm_gateway_test' });
    try {
      for (const path of ['/api/v1/providers', '/api/v1/usage/summary', '/api/v1/usage/logs/req_1']) {
        expect(await other.call('GET', path)).toMatchObject({ status: 503, body: { error: { code: 'unavailable' } } });
      }
      expect((await other.call('GET', '/health', { key: null })).status).toBe(200);
      expect((await other.call('GET', '/health/ready', { key: null })).body.checks.postgres).toBe('down');
    } finally {
      await other.end();
    }
  });
});
