import { beforeEach, describe, expect, it } from '@jest/globals';
import {
  createProvider,
  decryptSecret,
  forgetExpiredKeys,
  getProvider,
  rotateProviderKey,
  updateProvider,
} from '../src/index.js';
import { useDatabase } from './database-fixture.js';
import { keysOf, sampleProvider } from './samples.js';

const fixture = useDatabase();
const keys = keysOf('a');
const HOUR_MS = 3_600_000;

beforeEach(async () => {
  await fixture.sql('TRUNCATE llm_customer_overrides, llm_provider_configs');
});

const rotated = async (graceMs = HOUR_MS) => {
  const { id, version } = await createProvider(fixture.db, keys, sampleProvider({ apiKey: 'sk-old-1111' }));
  return rotateProviderKey(fixture.db, keys, id, { apiKey: 'sk-new-2222', graceMs, ifVersion: version });
};
const plain = (id: string, ciphertext: string | null) => ciphertext && decryptSecret(keys, ciphertext, id);

describe('a rotated key', () => {
  it('has its predecessor behind it until the grace is over', async () => {
    const row = await rotated();
    expect(row).toMatchObject({ apiKeyHint: '2222', version: 2 });
    expect([plain(row.id, row.apiKeyCiphertext), plain(row.id, row.previousKeyCiphertext)]).toEqual([
      'sk-new-2222',
      'sk-old-1111',
    ]);
    const left = Date.parse(row.previousKeyUntil ?? '') - Date.now();
    expect(left).toBeGreaterThan(HOUR_MS - 60_000);
    expect(left).toBeLessThanOrEqual(HOUR_MS);
  });

  it('has nothing behind it without a grace', async () => {
    expect(await rotated(0)).toMatchObject({ apiKeyHint: '2222', previousKeyCiphertext: null, previousKeyUntil: null });
  });

  it('is not written over a row that somebody has changed since the key was tried', async () => {
    const { id } = await rotated();
    const again = rotateProviderKey(fixture.db, keys, id, { apiKey: 'sk-3', graceMs: 0, ifVersion: 1 });
    await expect(again).rejects.toMatchObject({ code: 'precondition_failed' });
    expect((await getProvider(fixture.db, id)).apiKeyHint).toBe('2222');
  });

  it('takes its predecessor along when it is replaced by hand: the old key never follows to another host', async () => {
    const { id } = await rotated();
    const moved = await updateProvider(fixture.db, keys, id, { apiKey: 'sk-other', baseUrl: 'https://other.example.com/v1' });
    expect(moved).toMatchObject({ previousKeyCiphertext: null, previousKeyUntil: null });
  });

  it('loses its predecessor for good when its time is over, and not before', async () => {
    const { id } = await rotated();
    expect(await forgetExpiredKeys(fixture.db, new Date())).toBe(0);
    expect((await getProvider(fixture.db, id)).previousKeyCiphertext).not.toBeNull();
    expect(await forgetExpiredKeys(fixture.db, new Date(Date.now() + HOUR_MS + 1_000))).toBe(1);
    expect(await getProvider(fixture.db, id)).toMatchObject({
      previousKeyCiphertext: null,
      previousKeyUntil: null,
      apiKeyHint: '2222',
    });
  });

  it('stands in the audit log without a key, old or new', async () => {
    const { id } = await rotated();
    const [entry] = await fixture.sql<object>(
      `SELECT before, after FROM llm_audit_logs WHERE action = 'provider.rotate_key' AND target_id = $1`,
      [id],
    );
    expect(entry).toMatchObject({
      before: { apiKeyHint: '1111' },
      after: { apiKeyHint: '2222', previousKeyUntil: expect.any(String) },
    });
    expect(JSON.stringify(entry)).not.toMatch(/v1\.a\.|sk-/);
  });
});
