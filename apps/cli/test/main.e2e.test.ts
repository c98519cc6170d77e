import { describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { useDatabase } from './support.js';

const fixture = useDatabase();
const FOUND_BESIDE = 'npm run finds it beside a running npm start with the same DATA_DIR: start that, or set what is missing\n';
const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));

function cli(args: string[], env: Record<string, string> = {}): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [main, ...args], { env: { PATH: process.env['PATH'], ...env } }, (error, out, err) =>
      resolve({ code: error ? Number(error.code) : 0, out, err }),
    );
  });
}

describe('the operator’s commands', () => {
  const range = ['--from', '2026-11-01', '--to', '2026-12-01'];

  it('print their help without any setting, and have a script in package.json and help each', async () => {
    const { err } = await cli([]);
    const commands = /<(.+)>/.exec(err)?.[1]?.split('|') ?? [];
    const manifest = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
      scripts: Record<string, string>;
    };
    expect(commands.map((command) => `${command.replace(':', '-')}.txt`)).toEqual(
      readdirSync(new URL('../help', import.meta.url)),
    );
    for (const command of commands) {
      expect(manifest.scripts[command]).toBe(`node apps/standalone/setup.mjs ${command}`);
      expect(await cli([command, '--help'])).toMatchObject({
        code: 0,
        out: expect.stringMatching(`^npm run ${command} -- `),
        err: '',
      });
    }
  });

  it('end with 0 when all is well, with nothing but the result on standard output', async () => {
    const { code, out, err } = await cli(['prices:recompute', ...range, '--json'], { DATABASE_URL: fixture.url });
    expect([code, JSON.parse(out), err]).toEqual([0, expect.objectContaining({ applied: false, models: [] }), '']);
  });

  it('end with 2 when a check has found something', async () => {
    await fixture.addProvider({});
    const invoice = join(tmpdir(), `${crypto.randomUUID()}.csv`);
    writeFileSync(invoice, 'date,model,input_tokens,output_tokens,cost\n2026-11-01,m,1,1,1\n');
    const args = ['usage:reconcile', '--provider', 'openai-main', '--file', invoice];
    expect(await cli(args, { DATABASE_URL: fixture.url })).toMatchObject({
      code: 2,
      out: expect.stringContaining('Gaps over 5 %'),
    });
  });

  it.each<[string, string[], Record<string, string>, string]>([
    ['an unknown command', ['prices:guess'], {}, 'usage: node apps/cli/dist/main.js <jobs|keys:reencrypt|'],
    ['a name that every object has', ['toString'], {}, 'usage: node apps/cli'],
    ['no action', ['jobs'], {}, 'say which: list, show, replay, cancel\n'],
    [
      'a misspelt option beside ids',
      ['jobs', 'list', '--statsu', 'failed'],
      {},
      "Unknown option '--statsu'\nnpm run jobs -- --help says what there is\n",
    ],
    ['no admin key', ['jobs', 'list'], {}, `LGW_ADMIN_KEY: is required and not set\n${FOUND_BESIDE}`],
    [
      'a gateway out of reach',
      ['jobs', 'list'],
      { LGW_URL: 'http://127.0.0.1:9', LGW_ADMIN_KEY: 'k' },
      'the gateway at http://127.0.0.1:9 cannot be reached\n',
    ],
    [
      'a wrong option',
      ['prices:recompute', '--to', 'x'],
      {},
      '--from is required\nnpm run prices:recompute -- --help says what there is\n',
    ],
    ['no database named', ['prices:recompute', ...range], {}, `DATABASE_URL: is required and not set\n${FOUND_BESIDE}`],
    [
      'a database out of reach',
      ['prices:recompute', ...range],
      { DATABASE_URL: 'postgresql://u@127.0.0.1:1/x' },
      'the database cannot be reached\n',
    ],
  ])('end with 1 and words on standard error: %s', async (_, args, env, message) => {
    expect(await cli(args, env)).toEqual({ code: 1, out: '', err: expect.stringContaining(message) });
  });
});
