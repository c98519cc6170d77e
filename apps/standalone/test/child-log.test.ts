import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { childLog } from '../src/child-log.js';

let directory: string;
beforeAll(async () => void (directory = await mkdtemp(join(tmpdir(), 'llm-gateway-log-'))));
afterAll(() => rm(directory, { recursive: true }));

it.each([
  ['{"level":"info","msg":"listening","port":8200}', []],
  ['{"level":"warn","msg":"queue is long"}', ['api: warn: queue is long']],
  ['{"level":"error","msg":"cannot write","err":{"message":"disk full"}}', ['api: error: cannot write (disk full)']],
  ['SyntaxError: Unexpected token', ['api: SyntaxError: Unexpected token']],
  ['42', ['api: 42']],
])('shows of %s in the terminal: %j', (line, expected) => {
  const shown: string[] = [];
  childLog(directory, 'api', (words) => shown.push(words))(line);
  expect(shown).toEqual(expected);
});
