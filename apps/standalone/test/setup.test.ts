import { describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const setup = fileURLToPath(new URL('../setup.mjs', import.meta.url));

function node(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, args, (error, out, err) => resolve({ code: error ? Number(error.code) : 0, out, err }));
  });
}

describe('the set-up before every command', () => {
  it.each(['start', 'test', 'build', 'migrate', 'setup', 'prices:recompute', 'bench:gateway', 'bench:usage'])(
    'says what npm run %s does without doing it',
    async (command) => {
      const { code, out } = await node(setup, command, '--help');
      expect([code, out]).toEqual([0, expect.stringMatching(/^npm (start|test|run [\w:]+)/)]);
    },
  );

  it('names the commands there are when it gets another', async () => {
    const { code, err } = await node(setup, 'stat');
    expect([code, err]).toEqual([1, expect.stringContaining('<start|test|build|migrate|setup|')]);
  });

  it.each([
    ['20.18.3', 1, 'LLM Gateway needs Node 20.19 or newer, this is 20.18.3: install one from https://nodejs.org\n'],
    ['18.20.8', 1, expect.stringContaining('this is 18.20.8')],
    ['20.19.0', 0, ''],
    ['24.1.0', 0, ''],
  ])('judges Node %s', async (version, code, err) => {
    const module = new URL('../setup/node-version.mjs', import.meta.url).href;
    const judged = await node('--input-type=module', '-e', `(await import('${module}')).checkNodeVersion('${version}')`);
    expect(judged).toEqual({ code, out: '', err });
  });
});
