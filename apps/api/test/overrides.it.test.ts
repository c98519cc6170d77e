import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApi, type TestApi } from './support/test-api.js';

const PATH = '/api/v1/overrides';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
  for (const [name, priority] of [
    ['first', 1],
    ['second', 2],
  ] as const) {
    await api.call('POST', '/api/v1/providers', { body: { name, type: 'openai', api_key: 'sk-test-1234', priority } });
  }
});
afterAll(() => api.end());

const create = (body: unknown) => api.call('POST', PATH, { body });
const first = async (query: string): Promise<string> =>
  (await api.call('GET', `/api/v1/routes/explain?${query}`)).body.candidates[0].provider as string;

describe('overrides', () => {
  it('come back as they were given, with defaults', async () => {
    const { status, body, headers } = await create({ customer_id: 'round-trip', provider: 'second' });
    expect(status).toBe(201);
    expect(body).toMatchObject({ customer_id: 'round-trip', service: null, provider: 'second', model: null, enabled: true });
    expect(headers.get('location')).toBe(`${PATH}/${body.id}`);
    expect((await api.call('GET', `${PATH}/${body.id}`)).body).toEqual(body);
    expect((await api.call('GET', PATH)).body.data).toContainEqual(body);
  });

  it('send requests elsewhere from the moment of their answer, and no more when they are gone', async () => {
    expect(await first('customer_id=elsewhere')).toBe('first');
    const { body } = await create({ customer_id: 'elsewhere', provider: 'second' });
    expect(await first('customer_id=elsewhere')).toBe('second');
    await api.call('PATCH', `${PATH}/${body.id}`, { body: { enabled: false } });
    expect(await first('customer_id=elsewhere')).toBe('first');
    await api.call('PATCH', `${PATH}/${body.id}`, { body: { enabled: true } });
    expect(await first('customer_id=elsewhere')).toBe('second');
    expect((await api.call('DELETE', `${PATH}/${body.id}`)).status).toBe(204);
    expect(await first('customer_id=elsewhere')).toBe('first');
    expect((await api.call('GET', `${PATH}/${body.id}`)).status).toBe(404);
  });

  it.each([
    ['nobody', { provider: 'first' }, ['customer_id']],
    ['nobody, said in nulls', { provider: 'first', customer_id: null, service: null }, ['customer_id']],
    ['a provider that does not exist', { customer_id: 'x', provider: 'third' }, ['provider']],
    ['no provider, and unknown fields', { customer_id: 'x', colour: 1 }, ['colour', 'provider']],
  ])('are refused for %s', async (_what, body, paths) => {
    const answer = await create(body);
    expect(answer.status).toBe(400);
    expect((answer.body.error.details as { path: string }[]).map(({ path }) => path).toSorted()).toEqual(paths);
  });

  it('exist once a pair, nulls included', async () => {
    for (const pair of [{ customer_id: 'pair' }, { service: 'pair' }, { customer_id: 'pair', service: 'pair' }]) {
      expect((await create({ ...pair, provider: 'first' })).status).toBe(201);
      expect(await create({ ...pair, provider: 'second' })).toMatchObject({ status: 409, body: { error: { code: 'conflict' } } });
    }
  });

  it('cannot be changed to be for nobody', async () => {
    const { body } = await create({ customer_id: 'somebody', provider: 'first' });
    expect(await api.call('PATCH', `${PATH}/${body.id}`, { body: { customer_id: null } })).toMatchObject({
      status: 400,
      body: { error: { details: [{ path: 'customer_id' }] } },
    });
  });
});
