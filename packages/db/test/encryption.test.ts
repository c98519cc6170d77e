import { describe, expect, it } from '@jest/globals';
import { decryptSecret, encryptSecret, parseEncryptionKeys } from '../src/encryption.js';

const base64Key = (fill: number): string => Buffer.alloc(32, fill).toString('base64');
const old = parseEncryptionKeys(`k1:${base64Key(1)}`);
const rotated = parseEncryptionKeys(`k2:${base64Key(2)}, k1:${base64Key(1)}`);

describe('a provider key at rest', () => {
  it('comes back as it was, for the row that it belongs to', () => {
    for (const secret of ['sk-live-1234', '', 'ключ 🔑'])
      expect(decryptSecret(old, encryptSecret(old, secret, 'row-1'), 'row-1')).toBe(secret);
  });

  it('never reads the same twice, and shows nothing of itself', () => {
    const [first, second] = [encryptSecret(old, 'sk-live-1234', 'row-1'), encryptSecret(old, 'sk-live-1234', 'row-1')];
    expect(first).toMatch(/^v1\.k1\.[\w-]{16}\.[\w-]+\.[\w-]{22}$/);
    expect(first).not.toBe(second);
  });

  it('is worthless in another row', () => {
    expect(() => decryptSecret(old, encryptSecret(old, 'sk-live-1234', 'row-1'), 'row-2')).toThrow('encryption key "k1"');
  });

  it.each([2, 3, 4])('is refused when part %i of it was changed', (part) => {
    const parts = encryptSecret(old, 'sk-live-1234', 'row-1').split('.');
    parts[part] = String(parts[part]).replace(/^./, (first) => (first === 'A' ? 'B' : 'A'));
    expect(() => decryptSecret(old, parts.join('.'), 'row-1')).toThrow('does not decrypt');
  });

  it('is refused with a cut-off tag, which would be easier to guess', () => {
    const encrypted = encryptSecret(old, 'sk-live-1234', 'row-1');
    expect(() => decryptSecret(old, encrypted.slice(0, -16), 'row-1')).toThrow('not in a known format');
  });

  it('survives a new key put in front of the old one, and is written with the new one', () => {
    expect(decryptSecret(rotated, encryptSecret(old, 'sk-live-1234', 'row-1'), 'row-1')).toBe('sk-live-1234');
    expect(encryptSecret(rotated, 'sk-live-1234', 'row-1')).toMatch(/^v1\.k2\./);
  });

  it('names the missing key by its id', () => {
    expect(() => decryptSecret(old, encryptSecret(rotated, 'sk-live-1234', 'row-1'), 'row-1')).toThrow(
      'needs the encryption key "k2"',
    );
  });
});

describe('ENCRYPTION_KEYS', () => {
  const material = base64Key(9);
  it.each([
    ['no id', material],
    ['an empty text', ''],
    ['an empty entry', `k1:${material},`],
    ['a short key', `k1:${Buffer.alloc(16, 9).toString('base64')}`],
    ['a key that is not base64', `k1:${'?'.repeat(43)}`],
    ['an id twice', `k1:${material},k1:${material}`],
    ['an id with a dot', `k.1:${material}`],
  ])('refuses %s without repeating what was given', (_, text) => {
    expect(() => parseEncryptionKeys(text)).toThrow(/^encryption key \d of \d /);
    expect(() => parseEncryptionKeys(text)).not.toThrow(material.slice(0, 8));
  });
});
