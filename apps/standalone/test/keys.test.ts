import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEncryptionKeys } from '@llm-gateway/db';
import { provideKeys } from '../src/keys.js';

let directory: string;
beforeEach(async () => void (directory = await mkdtemp(join(tmpdir(), 'llm-gateway-keys-'))));
afterEach(() => rm(directory, { recursive: true }));

it('makes keys at the first start and keeps them for the next, readable by their owner only', async () => {
  const first = await provideKeys(directory, {});
  expect(await provideKeys(directory, {})).toEqual(first);
  expect(new Set([first.SERVICE_KEYS, first.ADMIN_KEYS]).size).toBe(2);
  expect((await stat(join(directory, 'keys.json'))).mode & 0o777).toBe(0o600);
});

it('makes an encryption key that the database takes', async () => {
  const { ENCRYPTION_KEYS } = await provideKeys(directory, {});
  expect(() => parseEncryptionKeys(ENCRYPTION_KEYS)).not.toThrow();
});

it('prefers the keys of the environment, and never shows or stores those', async () => {
  const keys = await provideKeys(directory, { SERVICE_KEYS: 'given-1,given-2', ENCRYPTION_KEYS: 'mine' });
  expect(keys).toMatchObject({ SERVICE_KEYS: 'given-1,given-2', ENCRYPTION_KEYS: 'mine', madeHere: { service: null } });
  expect(keys.madeHere.admin).toBe(keys.ADMIN_KEYS);
  expect(await readFile(join(directory, 'keys.json'), 'utf8')).not.toMatch(/given|mine/);
});

it('refuses a damaged file rather than replace the encryption key in it', async () => {
  await writeFile(join(directory, 'keys.json'), '{"serviceKey":"a');
  await expect(provideKeys(directory, {})).rejects.toThrow(/keys\.json is damaged/);
  expect(await readFile(join(directory, 'keys.json'), 'utf8')).toBe('{"serviceKey":"a');
});
