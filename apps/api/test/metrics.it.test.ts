import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startRedis } from '@llm-gateway/local-services';
import { eventually } from './support/eventually.js';
import { SERVICE_KEY, startTestApi, type TestApi } from './support/test-api.js';

const TOKEN = 'a-token-for-prometheus';
let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({ METRICS_TOKEN: TOKEN, METRICS_PORT: '0' });
});
afterAll(() => api.end());

const scrape = (of: TestApi = api) => of.call('GET', '/metrics', { key: null, headers: { authorization: `Bearer ${TOKEN}` } });
/** The value of one time series; undefined where there is none. */
const valueOf = (text: string, series: string) =>
  text
    .split('\n')
    .find((line) => line.startsWith(`${series} `))
    ?.split(' ')
    .at(-1);

describe('/metrics', () => {
  it('is not there unless it was asked for', async () => {
    const plain = await startTestApi();
    try {
      expect((await scrape(plain)).status).toBe(404);
    } finally {
      await plain.end();
    }
  });

  it.each<[string, Record<string, string>]>([
    ['nothing', {}],
    ['a key that may read', { 'x-service-key': SERVICE_KEY, authorization: `Bearer ${SERVICE_KEY}` }],
    ['a part of the token', { authorization: `Bearer ${TOKEN.slice(0, -1)}` }],
  ])('refuses who shows %s', async (_, headers) => {
    const refused = await api.call('GET', '/metrics', { key: null, headers });
    expect(refused).toMatchObject({ status: 401, body: { error: { code: 'unauthorized' } } });
    expect(refused.headers.get('www-authenticate')).toBe('Bearer');
  });

  it('counts requests by route and status, and what no route is under one name', async () => {
    await api.call('GET', '/api/v1/usage/summary');
    await api.call('GET', '/api/v1/usage/logs/nothing');
    await api.call('POST', '/api/v1/generate', { body: { service: 's', customer_id: 'a-customer', prompt: 'x' } });
    for (const path of ['/made-up-1', '/made-up-2', '/api/v1/usagex']) await api.call('GET', path);
    const { text, headers } = await scrape();
    expect(headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(valueOf(text, 'llm_gateway_http_requests_total{route="/api/v1/usage",status="200"}')).toBe('1');
    expect(valueOf(text, 'llm_gateway_http_requests_total{route="/api/v1/usage",status="404"}')).toBe('1');
    expect(Number(valueOf(text, 'llm_gateway_http_requests_total{route="other",status="404"}'))).toBeGreaterThanOrEqual(3);
    expect(valueOf(text, 'llm_gateway_generate_requests_total{status="503",cache="none",mode="queue"}')).toBe('1');
    expect(text).not.toMatch(/made-up|a-customer/);
    expect(text).toContain('process_resident_memory_bytes');
  });

  it('shows what stands in Redis, for each provider that there is', async () => {
    const created = await api.call('POST', '/api/v1/providers', {
      body: { name: 'main', type: 'openai', api_key: 'sk-test-1234' },
    });
    const { text } = await scrape();
    expect(valueOf(text, 'llm_gateway_redis_up')).toBe('1');
    expect(valueOf(text, 'llm_gateway_lane_depth{provider="main"}')).toBe('0');
    expect(valueOf(text, 'llm_gateway_lane_workers{provider="main"}')).toBe('0');
    expect(valueOf(text, 'llm_gateway_usage_dead_letters')).toBe('0');
    expect(valueOf(text, 'llm_gateway_usage_stream_length')).toBe('0');
    await api.call('DELETE', `/api/v1/providers/${created.body.id}`);
    expect((await scrape()).text).not.toContain('provider="main"');
  });

  it('has a listener of its own, which wants the token too and knows nothing else', async () => {
    const port = String(api.log.lines().find((line) => line['metricsPort'] !== undefined)?.['metricsPort']);
    const at = (path: string, authorization = `Bearer ${TOKEN}`) =>
      fetch(`http://127.0.0.1:${port}${path}`, { headers: { authorization } });
    expect(await (await at('/metrics')).text()).toContain('llm_gateway_redis_up 1');
    expect([(await at('/metrics', '')).status, (await at('/api/v1/usage/summary')).status, (await at('/')).status]).toEqual([
      401, 404, 404,
    ]);
  });

  it('goes on without Redis, and says so', async () => {
    const redis = await startRedis();
    const other = await startTestApi({ REDIS_URL: redis.url, METRICS_TOKEN: TOKEN });
    try {
      expect(valueOf((await scrape(other)).text, 'llm_gateway_redis_up')).toBe('1');
      await redis.stop('SIGKILL');
      const { text } = await eventually(
        () => scrape(other),
        (each) => valueOf(each.text, 'llm_gateway_redis_up') === '0',
      );
      expect(text).not.toContain('llm_gateway_usage_stream_length');
      expect([valueOf(text, 'llm_gateway_direct_requests'), valueOf(text, 'llm_gateway_usage_spool_bytes')]).toEqual(['0', '0']);
      expect(text).toContain('llm_gateway_http_requests_total');
    } finally {
      await other.end();
    }
  });
});
