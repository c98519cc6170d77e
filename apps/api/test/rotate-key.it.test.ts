import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { startUpstream, type Upstream } from '@llm-gateway/local-services';
import { startTestApi, type Called, type TestApi } from './support/test-api.js';

const OLD = 'sk-old-0123456789-AAAA';
const NEW = 'sk-new-9876543210-BBBB';

let api: TestApi;
let upstream: Upstream;
beforeAll(async () => {
  [api, upstream] = await Promise.all([startTestApi({ LOG_LEVEL: 'debug' }), startUpstream()]);
});
afterAll(() => Promise.all([api.end(), upstream.stop()]));
beforeEach(() => upstream.reset());

async function provider(): Promise<string> {
  const body = { name: `p-${randomUUID().slice(0, 8)}`, type: 'openai', api_key: OLD, base_url: upstream.baseUrlFor('openai') };
  return `/api/v1/providers/${(await api.call('POST', '/api/v1/providers', { body })).body.id}`;
}
const rotate = (path: string, body: object = {}, headers = {}) =>
  api.call('POST', `${path}/rotate-key`, { body: { api_key: NEW, ...body }, headers });
const everythingSaid = (answers: Called[]) => JSON.stringify([answers.map(({ text }) => text), api.log.lines()]);

describe('POST /api/v1/providers/{id}/rotate-key', () => {
  it('tries the new key with one real call, takes it over, and keeps the old one for the grace', async () => {
    const path = await provider();
    const answer = await rotate(path, { grace_seconds: 600 });
    expect(answer).toMatchObject({ status: 200, body: { api_key_hint: 'BBBB', version: 2 } });
    expect(Date.parse(answer.body.previous_key_until as string) - Date.now()).toBeGreaterThan(500_000);
    expect(upstream.calls.map(({ apiKey }) => apiKey)).toEqual([NEW]);
    await api.call('POST', `${path}/test`);
    expect(upstream.calls.map(({ apiKey }) => apiKey)).toEqual([NEW, NEW]);
    const audit = await api.call('GET', '/api/v1/audit?action=provider.rotate_key');
    expect(audit.body.data[0]).toMatchObject({ before: { apiKeyHint: 'AAAA' }, after: { apiKeyHint: 'BBBB' } });
    expect(everythingSaid([answer, audit, await api.call('GET', path)])).not.toMatch(/0123456789|9876543210/);
  });

  it('keeps the old key where the vendor refuses the new one, and says so in its words without the key', async () => {
    const path = await provider();
    upstream.respond({ status: 401, message: `Incorrect API key provided: ${NEW}. See your account.` });
    const answer = await rotate(path);
    expect(answer).toMatchObject({ status: 400, body: { error: { code: 'invalid_request', details: [{ path: 'api_key' }] } } });
    expect(answer.body.error.message).toMatch(/Incorrect API key provided: \[redacted\]/);
    expect((await api.call('GET', path)).body).toMatchObject({ api_key_hint: 'AAAA', version: 1, previous_key_until: null });
    expect(everythingSaid([answer])).not.toMatch(/0123456789|9876543210/);
  });

  it('keeps the old key as well where the new one could not be tried', async () => {
    const path = await provider();
    upstream.respond({ status: 503, message: 'we are moving house' });
    expect(await rotate(path)).toMatchObject({
      status: 502,
      body: { error: { message: expect.stringContaining('moving house') } },
    });
    expect((await api.call('GET', path)).body.api_key_hint).toBe('AAAA');
  });

  it('sent twice is done once: the second time does not push the old key out', async () => {
    const path = await provider();
    const first = await rotate(path);
    const second = await rotate(path);
    expect([second.status, second.body]).toEqual([200, first.body]);
    expect(upstream.counts.total).toBe(1);
  });

  it('keeps nothing with a grace of 0', async () => {
    expect((await rotate(await provider(), { grace_seconds: 0 })).body.previous_key_until).toBeNull();
  });

  it('is not done to a provider that has changed since', async () => {
    const path = await provider();
    await api.call('PATCH', path, { body: { priority: 3 } });
    expect(await rotate(path, {}, { 'if-match': '"1"' })).toMatchObject({
      status: 412,
      body: { error: { current: { priority: 3, api_key_hint: 'AAAA' } } },
    });
    expect(upstream.counts.total).toBe(0);
  });

  it.each([
    [{ api_key: null }, 'api_key'],
    [{ api_key: 'two words' }, 'api_key'],
    [{ grace_seconds: -1 }, 'grace_seconds'],
    [{ grace_seconds: 2_592_001 }, 'grace_seconds'],
    [{ old_key: 'x' }, 'old_key'],
  ])('refuses %j', async (body, path) => {
    const answer = await rotate(await provider(), body);
    expect([answer.status, answer.body.error.details[0].path]).toEqual([400, path]);
  });
});
