import { beforeEach, describe, expect, it } from '@jest/globals';
import {
  configVersion,
  countProviders,
  createOverride,
  createProvider,
  decryptSecret,
  deleteOverride,
  deleteProvider,
  getProvider,
  listProviders,
  loadSnapshot,
  updateProvider,
} from '../src/index.js';
import { useDatabase } from './database-fixture.js';
import { keysOf, sampleProvider } from './samples.js';

const fixture = useDatabase();
const keys = keysOf('a');
const MISSING = '01a20b3a-bf3f-7941-b042-7e477742496c';

beforeEach(async () => {
  await fixture.sql('TRUNCATE llm_customer_overrides, llm_provider_configs');
});

describe('a provider', () => {
  it('reads back as it was written, without its key', async () => {
    const { apiKey, ...plain } = sampleProvider();
    const created = await createProvider(fixture.db, keys, { ...plain, apiKey });
    expect(created).toMatchObject({ ...plain, apiKeyHint: '1234', version: 1 });
    expect(await getProvider(fixture.db, created.id)).toEqual(created);
    expect(JSON.stringify(await fixture.sql('SELECT * FROM llm_provider_configs'))).not.toContain(apiKey);
    expect(decryptSecret(keys, created.apiKeyCiphertext ?? '', created.id)).toBe(apiKey);
  });

  it('may have no key, no limits and no prices', async () => {
    const nothing = {
      apiKey: null,
      baseUrl: null,
      rpmLimit: null,
      tpmLimit: null,
      maxConcurrency: null,
      timeoutMs: null,
      pricing: null,
      models: [],
    };
    const { apiKey, ...plain } = sampleProvider(nothing);
    const created = await createProvider(fixture.db, keys, { ...plain, apiKey });
    expect(created).toMatchObject({ ...plain, apiKeyCiphertext: null, apiKeyHint: null });
  });

  it('shows nothing of a key that is no longer than the hint', async () => {
    const created = await createProvider(fixture.db, keys, sampleProvider({ apiKey: 'four' }));
    expect(created.apiKeyHint).toBe('****');
  });

  it('changes in what a patch names and in nothing else', async () => {
    const created = await createProvider(fixture.db, keys, sampleProvider());
    const updated = await updateProvider(fixture.db, keys, created.id, {
      apiKey: 'sk-live-new-key-9876',
      pricing: null,
      enabled: false,
    });
    expect(updated).toMatchObject({
      ...created,
      enabled: false,
      pricing: null,
      apiKeyHint: '9876',
      version: 2,
      apiKeyCiphertext: expect.any(String),
      updatedAt: expect.any(String),
    });
    expect(decryptSecret(keys, updated.apiKeyCiphertext ?? '', created.id)).toBe('sk-live-new-key-9876');
    const renamed = await updateProvider(fixture.db, keys, created.id, { name: 'other' });
    expect(renamed).toMatchObject({ name: 'other', version: 3, apiKeyCiphertext: updated.apiKeyCiphertext });
  });

  it('keeps its name to itself', async () => {
    await createProvider(fixture.db, keys, sampleProvider());
    const taken = { code: 'conflict', message: 'a provider named openai-main exists already' };
    await expect(createProvider(fixture.db, keys, sampleProvider())).rejects.toMatchObject(taken);
    const other = await createProvider(fixture.db, keys, sampleProvider({ name: 'other' }));
    await expect(updateProvider(fixture.db, keys, other.id, { name: 'openai-main' })).rejects.toMatchObject(taken);
  });

  it('stays while overrides point at it, and the refusal names them', async () => {
    const { id } = await createProvider(fixture.db, keys, sampleProvider());
    const override = await createOverride(fixture.db, {
      customerId: 'acme',
      service: null,
      provider: 'openai-main',
      model: null,
      enabled: true,
    });
    await expect(deleteProvider(fixture.db, id)).rejects.toMatchObject({
      code: 'conflict',
      details: [{ path: `overrides.${override.id}`, message: 'customer acme, service (every)' }],
    });
    await expect(fixture.sql('DELETE FROM llm_provider_configs')).rejects.toThrow('violates RESTRICT setting of foreign key');
    await deleteOverride(fixture.db, override.id);
    await deleteProvider(fixture.db, id);
    expect(await countProviders(fixture.db)).toBe(0);
  });

  it.each([MISSING, 'not-a-uuid', `\0${MISSING}`])('is not found by the id %j', async (id) => {
    const notFound = { code: 'not_found' };
    await expect(getProvider(fixture.db, id)).rejects.toMatchObject(notFound);
    await expect(updateProvider(fixture.db, keys, id, { enabled: true })).rejects.toMatchObject(notFound);
    await expect(deleteProvider(fixture.db, id)).rejects.toMatchObject(notFound);
  });
});

describe('the list of providers', () => {
  it('goes by priority and name, a page at a time, and shifts nothing when rows come and go meanwhile', async () => {
    for (const [name, priority] of [
      ['d', 2],
      ['a', 2],
      ['c', 1],
      ['b', 3],
    ] as const)
      await createProvider(fixture.db, keys, sampleProvider({ name, priority }));
    const first = await listProviders(fixture.db, { limit: 2 });
    await createProvider(fixture.db, keys, sampleProvider({ name: 'before', priority: 0 }));
    await createProvider(fixture.db, keys, sampleProvider({ name: 'between', priority: 2 }));
    await deleteProvider(fixture.db, first.data[1]?.id ?? '');
    const second = await listProviders(fixture.db, { limit: 10, cursor: first.nextCursor ?? '' });
    expect([...first.data, ...second.data].map((row) => row.name)).toEqual(['c', 'a', 'between', 'd', 'b']);
    expect(second.nextCursor).toBeNull();
  });

  it.each([
    '',
    'x',
    Buffer.from('[1]').toString('base64url'),
    Buffer.from('["a","b"]').toString('base64url'),
    Buffer.from('[99999999999,"b"]').toString('base64url'),
  ])('refuses the cursor %j', async (cursor) => {
    await expect(listProviders(fixture.db, { limit: 2, cursor })).rejects.toMatchObject({
      code: 'invalid_request',
      details: [{ path: 'cursor' }],
    });
  });
});

describe('the version of the configuration', () => {
  it('grows by one with every change that happens, and with no other', async () => {
    const before = await configVersion(fixture.db);
    const provider = await createProvider(fixture.db, keys, sampleProvider());
    const override = await createOverride(fixture.db, {
      customerId: null,
      service: 'billing',
      provider: provider.name,
      model: null,
      enabled: true,
    });
    await updateProvider(fixture.db, keys, provider.id, { enabled: false });
    await expect(createProvider(fixture.db, keys, sampleProvider())).rejects.toMatchObject({ code: 'conflict' });
    await expect(deleteProvider(fixture.db, provider.id)).rejects.toMatchObject({ code: 'conflict' });
    await expect(deleteProvider(fixture.db, MISSING)).rejects.toMatchObject({ code: 'not_found' });
    expect(await configVersion(fixture.db)).toBe(before + 3);
    expect(await loadSnapshot(fixture.db)).toMatchObject({
      version: before + 3,
      providers: [{ enabled: false }],
      overrides: [override],
    });
  });

  it('counts changes made at the same moment one by one', async () => {
    const before = await configVersion(fixture.db);
    const names = Array.from({ length: 8 }, (_, index) => `p${index}`);
    await Promise.all(names.map((name) => createProvider(fixture.db, keys, sampleProvider({ name }))));
    expect(await loadSnapshot(fixture.db)).toMatchObject({ version: before + 8, providers: names.map((name) => ({ name })) });
  });

  it('belongs to the configuration that is read with it, also while that changes', async () => {
    const { id, priority } = await createProvider(fixture.db, keys, sampleProvider());
    const atStart = await configVersion(fixture.db);
    const state = { done: false };
    const changing = (async () => {
      for (let step = 1; step <= 60; step++) await updateProvider(fixture.db, keys, id, { priority: priority + step });
      state.done = true;
    })();
    while (!state.done) {
      const snapshot = await loadSnapshot(fixture.db);
      expect(snapshot.providers[0]?.priority).toBe(priority + snapshot.version - atStart);
    }
    await changing;
  });
});
