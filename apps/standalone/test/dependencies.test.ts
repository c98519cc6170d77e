import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PACKAGES = {
  '': { name: 'root' },
  'packages/a': { version: '0.1.0' },
  'node_modules/one': { version: '1.0.0' },
  'packages/a/node_modules/two': { version: '2.0.0' },
};

let root: string;
const write = (file: string, value: object): void => {
  mkdirSync(dirname(join(root, file)), { recursive: true });
  writeFileSync(join(root, file), JSON.stringify(value));
};
const isDone = (): string => {
  const module = join(root, 'apps/standalone/setup/dependencies.mjs');
  const code = `console.log((await import(${JSON.stringify(module)})).dependencies.isDone())`;
  return execFileSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' }).trim();
};

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'lgw-dependencies-'));
  cpSync(fileURLToPath(new URL('../setup', import.meta.url)), join(root, 'apps/standalone/setup'), { recursive: true });
  write('package-lock.json', { packages: PACKAGES });
  write('node_modules/.package-lock.json', { packages: PACKAGES });
  write('packages/a/node_modules/two/package.json', { version: '2.0.0' });
});
afterEach(() => rmSync(root, { recursive: true }));

it('leaves alone what the lockfile says', () => expect(isDone()).toBe('true'));

it('installs again where a package is of another version', () => {
  write('node_modules/.package-lock.json', { packages: { ...PACKAGES, 'node_modules/one': { version: '0.9.0' } } });
  expect(isDone()).toBe('false');
});

it.each(['missing', 'of another version'])("installs again where a workspace's own package is %s", (how) => {
  rmSync(join(root, 'packages/a/node_modules'), { recursive: true });
  if (how !== 'missing') write('packages/a/node_modules/two/package.json', { version: '1.9.0' });
  expect(isDone()).toBe('false');
});
