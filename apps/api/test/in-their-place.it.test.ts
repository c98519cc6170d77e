import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { STAND_IN_MODELS, startUpstream, type Upstream } from '@llm-gateway/local-services';
import { eventually } from './support/eventually.js';
import { SERVICE_KEY, startTestApi, type CallOptions, type Called, type TestApi } from './support/test-api.js';

/** There is no worker at all here: the API carries everything out itself. */
let api: TestApi;
let upstream: Upstream;

beforeAll(async () => {
  upstream = await startUpstream();
  api = await startTestApi({ DIRECT_MODE_MAX_CONCURRENCY: '3' });
  const body = { name: 'main', type: 'openai', api_key: 'sk-main', default_model: STAND_IN_MODELS.openai };
  await api.call('POST', '/api/v1/providers', { body: { ...body, base_url: upstream.baseUrlFor('openai', 'main') } });
  await eventually(
    () => ask('is it there?'),
    ({ headers }) => headers.get('x-gateway-mode') === 'direct',
  );
}, 60_000);

afterAll(async () => {
  await api.end();
  await upstream.stop();
});

beforeEach(() => upstream.respond({ content: 'ok' }));

const ask = (prompt: string, { headers, ...more }: Pick<CallOptions, 'headers'> & Record<string, unknown> = {}, at = api) =>
  at.call('POST', '/api/v1/generate', {
    key: SERVICE_KEY,
    body: { service: 'test', prompt, timeout_ms: 20_000, ...more },
    ...(headers && { headers }),
  });
const statusOf = ({ status }: Called): number => status;

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
});
