import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { raiseAlert } from '@llm-gateway/db';
import { windowAt } from '@llm-gateway/shared';
import { SERVICE_KEY, startTestApi, type TestApi } from './support/test-api.js';

const PATH = '/api/v1/budgets';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.end());

const create = (body: unknown) => api.call('POST', PATH, { body });
const thresholdsOf = ({ body }: { body: { data: { threshold_percent: number }[] } }) =>
  body.data.map(({ threshold_percent }) => threshold_percent);
const pathsOf = (answer: { body: { error: { details: { path: string }[] } } }) =>
  answer.body.error.details.map(({ path }) => path).toSorted();

describe('budgets', () => {
  it('come back as they were given, with what is spent and when they begin anew', async () => {
    const fields = { scope: 'customer', customer_id: 'acme', window: 'day', soft_limit_usd: 0.5, hard_limit_usd: 1.000000001 };
    const { status, body, headers } = await create({ ...fields, webhook_url: 'http://127.0.0.1:9/hook?token=1' });
    expect(status).toBe(201);
    const midnight = new Date(new Date().setUTCHours(24, 0, 0, 0)).toISOString();
    expect(body).toMatchObject({ ...fields, service: null, spent_usd: 0, reserved_usd: 0, resets_at: midnight });
    expect(headers.get('location')).toBe(`${PATH}/${body.id}`);
    expect((await api.call('GET', `${PATH}/${body.id}`)).body).toEqual(body);
    expect((await api.call('GET', PATH)).body.data).toContainEqual(body);
  });

  it('change what is named, and are in every snapshot from the moment of their answer', async () => {
    const { body } = await create({ scope: 'service', service: 'blog', window: 'month', hard_limit_usd: 2 });
    const patched = await api.call('PATCH', `${PATH}/${body.id}`, { body: { hard_limit_usd: null, soft_limit_usd: 3 } });
    expect(patched).toMatchObject({ status: 200, body: { hard_limit_usd: null, soft_limit_usd: 3, service: 'blog' } });
    const known = () => api.deps.config.current().budgets.find(({ id }) => id === body.id);
    expect(known()).toMatchObject({ softLimitNanoUsd: 3_000_000_000, hardLimitNanoUsd: null });
    expect((await api.call('DELETE', `${PATH}/${body.id}`)).status).toBe(204);
    expect(known()).toBeUndefined();
    for (const method of ['GET', 'PATCH', 'DELETE'])
      expect((await api.call(method, `${PATH}/${body.id}`, method === 'PATCH' ? { body: {} } : {})).status).toBe(404);
  });

  it.each([
    ['no limit', { scope: 'all', window: 'day' }, ['hard_limit_usd']],
    [
      'a soft limit above the hard one',
      { scope: 'all', window: 'day', soft_limit_usd: 2, hard_limit_usd: 1 },
      ['soft_limit_usd'],
    ],
    [
      'limits of nothing',
      { scope: 'all', window: 'day', hard_limit_usd: 0, soft_limit_usd: -1 },
      ['hard_limit_usd', 'soft_limit_usd'],
    ],
    ['a limit beyond counting', { scope: 'all', window: 'day', hard_limit_usd: 5_000_001 }, ['hard_limit_usd']],
    ['nobody', { scope: 'customer', window: 'day', hard_limit_usd: 1 }, ['customer_id']],
    ['somebody else', { scope: 'service', service: 'a', customer_id: 'b', window: 'day', hard_limit_usd: 1 }, ['customer_id']],
    ['another window', { scope: 'all', window: 'week', hard_limit_usd: 1, colour: 1 }, ['colour', 'window']],
    [
      'a private webhook',
      { scope: 'all', window: 'day', hard_limit_usd: 1, webhook_url: 'http://169.254.169.254/' },
      ['webhook_url'],
    ],
  ])('are refused for %s, and nothing is changed', async (_what, body, paths) => {
    const answer = await create(body);
    expect(answer.status).toBe(400);
    expect(pathsOf(answer)).toEqual(paths);
    expect((await api.call('GET', PATH)).body.data as unknown[]).not.toContainEqual(expect.objectContaining({ scope: 'all' }));
  });

  it('exist once for whom and window, and keep both', async () => {
    const fields = { scope: 'service', service: 'once', hard_limit_usd: 1 };
    const { body } = await create({ ...fields, window: 'day' });
    expect((await create({ ...fields, window: 'month' })).status).toBe(201);
    expect(await create({ ...fields, window: 'day' })).toMatchObject({ status: 409, body: { error: { code: 'conflict' } } });
    const moved = await api.call('PATCH', `${PATH}/${body.id}`, { body: { window: 'month', service: 'other' } });
    expect([moved.status, pathsOf(moved)]).toEqual([400, ['service', 'window']]);
    const senseless = await api.call('PATCH', `${PATH}/${body.id}`, { body: { soft_limit_usd: 2 } });
    expect([senseless.status, pathsOf(senseless)]).toEqual([400, ['soft_limit_usd']]);
    const none = await api.call('PATCH', `${PATH}/${body.id}`, { body: { hard_limit_usd: null } });
    expect([none.status, pathsOf(none)]).toEqual([400, ['hard_limit_usd']]);
  });

  it('and their alerts are for administrators alone', async () => {
    for (const path of [PATH, '/api/v1/alerts']) expect((await api.call('GET', path, { key: SERVICE_KEY })).status).toBe(403);
  });
});

describe('alerts', () => {
  it('are listed newest first, page by page', async () => {
    await create({ scope: 'all', window: 'day', hard_limit_usd: 1 });
    const budget = api.deps.config.current().budgets.find(({ scope }) => scope === 'all');
    if (!budget) throw new Error('the budget is not in the configuration');
    const alert = { budget, window: windowAt('day', Date.now()), limit: 'hard' as const, limitNanoUsd: 1e9, spentNanoUsd: 5e8 };
    for (const threshold of [50, 80, 100]) expect(await raiseAlert(api.deps.db, { ...alert, threshold })).toBe(true);
    expect(await raiseAlert(api.deps.db, { ...alert, threshold: 50 })).toBe(false);
    const first = await api.call('GET', '/api/v1/alerts?limit=2');
    expect(thresholdsOf(first)).toEqual([100, 80]);
    expect(first.body.data[0]).toMatchObject({ window: 'day', limit: 'hard', limit_usd: 1, spent_usd: 0.5, delivered_at: null });
    const second = await api.call('GET', `/api/v1/alerts?limit=2&cursor=${first.body.next_cursor}`);
    expect([thresholdsOf(second), second.body.next_cursor]).toEqual([[50], null]);
  });
});
