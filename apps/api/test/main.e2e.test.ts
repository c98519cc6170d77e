import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { resolve } from 'node:path';
import { createTestDatabase, startProcess, startRedis, type ChildHandle } from '@llm-gateway/local-services';
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
    const { code, stdout, stderr } = await runToEnd({ PORT: 'http', ADMIN_KEYS: 'admin', LOG_LEVEL: '' });
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr.trim().split('\n').toSorted()).toEqual([
      'DATABASE_URL: is required and not set',
      'ENCRYPTION_KEYS: is required and not set',
      'PORT: must be a whole number from 0 to 65535',
      'SERVICE_KEYS: is required and not set',
    ]);
  });
});

describe('the process', () => {
  let env: Record<string, string>;
  let release: () => Promise<unknown>;
  beforeAll(async () => {
    const [database, redis] = await Promise.all([createTestDatabase(), startRedis()]);
    await migrate(database.url);
    release = () => Promise.all([database.drop(), redis.stop()]);
    env = {
      PORT: '0',
      HOST: '127.0.0.1',
      DATABASE_URL: database.url,
      REDIS_URL: redis.url,
      SERVICE_KEYS: 'service-key',
      ADMIN_KEYS: 'admin-key',
      ENCRYPTION_KEYS: `k:${Buffer.alloc(32, 1).toString('base64')}`,
    };
  });
  afterAll(() => release());

  const start = (): Promise<ChildHandle> => startProcess({ name: 'api', entry, env });

  it('says where it listens, and answers there', async () => {
    const api = await start();
    expect((await fetch(`http://127.0.0.1:${api.port}/health`)).status).toBe(200);
    expect(await api.stop()).toMatchObject({ code: 0 });
  });

  it('answers what is in flight when it is told to stop, takes nothing new, and ends with 0', async () => {
    const api = await start();
    const socket = await beginRequest(api.port ?? 0);
    api.kill('SIGTERM');
    await refusesConnections(api.port ?? 0);
    socket.write('"service":1}');
    expect(await everything(socket)).toMatch(/^HTTP\/1\.1 400 [\s\S]*"path":"service"/);
    expect(await api.exited).toMatchObject({ code: 0 });
  });

  it('ends with 0 when the parent that holds its channel is gone', async () => {
    const child = spawn(process.execPath, [entry], { env, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    // At once: it must be noticed during the start as well.
    await once(child, 'spawn');
    child.disconnect();
    // Should it fail to notice, it must not outlive the test.
    const late = setTimeout(() => child.kill('SIGKILL'), 20_000);
    expect(await once(child, 'exit')).toEqual([0, null]);
    clearTimeout(late);
  }, 30_000);

  it('ends with 1 when its port is taken', async () => {
    const api = await start();
    expect(await runToEnd({ ...env, PORT: String(api.port) })).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('EADDRINUSE'),
    });
    await api.stop();
  }, 30_000);
});

/** A request whose body is half sent. */
async function beginRequest(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  const head = [
    'POST /api/v1/generate HTTP/1.1',
    'Host: x',
    'X-Service-Key: service-key',
    'Content-Type: application/json',
    'Expect: 100-continue',
  ];
  socket.write([...head, 'Content-Length: 13', '', '{'].join('\r\n'));
  // The server has taken the request up once it says that the body may come.
  await once(socket, 'data');
  return socket;
}

async function refusesConnections(port: number): Promise<void> {
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    const refused = await Promise.race([once(socket, 'connect').then(() => false), once(socket, 'error').then(() => true)]).catch(
      () => true,
    );
    socket.destroy();
    if (refused) return;
  }
}

async function everything(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await once(socket, 'close');
  return text;
}
