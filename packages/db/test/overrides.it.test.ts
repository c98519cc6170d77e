import { beforeEach, describe, expect, it } from '@jest/globals';
import {
  createOverride,
  createProvider,
  deleteOverride,
  getOverride,
  listOverrides,
  updateOverride,
  type OverrideInput,
} from '../src/index.js';
import { useDatabase } from './database-fixture.js';
import { keysOf, sampleProvider } from './samples.js';

const fixture = useDatabase();
const sample = (input: Partial<OverrideInput> = {}): OverrideInput => ({
  customerId: 'acme',
  service: 'billing',
  provider: 'openai-main',
  model: 'gpt-4o',
  enabled: true,
  ...input,
});

beforeEach(async () => {
  await fixture.sql('TRUNCATE llm_customer_overrides, llm_provider_configs');
  await createProvider(fixture.db, keysOf('a'), sampleProvider());
});

describe('an override', () => {
  it('reads back as it was written, with the name of its provider', async () => {
    const created = await createOverride(fixture.db, sample());
    expect(created).toMatchObject(sample());
    expect(await getOverride(fixture.db, created.id)).toEqual(created);
  });

  it('changes in what a patch names, and can move to another provider', async () => {
    await createProvider(fixture.db, keysOf('a'), sampleProvider({ name: 'other' }));
    const { id } = await createOverride(fixture.db, sample());
    expect(await updateOverride(fixture.db, id, { provider: 'other', model: null })).toMatchObject(
      sample({ provider: 'other', model: null }),
    );
  });

  it.each([
    ['customer and service', {}],
    ['a customer with every service', { service: null }],
    ['a service with every customer', { customerId: null }],
  ])('is the only one for %s', async (_, pair) => {
    await createOverride(fixture.db, sample(pair));
    await expect(createOverride(fixture.db, sample(pair))).rejects.toMatchObject({ code: 'conflict' });
    const other = await createOverride(fixture.db, sample({ customerId: 'other', service: 'other' }));
    await expect(updateOverride(fixture.db, other.id, { customerId: 'acme', service: 'billing', ...pair })).rejects.toMatchObject(
      { code: 'conflict' },
    );
  });

  it("names a customer or a service, by the table's own rule too", async () => {
    const { id } = await createOverride(fixture.db, sample({ service: null }));
    const refused = { code: 'invalid_request', details: [{ path: 'customer_id' }] };
    await expect(createOverride(fixture.db, sample({ customerId: null, service: null }))).rejects.toMatchObject(refused);
    await expect(updateOverride(fixture.db, id, { customerId: null })).rejects.toMatchObject(refused);
    await expect(fixture.sql('UPDATE llm_customer_overrides SET customer_id = NULL')).rejects.toThrow('names_someone');
  });

  it('points at a provider that exists', async () => {
    const refused = { code: 'invalid_request', details: [{ path: 'provider', message: 'no provider is named nobody' }] };
    await expect(createOverride(fixture.db, sample({ provider: 'nobody' }))).rejects.toMatchObject(refused);
    const { id } = await createOverride(fixture.db, sample());
    await expect(updateOverride(fixture.db, id, { provider: 'nobody' })).rejects.toMatchObject(refused);
  });

  it('is not found once it is deleted, nor by an id that is none', async () => {
    const { id } = await createOverride(fixture.db, sample());
    await deleteOverride(fixture.db, id);
    for (const gone of [id, 'x']) {
      await expect(getOverride(fixture.db, gone)).rejects.toMatchObject({ code: 'not_found' });
      await expect(updateOverride(fixture.db, gone, {})).rejects.toMatchObject({ code: 'not_found' });
      await expect(deleteOverride(fixture.db, gone)).rejects.toMatchObject({ code: 'not_found' });
    }
  });

  it('is listed oldest first, each once, while others are added', async () => {
    for (const customerId of ['a', 'b', 'c']) await createOverride(fixture.db, sample({ customerId }));
    const first = await listOverrides(fixture.db, { limit: 2 });
    await createOverride(fixture.db, sample({ customerId: 'd' }));
    const second = await listOverrides(fixture.db, { limit: 2, cursor: first.nextCursor ?? '' });
    expect([...first.data, ...second.data].map((row) => row.customerId)).toEqual(['a', 'b', 'c', 'd']);
    expect(second.nextCursor).toBeNull();
  });
});
