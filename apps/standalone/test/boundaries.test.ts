import { describe, expect, it } from '@jest/globals';
import { resolve } from 'node:path';
import { ESLint } from 'eslint';
import tseslint from 'typescript-eslint';

const cwd = resolve(import.meta.dirname, '../../..');
// The files are imaginary, so the rules that need types are off; the rules under test are the house's own.
const eslint = new ESLint({
  cwd,
  overrideConfigFile: resolve(cwd, '.config/eslint.config.js'),
  overrideConfig: { files: ['**/*.ts'], ...tseslint.configs.disableTypeChecked },
});

async function complaints(filePath: string, code: string): Promise<string[]> {
  const [result] = await eslint.lintText(`${code}\n`, { filePath: resolve(cwd, filePath) });
  return (result?.messages ?? []).map(({ ruleId, message }) => `${ruleId ?? 'fatal'}: ${message}`);
}

const using = (source: string) => `import { thing } from '${source}';\nthing();`;

describe('import directions', () => {
  it.each([
    ['packages/shared/src/a.ts', '@llm-gateway/db', 'packages/shared must not import'],
    ['packages/providers/src/a.ts', '@llm-gateway/queue', 'packages/providers must not import'],
    ['packages/db/src/a.ts', '@llm-gateway/providers', 'packages/db must not import'],
    ['packages/queue/src/lanes/a.ts', '@llm-gateway/db', 'packages/queue must not import'],
    ['packages/local-services/src/a.ts', '@llm-gateway/db', 'packages/local-services must not import'],
    ['packages/engine/src/a.ts', '@llm-gateway/local-services', 'packages/engine must not import'],
    ['apps/api/src/a.ts', '@llm-gateway/local-services', 'apps/api must not import'],
    ['apps/standalone/src/a.ts', '@llm-gateway/engine', 'apps/standalone must not import'],
    ['packages/brand-new/src/a.ts', '@llm-gateway/db', 'a new workspace starts with shared alone'],
    ['apps/api/src/a.ts', '@llm-gateway/worker', 'Nothing imports an app'],
    ['apps/api/test/a.test.ts', '@llm-gateway/worker', 'Nothing imports an app'],
    ['packages/db/test/a.test.ts', '@llm-gateway/queue', 'packages/db must not import'],
    ['apps/api/src/a.ts', '@llm-gateway/db/dist/connection/database.js', 'a package is entered by its index.ts only'],
    ['packages/engine/src/a.ts', '../../queue/src/belt.js', 'A relative path must not leave packages/engine'],
    ['apps/worker/test/a.test.ts', '../../api/src/app.js', 'A relative path must not leave apps/worker'],
  ])('%s may not import %s', async (file, source, message) => {
    expect(await complaints(file, using(source))).toEqual([expect.stringContaining(message)]);
  });

  it.each([
    ['packages/engine/src/a.ts', 'openai', 'vendor SDKs stay in packages/providers'],
    ['apps/api/src/a.ts', '@anthropic-ai/sdk', 'vendor SDKs stay in packages/providers'],
    ['packages/db/src/a.ts', '@google/generative-ai', 'vendor SDKs stay in packages/providers'],
    ['apps/worker/src/a.ts', '@mistralai/mistralai/models/errors', 'vendor SDKs stay in packages/providers'],
    ['apps/api/src/a.ts', 'undici', 'where egress is checked'],
    ['packages/queue/src/a.ts', '@prisma/client', 'Prisma stays in packages/db'],
    ['apps/api/src/usage/a.ts', 'pg', 'SQL stays in packages/db'],
    ['apps/api/src/generate/a.ts', 'bullmq', 'BullMQ stays in packages/queue'],
    ['apps/worker/src/a.ts', 'ioredis', 'Redis stays in packages/queue'],
    ['packages/engine/src/a.ts', 'bottleneck', 'Redis stays in packages/queue'],
    ['apps/api/src/a.ts', 'node:process', 'use the global `process`'],
  ])('%s may not import the module %s', async (file, source, message) => {
    expect(await complaints(file, using(source))).toEqual([expect.stringContaining(message)]);
  });

  it.each([
    ['a dynamic import', "await import('openai');"],
    ['a re-export', "export { OpenAI } from 'openai';"],
    ['an export of everything', "export * from 'openai';"],
    ['a type import', "import type { OpenAI } from 'openai';\nexport type A = OpenAI;"],
    ['an inline type', "export type A = import('openai').OpenAI;"],
  ])('sees %s as well', async (_, code) => {
    expect(await complaints('apps/api/src/a.ts', code)).toContainEqual(
      expect.stringContaining('vendor SDKs stay in packages/providers'),
    );
  });

  it('lets the board know BullMQ by its types, and not by its values', async () => {
    const types = "import type { Queue } from 'bullmq';\nexport type Shown = Queue;";
    expect(await complaints('apps/api/src/board/board.ts', types)).toEqual([]);
    expect(await complaints('apps/api/src/board/board.ts', using('bullmq'))).toHaveLength(1);
  });

  it.each([
    ['packages/providers/src/openai.ts', 'openai'],
    ['packages/db/src/a.ts', 'pg'],
    ['packages/queue/src/a.ts', 'ioredis'],
    ['packages/engine/src/attempt/a.ts', '@llm-gateway/queue'],
    ['packages/engine/src/attempt/a.ts', '../config/watcher.js'],
    ['apps/standalone/src/a.ts', '@llm-gateway/local-services'],
    ['packages/db/test/a.it.test.ts', '@llm-gateway/local-services'],
    ['apps/standalone/test/a.e2e.test.ts', 'pg'],
  ])('%s may import %s', async (file, source) => {
    expect(await complaints(file, using(source))).toEqual([]);
  });
});

describe('rules of the house', () => {
  it.each([
    [
      'process.env outside env.ts',
      'packages/db/src/a.ts',
      'export const url = process.env.DATABASE_URL;',
      'apps/*/src/env.ts only',
    ],
    ['a destructured process.env', 'apps/api/src/main.ts', 'export const { env } = process;', 'apps/*/src/env.ts only'],
    ['a default export', 'packages/db/src/a.ts', 'export default 1;', 'No default exports'],
    [
      'SQL made of text',
      'packages/db/src/a.ts',
      'export const q = (db, sql) => db.$queryRawUnsafe(sql);',
      'SQL takes its values as parameters',
    ],
    ['a mock of our package', 'apps/api/test/a.test.ts', "jest.mock('@llm-gateway/db');", 'Our own modules are not mocked'],
    [
      'a mock of our file',
      'apps/api/test/a.test.ts',
      "jest.unstable_mockModule('../src/app.js', () => ({}));",
      'Our own modules are not mocked',
    ],
    ['any', 'packages/db/src/a.ts', 'export const f = (x: any) => String(x);', 'no-explicit-any'],
    [
      'a fifth argument',
      'packages/db/src/a.ts',
      'export const f = (a: 1, b: 1, c: 1, d: 1, e: 1) => [a, b, c, d, e];',
      'too many parameters',
    ],
    ['a function of 70 lines', 'packages/db/src/a.ts', `export function f() {\n${'f();\n'.repeat(70)}}`, 'too many lines'],
    ['a file of 400 lines', 'packages/db/src/a.ts', 'console.log(1);\n'.repeat(400), 'too many lines'],
    [
      'a suppression that suppresses nothing',
      'packages/db/src/a.ts',
      '// eslint-disable-next-line eqeqeq\nexport const a = 1;',
      'Unused eslint-disable',
    ],
  ])('refuses %s', async (_, file, code, message) => {
    expect(await complaints(file, code)).toEqual([expect.stringContaining(message)]);
  });

  it('reads the environment in env.ts, and tests may too', async () => {
    const code = 'export const url = process.env.DATABASE_URL;';
    expect(await complaints('apps/worker/src/env.ts', code)).toEqual([]);
    expect(await complaints('apps/worker/test/env.test.ts', code)).toEqual([]);
  });
});
