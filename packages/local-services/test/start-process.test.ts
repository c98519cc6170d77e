import { afterEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startProcess, type ChildHandle } from '../src/index.js';

const listen = fileURLToPath(new URL('scripts/listen.mjs', import.meta.url));
const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp();
});

async function script(source: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'llm-gateway-process-'));
  cleanUps.push(() => rm(directory, { recursive: true }));
  const entry = join(directory, 'script.mjs');
  await writeFile(entry, source);
  return entry;
}

async function start(env: Record<string, string> = {}, stopWithinMs = 10_000): Promise<ChildHandle> {
  const handle = await startProcess({ name: 'listener', entry: listen, env, stopWithinMs });
  cleanUps.push(() => handle.stop());
  return handle;
}

describe('a process of ours', () => {
  it('is there once it says so, at the port it says', async () => {
    const { port, lines } = await start();
    expect(await (await fetch(`http://127.0.0.1:${port}`)).text()).toBe('here');
    expect(lines).toContain('warming up');
  });

  it('ends in peace on stop, with its last words kept', async () => {
    const handle = await start();
    expect(await handle.stop()).toEqual({ code: 0, signal: null });
    expect(handle.lines.at(-1)).toBe('bye');
  });

  it('is killed when it does not end in time', async () => {
    const handle = await start({ DEAF: '1' }, 50);
    expect(await handle.stop()).toEqual({ code: null, signal: 'SIGKILL' });
  });

  it('inherits nothing of our environment', async () => {
    const entry = await script(
      'console.log(JSON.stringify({ msg: "ready", names: Object.keys(process.env).filter((name) => name !== "ONLY") }))',
    );
    const handle = await startProcess({ name: 'bare', entry, env: { ONLY: '1' } });
    await handle.exited;
    expect(JSON.parse(handle.lines[0] ?? '')).toEqual({ msg: 'ready', names: [] });
  });

  it('that ends too early is an error with its last words', async () => {
    const entry = await script('console.error("PORT: is required and not set"); process.exit(3)');
    const starting = startProcess({ name: 'api', entry, env: {} });
    await expect(starting).rejects.toThrow('api ended before it was ready (exit code 3):\nPORT: is required and not set');
  });

  it('that stays silent is killed and is an error', async () => {
    const entry = await script('console.log("thinking"); setInterval(() => {}, 1000)');
    const starting = startProcess({ name: 'worker', entry, env: {}, readyWithinMs: 500 });
    await expect(starting).rejects.toThrow(/^worker was not ready within 500 ms:\n(thinking)?$/);
  });
});
