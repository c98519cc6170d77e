import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { startUpstream, type Upstream } from '@llm-gateway/local-services';
import { PROVIDER_TYPES } from '@llm-gateway/shared';
import type { ProviderHealth } from '../src/providers/health.js';
import { wireProvider } from '../src/providers/wire.js';
import { eventually } from './support/eventually.js';
import { startTestApi, type Called, type TestApi } from './support/test-api.js';

const PATH = '/api/v1/providers';
const SECRET = 'sk-test-0123456789abcdefWXYZ';

let api: TestApi;
let upstream: Upstream;
beforeAll(async () => {
  [api, upstream] = await Promise.all([startTestApi(), startUpstream()]);
});
afterAll(() => Promise.all([api.end(), upstream.stop()]));
beforeEach(() => upstream.reset());

const uniqueName = (): string => `p-${randomUUID().slice(0, 8)}`;
const create = (changes: Record<string, unknown> = {}) =>
  api.call('POST', PATH, { body: { name: uniqueName(), type: 'openai', api_key: SECRET, ...changes } });
const pathsOf = ({ body }: Called): string[] => (body.error.details as { path: string }[]).map(({ path }) => path).toSorted();

describe('creating a provider', () => {
  it('answers 201 with the row, defaults filled in, and where to find it', async () => {
    const name = uniqueName();
    const { status, body, headers } = await create({ name });
    expect(status).toBe(201);
    expect(body).toMatchObject({
      ...{
        name,
        type: 'openai',
        api_key_hint: 'WXYZ',
        base_url: null,
        default_model: 'gpt-4o-mini',
        models: [],
        priority: 100,
        enabled: true,
      },
      ...{ rpm_limit: null, tpm_limit: null, max_concurrency: null, timeout_ms: null, max_retries: 1, pricing: null },
    });
    expect(wireProvider.strict().parse(body)).toEqual(body);
    expect(headers.get('location')).toBe(`${PATH}/${body.id}`);
    expect((await api.call('GET', `${PATH}/${body.id}`)).body).toEqual(body);
  });

  it('keeps every field that it is given', async () => {
    const given = {
      ...{
        base_url: 'https://llm.example.com/v1',
        default_model: 'b',
        models: ['a', 'b'],
        priority: 3,
        enabled: false,
        rpm_limit: 60,
        tpm_limit: 90_000,
      },
      ...{
        max_concurrency: 4,
        timeout_ms: 30_000,
        max_retries: 0,
        pricing: { input_per_mtok: 1.5, output_per_mtok: 6, cached_input_per_mtok: 0.1 },
      },
    };
    expect((await create({ type: 'custom', ...given })).body).toMatchObject(given);
  });

  it('never shows the key again, in no answer and no log line', async () => {
    const { body } = await create();
    const answers = [
      body,
      (await api.call('GET', PATH)).text,
      (await api.call('PATCH', `${PATH}/${body.id}`, { body: { priority: 1 } })).text,
    ];
    expect(JSON.stringify(answers)).not.toContain('0123456789');
    expect(JSON.stringify(api.log.lines())).not.toContain('0123456789');
  });

  it('wants no key for a server that may want none', async () => {
    const base_url = 'https://llm.example.com/v1';
    expect((await create({ type: 'llama', api_key: null, base_url })).status).toBe(201);
    expect((await create({ type: 'custom', api_key: null, base_url, default_model: 'mine' })).status).toBe(201);
  });

  it('uses the first allowed model where no default is given', async () => {
    expect((await create({ models: ['gpt-5', 'gpt-4o'] })).body.default_model).toBe('gpt-5');
  });

  it('is a conflict when the name is taken', async () => {
    const { body } = await create();
    expect(await create({ name: body.name })).toMatchObject({ status: 409, body: { error: { code: 'conflict' } } });
  });

  it.each([
    ['all that is missing', {}, ['name', 'type']],
    [
      'all that is wrong',
      { name: 'Capital', type: 'other', base_url: 'ftp://x', priority: -1, pricing: { input_per_mtok: 1 }, color: 1 },
      ['base_url', 'color', 'name', 'pricing.output_per_mtok', 'priority', 'type'],
    ],
    ['what a custom provider needs', { name: 'c', type: 'custom' }, ['base_url', 'default_model']],
    ['the key that a vendor needs', { name: 'c', type: 'claude' }, ['api_key']],
    [
      'the key that a vendor needs behind a proxy as well',
      { name: 'c', type: 'claude', base_url: 'https://proxy.example.com' },
      ['api_key'],
    ],
    [
      'the key that Together needs under its own URL',
      { name: 'c', type: 'llama', base_url: 'https://api.together.xyz/v1/' },
      ['api_key'],
    ],
    [
      'a default model that is not allowed',
      { name: 'c', type: 'openai', api_key: SECRET, default_model: 'x', models: ['y'] },
      ['default_model'],
    ],
    ['a name of 41 characters', { name: 'n'.repeat(41), type: 'openai', api_key: SECRET }, ['name']],
    ['a key with a line break', { name: 'c', type: 'openai', api_key: 'sk-\nX-Other: 1' }, ['api_key']],
  ])('names %s', async (_what, body, paths) => {
    const answer = await api.call('POST', PATH, { body });
    expect(answer.status).toBe(400);
    expect(pathsOf(answer)).toEqual(paths);
  });

  it.each([
    'http://10.0.0.1/v1',
    'http://169.254.169.254/latest',
    'http://[::1]:11434',
    'http://user:pw@example.com',
    'http://2886729729/',
  ])('does not let calls go to %s', async (url) => {
    const answer = await create({ base_url: url });
    expect([answer.status, pathsOf(answer)]).toEqual([400, ['base_url']]);
  });
});

describe('changing a provider', () => {
  it('changes what is given, clears what is null, and leaves the rest', async () => {
    const { body } = await create({ rpm_limit: 10, tpm_limit: 20 });
    const changed = await api.call('PATCH', `${PATH}/${body.id}`, { body: { rpm_limit: null, priority: 7 } });
    expect(changed).toMatchObject({
      status: 200,
      body: { ...body, rpm_limit: null, tpm_limit: 20, priority: 7, version: 2, updated_at: expect.any(String) },
    });
  });

  it('does not send a stored key to another host', async () => {
    const { body } = await create({ base_url: 'https://one.example.com/v1' });
    const path = `${PATH}/${body.id}`;
    for (const base_url of ['https://two.example.com/v1', 'http://one.example.com/v1', 'https://one.example.com:8443/v1', null]) {
      const refused = await api.call('PATCH', path, { body: { base_url } });
      expect([base_url, refused.status, pathsOf(refused)]).toEqual([base_url, 400, ['api_key']]);
    }
    expect((await api.call('PATCH', path, { body: { type: 'mistral', base_url: null } })).status).toBe(400);
    expect((await api.call('PATCH', path, { body: { base_url: 'https://one.example.com/v2' } })).status).toBe(200);
    expect(
      (await api.call('PATCH', path, { body: { base_url: 'https://two.example.com/v1', api_key: 'sk-another-key-9876' } })).body
        .api_key_hint,
    ).toBe('9876');
  });

  it('does not leave it without what its type needs', async () => {
    const { body } = await create({ default_model: 'a', models: ['a', 'b'] });
    const path = `${PATH}/${body.id}`;
    expect(pathsOf(await api.call('PATCH', path, { body: { models: ['b'] } }))).toEqual(['default_model']);
    expect(pathsOf(await api.call('PATCH', path, { body: { type: 'custom' } }))).toEqual(['base_url']);
    expect(pathsOf(await api.call('PATCH', path, { body: { api_key: null } }))).toEqual(['api_key']);
  });

  it('is seen by routing before the answer is out', async () => {
    const { body } = await create({ name: 'seen-at-once' });
    const explain = async () =>
      (await api.call('GET', '/api/v1/routes/explain?provider=seen-at-once')).body as { candidates: unknown[] };
    expect((await explain()).candidates[0]).toMatchObject({ provider: 'seen-at-once' });
    await api.call('PATCH', `${PATH}/${body.id}`, { body: { enabled: false } });
    expect(await explain()).toMatchObject({ candidates: [], error: { code: 'no_provider' } });
    await api.call('DELETE', `${PATH}/${body.id}`);
    expect(await explain()).toMatchObject({ candidates: [], error: { code: 'invalid_request' } });
  });
});

describe('removing a provider', () => {
  it('answers 204 once, then 404', async () => {
    const { body } = await create();
    expect((await api.call('DELETE', `${PATH}/${body.id}`)).status).toBe(204);
    for (const method of ['GET', 'PATCH', 'DELETE']) {
      expect((await api.call(method, `${PATH}/${body.id}`, { body: method === 'PATCH' ? {} : undefined })).status).toBe(404);
    }
  });

  it('is refused while an override points at it', async () => {
    const { body } = await create();
    await api.call('POST', '/api/v1/overrides', { body: { customer_id: 'holds-it', provider: body.name } });
    expect(await api.call('DELETE', `${PATH}/${body.id}`)).toMatchObject({ status: 409, body: { error: { code: 'conflict' } } });
  });
});

describe('listing providers', () => {
  it('gives every one once, page by page', async () => {
    await Promise.all([create(), create(), create()]);
    const names: string[] = [];
    let cursor: string | null = null;
    do {
      const { body }: { body: { data: { name: string }[]; next_cursor: string | null } } = await api.call(
        'GET',
        `${PATH}?limit=2${cursor ? `&cursor=${cursor}` : ''}`,
      );
      names.push(...body.data.map(({ name }) => name));
      cursor = body.next_cursor;
    } while (cursor !== null);
    const all = (await api.call('GET', `${PATH}?limit=1000`)).body.data as { name: string }[];
    expect(names).toEqual(all.map(({ name }) => name));
    expect(new Set(names).size).toBe(names.length);
  });
});

describe('testing a provider', () => {
  it.each(PROVIDER_TYPES)('makes one real call of one token to %s with its key', async (type) => {
    const { body } = await create({ type, base_url: upstream.baseUrlFor(type), default_model: 'the-model' });
    const answer = await api.call('POST', `${PATH}/${body.id}/test`);
    expect(answer).toMatchObject({ status: 200, body: { ok: true, model: 'the-model', latency_ms: expect.any(Number) } });
    expect(upstream.calls.map(({ apiKey, model }) => [apiKey, model])).toEqual([[SECRET, 'the-model']]);
  });

  it('says what went wrong, without the key', async () => {
    const { body } = await create({ base_url: upstream.baseUrlFor('openai') });
    upstream.respond({ status: 401, message: `Incorrect API key provided: ${SECRET}` });
    const answer = await api.call('POST', `${PATH}/${body.id}/test`);
    expect(answer).toMatchObject({ status: 200, body: { ok: false, error: expect.stringMatching(/^auth: /) } });
    expect(answer.text).not.toContain('0123456789');
  });
});

describe('the health of a provider', () => {
  it('tells its lane, its limits and its recent calls', async () => {
    const { body } = await create({ rpm_limit: 60, max_concurrency: 3 });
    const health = async () => (await api.call('GET', `${PATH}/${body.id}/health`)).body as ProviderHealth;
    expect(await eventually(health, ({ state }) => state !== 'unknown')).toEqual({
      ...{ state: 'no_workers', circuit: 'closed', circuit_open_until: null, paused_until: null, workers: 0, queue_depth: 0 },
      limits: { requests: { limit: 60, remaining: 60, resets_at: null }, tokens: null, concurrency: { limit: 3, in_use: 0 } },
      recent: { since: expect.any(String), calls: 0, errors: 0, error_rate: 0, latency_ms: null, faults: {}, last_error: null },
    });
    await api.call('PATCH', `${PATH}/${body.id}`, { body: { enabled: false } });
    expect((await health()).state).toBe('disabled');
  });
});
