import { beforeEach, describe, expect, it } from '@jest/globals';
import {
  configVersion,
  createServiceKey,
  deleteServiceKey,
  keyFingerprint,
  keyIdOf,
  listAudit,
  listServiceKeys,
  loadSnapshot,
  noteKeyUse,
  openPepper,
  rotateServiceKey,
  type ServiceKeyInput,
} from '../src/index.js';
import { useDatabase } from './database-fixture.js';
import { keysOf } from './samples.js';

const fixture = useDatabase();
const keys = keysOf('a');
const sample = (input: Partial<ServiceKeyInput> = {}): ServiceKeyInput => ({
  name: 'billing',
  service: 'billing',
  scopes: ['generate', 'read'],
  expiresAt: new Date('2027-01-01'),
  rpmLimit: 60,
  ...input,
});
const rotate = (id: string, graceMs: number) => rotateServiceKey(fixture.db, keys, id, { graceMs, check: () => undefined });

beforeEach(async () => {
  await fixture.sql('TRUNCATE llm_service_keys, llm_sealed_secrets');
});

/** Does a key open what a snapshot says, with these encryption keys? */
async function opens(key: string, encryptionKeys = keys): Promise<boolean> {
  const { access } = await loadSnapshot(fixture.db);
  const row = access?.keys.find(({ id }) => id === keyIdOf(key));
  return row?.fingerprint === keyFingerprint(openPepper(encryptionKeys, access?.pepper ?? ''), key).toString('hex');
}

describe('a service key', () => {
  it('is shown once, with its id and 256 bits of chance, and kept as a fingerprint', async () => {
    const { row, key } = await createServiceKey(fixture.db, keys, sample());
    expect(key).toMatch(/^lgw_[0-9a-z]{26}_[A-Za-z0-9_-]{43}$/);
    expect(key.split('_')[1]).toBe(row.id);
    expect(keyIdOf(key)).toBe(row.id);
    const secret = key.slice(key.indexOf('_', 4) + 1);
    const tables = ['llm_service_keys', 'llm_audit_logs', 'llm_sealed_secrets', 'llm_config_state'];
    for (const table of tables) {
      const [dump] = await fixture.sql<{ text: string }>(`SELECT string_agg(t::text, '') AS text FROM ${table} t`);
      expect(dump?.text).not.toContain(secret);
    }
    expect(await opens(key)).toBe(true);
    expect(await opens(`${key.slice(0, -1)}${key.endsWith('A') ? 'B' : 'A'}`)).toBe(false);
    const other = await createServiceKey(fixture.db, keys, sample({ name: 'other' }));
    expect(await opens(other.key)).toBe(true);
    expect(row).toMatchObject({ name: 'billing', service: 'billing', rpmLimit: 60, lastUsedAt: null, previousValidUntil: null });
  });

  it('has a name of its own, and a row that every build can read', async () => {
    await createServiceKey(fixture.db, keys, sample());
    await expect(createServiceKey(fixture.db, keys, sample())).rejects.toMatchObject({ code: 'conflict' });
    await expect(fixture.sql(`UPDATE llm_service_keys SET fingerprint = 'short'`)).rejects.toThrow('fingerprints');
    await expect(fixture.sql(`UPDATE llm_service_keys SET scopes = '{admin}'`)).rejects.toThrow('_admin');
  });

  it('survives a new encryption key once its pepper is sealed with it, and never was made with the old one', async () => {
    const { key } = await createServiceKey(fixture.db, keys, sample());
    expect(await opens(key, keysOf('b', 'a'))).toBe(true);
    await expect(opens(key, keysOf('b'))).rejects.toMatchObject({ code: 'internal' });
  });

  it('is rotated: the old secret goes on for the grace, and a third is not remembered', async () => {
    const { row, key } = await createServiceKey(fixture.db, keys, sample());
    const second = await rotate(row.id, 60_000);
    expect(second.key).not.toBe(key);
    const ringOf = async () => (await loadSnapshot(fixture.db)).access!;
    const { pepper, keys: rows } = await ringOf();
    const print = (text: string) => keyFingerprint(openPepper(keys, pepper ?? ''), text).toString('hex');
    expect(rows[0]).toMatchObject({ fingerprint: print(second.key), previous: { fingerprint: print(key) } });
    expect(Date.parse(rows[0]?.previous?.until ?? '')).toBeGreaterThan(Date.now() + 50_000);
    const third = await rotate(row.id, 0);
    expect((await ringOf()).keys[0]).toMatchObject({ fingerprint: print(third.key), previous: null });
  });

  it('changes the version of the configuration and leaves its marks in the audit log, without what it is made of', async () => {
    const before = await configVersion(fixture.db);
    const { row } = await createServiceKey(fixture.db, keys, sample());
    await rotate(row.id, 1_000);
    await deleteServiceKey(fixture.db, row.id);
    expect(await configVersion(fixture.db)).toBe(before + 3);
    const { data } = await listAudit(fixture.db, { target: 'key', targetId: row.id }, { limit: 10 });
    expect(data.map(({ action }) => action)).toEqual(['key.delete', 'key.rotate', 'key.create']);
    expect(JSON.stringify(data)).not.toMatch(/fingerprint/i);
    expect((await loadSnapshot(fixture.db)).access?.keys).toEqual([]);
  });

  it.each(['nothing', 'a'.repeat(26), 'a\0'])('is not found as %j', async (id) => {
    await expect(deleteServiceKey(fixture.db, id)).rejects.toMatchObject({ code: 'not_found' });
    await expect(rotate(id, 0)).rejects.toMatchObject({ code: 'not_found' });
  });

  it('is rotated only where the check lets it', async () => {
    const { row, key } = await createServiceKey(fixture.db, keys, sample());
    const check = () => {
      throw new Error('no');
    };
    await expect(rotateServiceKey(fixture.db, keys, row.id, { graceMs: 0, check })).rejects.toThrow('no');
    expect(await opens(key)).toBe(true);
  });

  it('notes its last use to the minute, without a new version', async () => {
    const { row } = await createServiceKey(fixture.db, keys, sample());
    const version = await configVersion(fixture.db);
    const lastUsed = async () => (await listServiceKeys(fixture.db, { limit: 1 })).data[0]?.lastUsedAt;
    const at = Date.parse('2026-11-25T10:00:00Z');
    await noteKeyUse(fixture.db, new Map([[row.id, at], ['gone', at]])); // prettier-ignore
    expect(await lastUsed()).toBe('2026-11-25T10:00:00.000Z');
    await noteKeyUse(fixture.db, new Map([[row.id, at + 30_000]]));
    expect(await lastUsed()).toBe('2026-11-25T10:00:00.000Z');
    await noteKeyUse(fixture.db, new Map([[row.id, at + 60_000]]));
    expect(await lastUsed()).toBe('2026-11-25T10:01:00.000Z');
    expect(await configVersion(fixture.db)).toBe(version);
  });

  it('is listed in pages', async () => {
    for (const name of ['one', 'two', 'three']) await createServiceKey(fixture.db, keys, sample({ name }));
    const first = await listServiceKeys(fixture.db, { limit: 2 });
    const second = await listServiceKeys(fixture.db, { limit: 2, cursor: first.nextCursor ?? '' });
    expect([...first.data, ...second.data].map(({ name }) => name).toSorted()).toEqual(['one', 'three', 'two']);
  });

  it('gets one pepper, whoever makes the first key', async () => {
    const names = Array.from({ length: 8 }, (_, index) => `key-${index}`);
    const made = await Promise.all(names.map((name) => createServiceKey(fixture.db, keys, sample({ name }))));
    for (const { key } of made) expect(await opens(key)).toBe(true);
  });
});
