import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';

const run = promisify(execFile);
const built = new URL('../dist/index.js', import.meta.url).href;

/** @returns milliseconds until the first call of a fresh process fails: nobody listens where it goes. */
async function firstCall(ahead: boolean): Promise<number> {
  const program = `
    const { createProvider, loadVendor, parseEgressAllow } = await import(${JSON.stringify(built)});
    if (${ahead}) await loadVendor('mistral');
    const connection = { type: 'mistral', apiKey: 'sk', baseUrl: 'http://127.0.0.1:1', egressAllow: parseEgressAllow('127.0.0.0/8') };
    const started = performance.now();
    await createProvider(connection)
      .generate({ model: 'm', messages: [{ role: 'user', content: 'x' }], timeoutMs: 10_000 }, new AbortController().signal)
      .catch((error) => { if (error.fault !== 'network') throw error; });
    console.log(performance.now() - started);`;
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', program]);
  return Number(stdout);
}

describe('a vendor that was loaded ahead', () => {
  it('takes no time off the deadline of its first call', async () => {
    const [loadedThen, loadedAhead] = [await firstCall(false), await firstCall(true)];
    expect(loadedAhead).toBeLessThan(loadedThen / 2);
  }, 60_000);
});
