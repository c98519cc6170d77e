import { beforeEach, describe, expect, it } from '@jest/globals';
import {
  actingAs,
  closeDatabase,
  createBudget,
  createOverride,
  createProvider,
  deleteBudget,
  deleteOverride,
  deleteProvider,
  listAudit,
  openDatabase,
  updateBudget,
  updateOverride,
  updateProvider,
  type AuditFilter,
} from '../src/index.js';
import { audited, recordDeeds } from '../src/audit/audited.js';
import { TESTER, useDatabase } from './database-fixture.js';
import { keysOf, sampleProvider } from './samples.js';

const fixture = useDatabase();
const keys = keysOf('a');
const log = async (filter: AuditFilter = {}) => (await listAudit(fixture.db, filter, { limit: 100 })).data;

let since: Date;
beforeEach(async () => {
  await fixture.sql('TRUNCATE llm_customer_overrides, llm_provider_configs, llm_budgets');
  const [now] = await fixture.sql<{ now: Date }>('SELECT clock_timestamp() AS now');
  since = now!.now;
});

const BUDGET = {
  scope: 'all',
  customerId: null,
  service: null,
  window: 'day',
  softLimitNanoUsd: 5,
  hardLimitNanoUsd: null,
  webhookUrl: 'https://hooks.example.com/a-secret-path?token=secret-token',
} as const;

describe('the audit log', () => {
  it('has every change with who, what, before and after, from where and in which request', async () => {
    const { id } = await createProvider(fixture.db, keys, sampleProvider());
    await updateProvider(fixture.db, keys, id, { rpmLimit: 7, apiKey: 'sk-live-another-key-9876' });
    const override = { customerId: 'acme', service: null, provider: 'openai-main', model: null, enabled: true };
    const { id: overrideId } = await createOverride(fixture.db, override);
    await updateOverride(fixture.db, overrideId, { enabled: false });
    await deleteOverride(fixture.db, overrideId);
    await deleteProvider(fixture.db, id);
    const budget = await createBudget(fixture.db, BUDGET);
    await updateBudget(fixture.db, budget.id, { softLimitNanoUsd: 9 });
    await deleteBudget(fixture.db, budget.id);

    const entries = (await log({ from: since })).toReversed();
    expect(entries.map(({ action, target_id }) => [action, target_id])).toEqual([
      ['provider.create', id],
      ['provider.update', id],
      ['override.create', overrideId],
      ['override.update', overrideId],
      ['override.delete', overrideId],
      ['provider.delete', id],
      ['budget.create', budget.id],
      ['budget.update', budget.id],
      ['budget.delete', budget.id],
    ]);
    for (const entry of entries)
      expect(entry).toMatchObject({ key_id: TESTER.keyId, request_id: TESTER.requestId, address: TESTER.address });
    expect(entries[0]).toMatchObject({ before: null, after: { name: 'openai-main', rpmLimit: 60, apiKeyHint: '1234' } });
    expect(entries[1]).toMatchObject({
      before: { rpmLimit: 60, apiKeyHint: '1234' },
      after: { rpmLimit: 7, apiKeyHint: '9876' },
    });
    expect(entries[3]).toMatchObject({ before: { provider: 'openai-main', enabled: true }, after: { enabled: false } });
    expect(entries[5]).toMatchObject({ before: { name: 'openai-main' }, after: null });
    expect(entries[8]).toMatchObject({ before: { softLimitNanoUsd: 9, webhookUrl: 'https://hooks.example.com' }, after: null });
  });

  it('holds no key, sealed or not, and of webhooks only the host', async () => {
    const { id } = await createProvider(fixture.db, keys, sampleProvider());
    await updateProvider(fixture.db, keys, id, { apiKey: 'sk-live-another-key-9876' });
    await createBudget(fixture.db, BUDGET);
    const entry = { action: 'thing.do', target: 'thing', targetId: 'x', before: null };
    const after = { deep: [{ password: 'canary', key_secret: 'canary', apiKey: 'canary', token: 'canary', maxTokens: 5 }] };
    await recordDeeds(fixture.db, [{ ...entry, after }]);
    const [{ text }] = (await fixture.sql<{ text: string }>(
      "SELECT string_agg(a::text, E'\\n') AS text FROM llm_audit_logs a WHERE created_at >= $1",
      [since],
    )) as [{ text: string }];
    const [{ sealed }] = (await fixture.sql<{ sealed: string }>(
      'SELECT api_key_ciphertext AS sealed FROM llm_provider_configs',
    )) as [{ sealed: string }];
    for (const secret of ['sk-live', sealed, sealed.slice(10, 40), 'canary', 'secret']) expect(text).not.toContain(secret);
    expect(text).toContain('maxTokens');
  });

  it('has nothing of a change that did not happen, and lets no change happen that it has not', async () => {
    const { id } = await createProvider(fixture.db, keys, sampleProvider());
    await expect(createProvider(fixture.db, keys, sampleProvider())).rejects.toMatchObject({ code: 'conflict' });
    await expect(updateProvider(fixture.db, keys, id, { ifVersion: 99, rpmLimit: 1 })).rejects.toMatchObject({
      code: 'precondition_failed',
    });
    const unrecordable = { action: 'x\0', target: 'thing', targetId: 'x', before: null, after: null };
    const change = audited(fixture.db, async (tx) => {
      await tx.providerConfig.update({ where: { id }, data: { priority: 1 } });
      return { result: undefined, entries: [unrecordable] };
    });
    await expect(change).rejects.toThrow();
    expect((await log({ from: since })).map(({ action }) => action)).toEqual(['provider.create']);
    expect(await fixture.sql('SELECT priority FROM llm_provider_configs')).toEqual([{ priority: 10 }]);
  });

  it.each([
    'UPDATE llm_audit_logs SET key_id = NULL',
    'DELETE FROM llm_audit_logs',
    'TRUNCATE llm_audit_logs',
    'TRUNCATE llm_audit_logs, llm_budgets CASCADE',
    'INSERT INTO llm_audit_logs SELECT * FROM llm_audit_logs ON CONFLICT (id) DO UPDATE SET key_id = NULL',
    'SET LOCAL session_replication_role = replica; DELETE FROM llm_audit_logs',
  ])('is append-only: PostgreSQL refuses %s', async (statement) => {
    await createProvider(fixture.db, keys, sampleProvider());
    await expect(fixture.sql(statement)).rejects.toThrow('the audit log is append-only');
    expect(await log({ from: since })).toHaveLength(1);
  });

  it('is read by who, what, which and when, in pages that new entries do not move', async () => {
    const other = actingAs(fixture.db, { keyId: 'env_other', requestId: null, address: null });
    const { id } = await createProvider(other, keys, sampleProvider());
    await updateProvider(fixture.db, keys, id, { rpmLimit: 1 });
    const actions = async (filter: AuditFilter) => (await log({ from: since, ...filter })).map(({ action }) => action);
    expect(await actions({ keyId: 'env_other' })).toEqual(['provider.create']);
    expect(await actions({ action: 'provider.update' })).toEqual(['provider.update']);
    expect(await actions({ target: 'provider', targetId: id })).toEqual(['provider.update', 'provider.create']);
    expect(await actions({ target: 'budget' })).toEqual([]);
    expect(await log({ to: since, targetId: id })).toEqual([]);

    const first = await listAudit(fixture.db, { from: since }, { limit: 1 });
    await updateProvider(fixture.db, keys, id, { rpmLimit: 2 });
    const second = await listAudit(fixture.db, { from: since }, { limit: 1, cursor: first.nextCursor ?? '' });
    expect([...first.data, ...second.data].map(({ action }) => action)).toEqual(['provider.update', 'provider.create']);
    expect(second.nextCursor).toBeNull();
  });
});

describe('a database in hand', () => {
  it('is closed with the one that was opened', async () => {
    const db = openDatabase(fixture.url);
    const inHand = actingAs(db, TESTER);
    await closeDatabase(db);
    await expect(createProvider(inHand, keys, sampleProvider())).rejects.toMatchObject({ code: 'unavailable' });
  });
});
