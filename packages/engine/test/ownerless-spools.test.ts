import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { createLogger } from '@llm-gateway/shared';
import { warnOfOwnerlessSpools } from '../src/index.js';

let parent: string;
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'spools-test-'));
});
afterEach(() => rm(parent, { recursive: true, force: true }));

/** A spool with these files; of `alive` the last sign of life, if there is one. */
async function spool(name: string, files: string[], alive?: 'now' | 'long ago'): Promise<string> {
  const folder = join(parent, name);
  await mkdir(folder);
  for (const [index, text] of files.entries()) await writeFile(join(folder, `api-0.${index}.api-0.jsonl`), text);
  if (!alive) return folder;
  await writeFile(join(folder, 'api-0.alive'), '');
  if (alive === 'long ago') await utimes(join(folder, 'api-0.alive'), 1_000, 1_000);
  return folder;
}

it('warns of spools beside ours that nobody looks after, with what is in them, and not of those that somebody does', async () => {
  const own = await spool('own', ['row\n']);
  const left = await spool('left', ['row\n', 'another row\n'], 'long ago');
  const closed = await spool('closed', ['row\n']);
  await spool('lived-in', ['row\n'], 'now');
  await spool('empty', []);
  await writeFile(join(parent, 'not a folder'), '');
  const lines: string[] = [];
  const logger = createLogger({ name: 'test', level: 'warn' }, { write: (line: string) => void lines.push(line) });
  await warnOfOwnerlessSpools(parent, own, logger);
  const told = lines.map((line) => JSON.parse(line) as { directory: string });
  expect(told.toSorted((a, b) => a.directory.localeCompare(b.directory))).toEqual([
    expect.objectContaining({ directory: closed, own, files: 1, bytes: 4 }),
    expect.objectContaining({ directory: left, own, files: 2, bytes: 16 }),
  ]);
});
