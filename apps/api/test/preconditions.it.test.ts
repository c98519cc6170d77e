import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { startTestApi, type Called, type TestApi } from './support/test-api.js';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
  await provider('target');
});
afterAll(() => api.end());

const unique = (): string => `p-${randomUUID().slice(0, 8)}`;
const provider = (name = unique()) =>
  api.call('POST', '/api/v1/providers', { body: { name, type: 'openai', api_key: 'sk-test-0123456789' } });
const override = () => api.call('POST', '/api/v1/overrides', { body: { customer_id: unique(), provider: 'target' } });
const etag = ({ headers }: Called): string => headers.get('etag') ?? '';
const matching = (tag: string) => ({ 'if-match': tag });

describe.each([
  { what: 'a provider', path: '/api/v1/providers', create: () => provider(), field: 'priority', values: [1, 2] },
  { what: 'an override', path: '/api/v1/overrides', create: () => override(), field: 'model', values: ['gpt-4o', 'gpt-5'] },
])('the version of $what', ({ path: base, create, field, values }) => {
  it('comes as an ETag with every answer that shows the row, and changes with it', async () => {
    const created = await create();
    const path = `${base}/${created.body.id}`;
    expect(etag(created)).toBe('"1"');
    expect(etag(await api.call('GET', path))).toBe('"1"');
    expect(etag(await api.call('PATCH', path, { body: { [field]: values[0] } }))).toBe('"2"');
    expect(await api.call('GET', path)).toMatchObject({ body: { version: 2 } });
  });

  it('lets one of two admins win, and gives the other 412 with the row as it is now', async () => {
    const created = await create();
    const path = `${base}/${created.body.id}`;
    const edit = (value: unknown) => api.call('PATCH', path, { body: { [field]: value }, headers: matching(etag(created)) });
    const answers = await Promise.all(values.map(edit));
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 412]);
    const [winner, loser] = answers.toSorted((a, b) => a.status - b.status) as [Called, Called];
    expect(loser.body.error).toMatchObject({ code: 'precondition_failed', current: winner.body });
    expect(etag(loser)).toBe('"2"');
    const again = await api.call('PATCH', path, { body: { [field]: values[0] }, headers: matching(etag(loser)) });
    expect([again.status, etag(again)]).toEqual([200, '"3"']);
  });

  it('asks nothing of those who do not ask: without If-Match every change is made, the last one stays', async () => {
    const { body } = await create();
    const path = `${base}/${body.id}`;
    const answers = await Promise.all(values.map((value) => api.call('PATCH', path, { body: { [field]: value } })));
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    const last = answers.find((answer) => etag(answer) === '"3"');
    expect((await api.call('GET', path)).body).toEqual(last?.body);
  });

  it('guards a removal as well', async () => {
    const created = await create();
    const path = `${base}/${created.body.id}`;
    await api.call('PATCH', path, { body: { [field]: values[0] } });
    expect((await api.call('DELETE', path, { headers: matching(etag(created)) })).status).toBe(412);
    expect((await api.call('DELETE', path, { headers: matching('"2"') })).status).toBe(204);
    expect((await api.call('DELETE', path, { headers: matching('"2"') })).status).toBe(404);
  });

  it.each([
    ['*', 200],
    ['"7", "1"', 200],
    ['W/"1"', 412],
    ['"0"', 412],
    ['1', 400],
    ['"1" or so', 400],
  ])('as If-Match: %s gets %i', async (header, status) => {
    const { body } = await create();
    const answer = await api.call('PATCH', `${base}/${body.id}`, { body: { [field]: values[0] }, headers: matching(header) });
    expect(answer.status).toBe(status);
  });
});

describe('an override whose provider gets another name', () => {
  it('is another version of itself: who has seen the old name gets 412', async () => {
    const { body: target } = await provider();
    const made = await api.call('POST', '/api/v1/overrides', { body: { customer_id: unique(), provider: target.name } });
    const path = `/api/v1/overrides/${made.body.id}`;
    await api.call('PATCH', `/api/v1/providers/${target.id}`, { body: { priority: 7 } });
    expect(etag(await api.call('GET', path))).toBe('"1"');
    const name = unique();
    expect((await api.call('PATCH', `/api/v1/providers/${target.id}`, { body: { name } })).status).toBe(200);
    const late = await api.call('PATCH', path, { body: { enabled: false }, headers: matching(etag(made)) });
    expect(late).toMatchObject({ status: 412, body: { error: { current: { provider: name, enabled: true } } } });
    expect(etag(late)).toBe('"2"');
  });
});

describe('removing a provider with ?force=true', () => {
  it('removes the overrides that point at it too, and no others', async () => {
    const { body } = await provider();
    const pointing = await api.call('POST', '/api/v1/overrides', { body: { customer_id: unique(), provider: body.name } });
    const other = await override();
    const path = `/api/v1/providers/${body.id}`;
    const refused = await api.call('DELETE', path);
    expect(refused).toMatchObject({ status: 409, body: { error: { details: [{ path: `overrides.${pointing.body.id}` }] } } });
    expect((await api.call('DELETE', `${path}?force=yes-please`)).status).toBe(400);
    expect((await api.call('DELETE', `${path}?force=false`)).status).toBe(409);
    expect((await api.call('DELETE', `${path}?force=true`)).status).toBe(204);
    expect((await api.call('GET', `/api/v1/overrides/${pointing.body.id}`)).status).toBe(404);
    expect((await api.call('GET', `/api/v1/overrides/${other.body.id}`)).status).toBe(200);
    const audit = (await api.call('GET', '/api/v1/audit?limit=2')).body.data as object[];
    expect(audit).toMatchObject([
      { action: 'provider.delete', target_id: body.id },
      { action: 'override.delete', target_id: pointing.body.id, before: { provider: body.name }, after: null },
    ]);
  });
});

describe('a name', () => {
  it('that is taken is refused to a renamed provider as well', async () => {
    const [first, second] = [await provider(), await provider()];
    const renamed = await api.call('PATCH', `/api/v1/providers/${second.body.id}`, { body: { name: first.body.name } });
    expect(renamed).toMatchObject({ status: 409, body: { error: { code: 'conflict' } } });
  });
});
