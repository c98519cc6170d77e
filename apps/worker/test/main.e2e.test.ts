import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createTestDatabase, startProcess, startRedis } from '@llm-gateway/local-services';
import { migrate } from '@llm-gateway/db';

/** Processes start, on a machine that runs other tests as well. */
jest.setTimeout(60_000);

const entry = resolve(import.meta.dirname, '../dist/main.js');

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

async function runToEnd(env: Record<string, string>): Promise<Ended> {
  const child = spawn(process.execPath, [entry], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended: Ended = { code: null, stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (ended.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (ended.stderr += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { ...ended, code };
}

describe('a start with a faulty environment', () => {
  it('ends with 1 and one line for each problem', async () => {
    const { code, stdout, stderr } = await runToEnd({ WORKER_CONCURRENCY: '0', REDIS_URL: 'localhost', EGRESS_ALLOW: '' });
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr.trim().split('\n').toSorted()).toEqual([
      'DATABASE_URL: is required and not set',
      'ENCRYPTION_KEYS: is required and not set',
      'REDIS_URL: must be a redis:// or rediss:// URL',
      'WORKER_CONCURRENCY: must be a whole number from 1 to 10000',
    ]);
  });
});

describe('the process', () => {
  let env: Record<string, string> & { HEALTH_FILE: string };
  let release: () => Promise<unknown>;
  beforeAll(async () => {
    const [database, redis, dir] = await Promise.all([
      createTestDatabase(),
      startRedis(),
      mkdtemp(join(tmpdir(), 'worker-test-')),
    ]);
    await migrate(database.url);
    release = () => Promise.all([database.drop(), redis.stop(), rm(dir, { recursive: true })]);
    env = {
      DATABASE_URL: database.url,
      REDIS_URL: redis.url,
      ENCRYPTION_KEYS: `k:${Buffer.alloc(32, 1).toString('base64')}`,
      HEALTH_FILE: join(dir, 'alive'),
    };
  });
  afterAll(() => release());

  it.each(['SIGTERM', 'SIGINT'] as const)('ends with 0 on %s', async (signal) => {
    const worker = await startProcess({ name: 'worker', entry, env });
    worker.kill(signal);
    expect(await worker.exited).toMatchObject({ code: 0 });
    expect(worker.lines.at(-1)).toContain('"msg":"stopped"');
  });

  it('says that it is alive for as long as it lives', async () => {
    const worker = await startProcess({ name: 'worker', entry, env });
    const seen = await untilWritten(env.HEALTH_FILE, 0);
    expect(await untilWritten(env.HEALTH_FILE, seen)).toBeGreaterThan(seen);
    expect(await worker.stop()).toMatchObject({ code: 0 });
  });

  it('ends with 0 when the parent that holds its channel is gone', async () => {
    const child = spawn(process.execPath, [entry], { env, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    // At once: it must be noticed during the start as well.
    await once(child, 'spawn');
    child.disconnect();
    expect(await endOf(child)).toEqual([0, null]);
  }, 30_000);

  it.each(['the end of its parent', 'SIGTERM'])('does not miss %s while it waits for its services', async (how) => {
    const { url, accepted, close } = await silentServer();
    const waiting = {
      ...env,
      REDIS_URL: `redis://${url}/0`,
      DATABASE_URL: `postgresql://u:p@${url}/d`,
      SHUTDOWN_TIMEOUT_MS: '500',
    };
    const child = spawn(process.execPath, [entry], { env: waiting, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    await accepted;
    if (how === 'SIGTERM') child.kill('SIGTERM');
    else child.disconnect();
    expect(await endOf(child)).toEqual([0, null]);
    await close();
  });

  it('logs in one line what nobody caught, and ends with 1', async () => {
    // Thrown as soon as the process says that it wants to know.
    const thrower =
      'process.on("newListener", (name) => { if (name === "uncaughtException") setImmediate(() => { throw new Error("nobody expected this") }) })';
    const nodeArgs = ['--import', `data:text/javascript,${encodeURIComponent(thrower)}`];
    const child = spawn(process.execPath, [...nodeArgs, entry], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    let stdout = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    expect(await endOf(child, 'close')).toEqual([1, null]);
    expect(stdout).toMatch(/"level":"fatal".*nobody expected this.*\n$/);
  });
});

/** Its exit; after a disconnect() there is no `close`. Should it fail to end, it must not outlive the test. */
async function endOf(child: ReturnType<typeof spawn>, event: 'exit' | 'close' = 'exit'): Promise<unknown[]> {
  const late = setTimeout(() => child.kill('SIGKILL'), 20_000);
  const exit: unknown[] = await once(child, event);
  clearTimeout(late);
  return exit;
}

/** Resolves with the time of the file's writing once that is later than `after`. */
async function untilWritten(file: string, after: number): Promise<number> {
  for (;;) {
    const written = await stat(file).then(
      ({ mtimeMs }) => mtimeMs,
      () => 0,
    );
    if (written > after) return written;
    await new Promise((next) => setTimeout(next, 50));
  }
}

/** Takes connections and never says a word, as a host that hangs. */
async function silentServer(): Promise<{ url: string; accepted: Promise<unknown>; close: () => Promise<unknown> }> {
  const server: Server = createServer((socket) => socket.on('error', () => socket.destroy()).resume());
  const accepted = once(server, 'connection');
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = (): Promise<unknown> => once(server.close(), 'close');
  return { url: `127.0.0.1:${(server.address() as AddressInfo).port}`, accepted, close };
}
