import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ADMIN_KEY, SERVICE_KEY, startTestApi, type TestApi } from './support/test-api.js';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.end());

const PROVIDER = { name: 'audited', type: 'openai', api_key: 'sk-canary-of-the-audit' };

async function adminChanges(): Promise<void> {
  const headers = { 'x-request-id': 'req_seen_in_the_log' };
  const call = async (method: string, path: string, body?: unknown) => {
    const { status, body: row } = await api.call(method, path, { body, headers });
    expect([method, path, Math.floor(status / 100)]).toEqual([method, path, 2]);
    return row?.id as string;
  };
  const provider = await call('POST', '/api/v1/providers', PROVIDER);
  await call('PATCH', `/api/v1/providers/${provider}`, { rpm_limit: 5 });
  const override = await call('POST', '/api/v1/overrides', { customer_id: 'acme', provider: 'audited' });
  await call('PATCH', `/api/v1/overrides/${override}`, { enabled: false });
  await call('DELETE', `/api/v1/overrides/${override}`);
  await call('DELETE', `/api/v1/providers/${provider}`);
  const budget = await call('POST', '/api/v1/budgets', { scope: 'all', window: 'day', soft_limit_usd: 1 });
  await call('PATCH', `/api/v1/budgets/${budget}`, { soft_limit_usd: 2 });
  await call('DELETE', `/api/v1/budgets/${budget}`);
}

describe('GET /api/v1/audit', () => {
  it('lists what administrators have changed, by their keys, requests and addresses, without a secret', async () => {
    await adminChanges();
    const { status, body, text } = await api.call('GET', '/api/v1/audit');
    expect(status).toBe(200);
    const entries = (body.data as Record<string, unknown>[]).toReversed();
    expect(entries.map(({ action }) => action)).toEqual([
      'provider.create',
      'provider.update',
      'override.create',
      'override.update',
      'override.delete',
      'provider.delete',
      'budget.create',
      'budget.update',
      'budget.delete',
    ]);
    for (const entry of entries) {
      const who = { key_id: expect.stringMatching(/^env_[0-9a-f]{12}$/), request_id: 'req_seen_in_the_log' };
      expect(entry).toMatchObject({ ...who, address: expect.stringMatching(/127\.0\.0\.1$/) });
    }
    expect(entries[1]).toMatchObject({ before: { rpmLimit: null }, after: { rpmLimit: 5 } });
    for (const secret of [ADMIN_KEY, 'sk-canary', 'iphertext']) expect(text).not.toContain(secret);
  });

  it('takes filters, a limit and a cursor, and refuses what is none', async () => {
    const list = async (query: string) =>
      (await api.call('GET', `/api/v1/audit?${query}`)).body as { data: { action: string }[]; next_cursor: string };
    const page = await list('target=provider&limit=2');
    expect(page.data.map(({ action }) => action)).toEqual(['provider.delete', 'provider.update']);
    const next = await list(`target=provider&limit=2&cursor=${page.next_cursor}`);
    expect(next).toMatchObject({ data: [{ action: 'provider.create' }], next_cursor: null });
    expect((await list('action=provider.create')).data).toHaveLength(1);
    expect((await list('key_id=env_nobody')).data).toHaveLength(0);
    expect((await list(`from=${new Date(Date.now() + 60_000).toISOString()}`)).data).toHaveLength(0);
    for (const query of ['limit=0', 'cursor=x', 'from=yesterday', 'who=me', 'key_id=%00']) {
      expect([query, (await api.call('GET', `/api/v1/audit?${query}`)).status]).toEqual([query, 400]);
    }
  });

  it('is for administrators, and cannot be written', async () => {
    expect((await api.call('GET', '/api/v1/audit', { key: SERVICE_KEY })).status).toBe(403);
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
      expect((await api.call(method, '/api/v1/audit', { body: {} })).status).toBe(404);
    }
  });
});
