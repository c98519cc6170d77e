import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { access, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

interface LockModule {
  withLock<T>(file: string, work: () => Promise<T>): Promise<T>;
}

// A plain script that runs before anything is compiled: it has no types of its own.
const { withLock } = (await import(new URL('../setup/lock.mjs', import.meta.url).href)) as LockModule;

let directory: string;
beforeAll(async () => void (directory = await mkdtemp(join(tmpdir(), 'llm-gateway-lock-'))));
afterAll(() => rm(directory, { recursive: true }));

it('lets one set-up work at a time', async () => {
  const file = join(directory, 'one');
  let working = 0;
  let most = 0;
  const work = async (): Promise<void> => {
    most = Math.max(most, ++working);
    await new Promise((resolve) => setTimeout(resolve, 30));
    working--;
  };
  await Promise.all([withLock(file, work), withLock(file, work), withLock(file, work)]);
  expect(most).toBe(1);
});

it('takes over from one that was killed', async () => {
  const file = join(directory, 'dead');
  await writeFile(file, `${process.ppid}\n`);
  const longAgo = new Date(Date.now() - 60_000);
  await utimes(file, longAgo, longAgo);
  expect(await withLock(file, () => Promise.resolve('done'))).toBe('done');
});

it('leaves no lock behind, even when the work fails', async () => {
  const file = join(directory, 'failed');
  await expect(withLock(file, () => Promise.reject(new Error('no network')))).rejects.toThrow('no network');
  await expect(access(file)).rejects.toThrow(/ENOENT/);
});
