import { describe, expect, it } from '@jest/globals';
import {
  actingAsSystem,
  createServiceKey,
  decryptSecret,
  keyFingerprint,
  loadSnapshot,
  openPepper,
  parseEncryptionKeys,
  rotateProviderKey,
} from '@llm-gateway/db';
import { reencrypt } from '../src/keys/reencrypt.js';
import { runCommand, useDatabase } from './support.js';

const fixture = useDatabase();
const entry = (id: string, byte: number) => `${id}:${Buffer.alloc(32, byte).toString('base64')}`;
const OLD = parseEncryptionKeys(entry('k1', 1));
const BOTH = parseEncryptionKeys(`${entry('k_2', 2)},${entry('k1', 1)}`);
const NEW = parseEncryptionKeys(entry('k_2', 2));

const run = (args: string[], encryptionKeys = BOTH, signal?: AbortSignal) =>
  runCommand(reencrypt, args, () => fixture.url, { encryptionKeys, signal });
const stored = () =>
  fixture.sql<{ id: string; api_key_ciphertext: string | null; previous_key_ciphertext: string | null; version: number }>(
    'SELECT id, api_key_ciphertext, previous_key_ciphertext, version FROM llm_provider_configs ORDER BY name',
  );

describe('keys:reencrypt', () => {
  it('says first what needs which key, then puts all under the first, a rotated key as well', async () => {
    const rotated = await fixture.addProvider({ name: 'a', apiKey: 'sk-first' });
    await rotateProviderKey(actingAsSystem(fixture.db), OLD, rotated.id, { apiKey: 'sk-second', graceMs: 60_000, ifVersion: 1 });
    await fixture.addProvider({ name: 'b', apiKey: 'sk-of-b' });
    await fixture.addProvider({ name: 'c', apiKey: null });

    const before = await stored();
    const dry = await run([]);
    expect(dry.code).toBe(0);
    expect(dry.out).toContain('3 under "k1"');
    expect(dry.out).toContain('add --apply');
    expect(await stored()).toEqual(before);

    const applied = JSON.parse((await run(['--apply', '--json'])).out) as object;
    expect(applied).toMatchObject({ applied: true, rewritten: 3, to_rewrite: 0, removable: ['k1'], missing: [] });
    const [a, b, c] = await stored();
    expect(decryptSecret(NEW, a?.api_key_ciphertext ?? '', a?.id ?? '')).toBe('sk-second');
    expect(decryptSecret(NEW, a?.previous_key_ciphertext ?? '', a?.id ?? '')).toBe('sk-first');
    expect(decryptSecret(NEW, b?.api_key_ciphertext ?? '', b?.id ?? '')).toBe('sk-of-b');
    expect(c?.api_key_ciphertext).toBeNull();
    // An edit that an administrator has begun is none the worse for it.
    expect([a?.version, b?.version]).toEqual([2, 1]);
    const audit = await fixture.sql<{ key_id: string }>(
      `SELECT key_id, before, after FROM llm_audit_logs WHERE action = 'provider.reencrypt'`,
    );
    expect(audit).toHaveLength(2);
    expect(JSON.stringify(audit)).not.toMatch(/v1\./);
    expect(audit[0]).toMatchObject({ key_id: 'system', before: { encryptedWith: 'k1' }, after: { encryptedWith: 'k_2' } });
  });

  it('has nothing to do the second time, and then says which key can go', async () => {
    const version = async () => (await fixture.sql<{ version: string }>('SELECT version FROM llm_config_state'))[0]?.version;
    const before = await version();
    const { code, out } = await run(['--apply']);
    expect([code, out]).toEqual([0, expect.stringContaining('Nothing needs the key "k1" any more')]);
    expect(await version()).toBe(before);
  });

  it('goes on where it was stopped, batch by batch', async () => {
    for (let n = 0; n < 130; n++) await fixture.addProvider({ name: `many-${n}`, apiKey: 'sk-many' });
    const stop = new AbortController();
    stop.abort();
    const stopped = await run(['--apply', '--json'], BOTH, stop.signal);
    expect([stopped.code, JSON.parse(stopped.out)]).toEqual([130, expect.objectContaining({ rewritten: 100, to_rewrite: 30 })]);
    const rest = await run(['--apply', '--json']);
    expect([rest.code, JSON.parse(rest.out)]).toEqual([0, expect.objectContaining({ rewritten: 30, to_rewrite: 0 })]);
  });

  it('leaves alone what it cannot read, names it, and does the others', async () => {
    await fixture.addProvider({ name: 'x-readable', apiKey: 'sk-x' });
    const [lost] = await fixture.sql<{ id: string }>(`SELECT id FROM llm_provider_configs WHERE name = 'b'`);
    await fixture.sql(
      `UPDATE llm_provider_configs SET api_key_ciphertext = replace(api_key_ciphertext, 'v1.k_2.', 'v1.k0.') WHERE id = $1`,
      [lost?.id],
    );
    expect((await run([])).code).toBe(2);
    const { code, out } = await run(['--apply', '--json']);
    expect(code).toBe(2);
    expect(JSON.parse(out)).toMatchObject({
      rewritten: 1,
      unreadable: [{ provider: 'b', encryption_key: 'k0' }],
      missing: ['k0'],
      to_rewrite: 1,
    });
    expect(out).not.toMatch(/v1\.|sk-/);
  });
});

describe('keys:reencrypt with service keys', () => {
  it('does not call an encryption key superfluous that they need, and keeps every one of them good', async () => {
    await fixture.sql('TRUNCATE llm_provider_configs CASCADE');
    const input = { name: 'billing', service: null, scopes: ['read' as const], expiresAt: null, rpmLimit: null };
    const { row, key } = await createServiceKey(actingAsSystem(fixture.db), OLD, input);
    expect((await run([])).out).toContain('1 under "k1"');
    expect(JSON.parse((await run(['--apply', '--json'])).out)).toMatchObject({ rewritten: 1, to_rewrite: 0, removable: ['k1'] });
    const { access } = await loadSnapshot(fixture.db);
    const fingerprint = keyFingerprint(openPepper(NEW, access?.pepper ?? ''), key).toString('hex');
    expect(access?.keys).toEqual([expect.objectContaining({ id: row.id, fingerprint })]);
    expect(JSON.parse((await run(['--apply', '--json'], parseEncryptionKeys(entry('k3', 3)))).out)).toMatchObject({
      unreadable: [{ provider: 'service keys', encryption_key: 'k_2' }],
    });
  });
});
