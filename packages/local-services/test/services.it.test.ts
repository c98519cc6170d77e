import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { access, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { createTestDatabase, startPostgres, startProcess, startRedis } from '../src/index.js';
import { identify } from '../src/process/process-identity.js';
import { redisCommand } from './redis-command.js';

jest.setTimeout(30_000);
let directory: string;
beforeAll(async () => void (directory = await mkdtemp(join(tmpdir(), 'llm-gateway-services-'))));
afterAll(() => rm(directory, { recursive: true, force: true }));
const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

async function started<T extends { stop(): Promise<unknown> }>(starting: Promise<T>): Promise<T> {
  const service = await starting;
  cleanUps.push(() => service.stop());
  return service;
}

const postgresIn = (name: string) => started(startPostgres({ dataDir: join(directory, name) }));
const redisIn = (name: string) => started(startRedis({ dataDir: join(directory, name), persistent: true }));
const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** A process that runs both services below `name`, to be killed. */
async function someoneElse(name: string) {
  const entry = fileURLToPath(new URL('scripts/own-services.mjs', import.meta.url));
  const owner = await startProcess({ name: 'owner', entry, args: [join(directory, name)], env: {} });
  cleanUps.push(async () => {
    owner.kill('SIGKILL');
    await owner.exited;
  });
  const { postgres, redis } = JSON.parse(owner.lines.at(-1) ?? '') as {
    postgres: { pid: number; url: string };
    redis: { pid: number };
  };
  return { owner, postgres, redis };
}

/** A zombie counts as gone: who reaps it is not our affair. */
async function gone(pid: number): Promise<boolean> {
  for (const giveUp = Date.now() + 15_000; Date.now() < giveUp; await sleep(20)) {
    if ((await identify(pid)) === null) return true;
  }
  return false;
}

describe('PostgreSQL', () => {
  it('keeps its data and its password over a restart', async () => {
    const first = await postgresIn('kept');
    await query(first.url, 'CREATE TABLE kept AS SELECT 42 AS answer');
    await first.stop();
    const second = await postgresIn('kept');
    expect(await query(second.url, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
    expect(new URL(second.url).password).toBe(new URL(first.url).password);
  });

  it('lets nobody in without the password, and listens on loopback only', async () => {
    const { url } = await postgresIn('kept');
    const wrong = new URL(url);
    wrong.password = 'guessed';
    await expect(query(wrong.href, 'SELECT 1')).rejects.toThrow(/password authentication failed/);
    expect(await query(url, 'SHOW listen_addresses')).toEqual([{ listen_addresses: '127.0.0.1' }]);
  });

  it('starts after a crash although its pid file names a process that lives', async () => {
    const crashed = await postgresIn('crashed');
    await query(crashed.url, 'CREATE TABLE kept AS SELECT 42 AS answer');
    process.kill(crashed.pid, 'SIGKILL');
    await crashed.exited;
    await writeFile(join(directory, 'crashed/cluster/postmaster.pid'), `${process.ppid}\n`);
    await crashed.stop();
    const next = await postgresIn('crashed');
    expect(await query(next.url, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
  });

  it('leaves nothing behind when nobody wants the data', async () => {
    const dataDir = join(directory, 'passing');
    const postgres = await startPostgres({ dataDir, persistent: false });
    await postgres.stop();
    expect(await exists(dataDir)).toBe(false);
  });

  it('says why it does not start', async () => {
    const { port } = await postgresIn('kept');
    await expect(startPostgres({ dataDir: join(directory, 'clash'), port })).rejects.toThrow(
      /did not start:\n[^]*could not bind/,
    );
  });
});

describe('Redis', () => {
  it('keeps its data over a restart, and never evicts', async () => {
    const first = await redisIn('redis-kept');
    await redisCommand(first.port, 'SET', 'answer', '42');
    await first.stop();
    const second = await redisIn('redis-kept');
    expect(await redisCommand(second.port, 'GET', 'answer')).toContain('42');
    expect(await redisCommand(second.port, 'CONFIG', 'GET', 'maxmemory-policy')).toContain('noeviction');
    expect(await redisCommand(second.port, 'CONFIG', 'GET', 'bind')).toContain('127.0.0.1');
  });

  it.each([true, false])('leaves nothing behind in a directory that nobody named (persistent: %s)', async (persistent) => {
    const { stop, port } = await startRedis({ persistent });
    const [, dataDir = ''] = (await redisCommand(port, 'CONFIG', 'GET', 'dir')).match(/\r\n(\/\S+)/) ?? [];
    expect(await exists(dataDir)).toBe(true);
    await stop();
    expect(await exists(dataDir)).toBe(false);
  });

  it('starts many at once, each on its own port', async () => {
    const servers = await Promise.all(Array.from({ length: 6 }, () => started(startRedis())));
    expect(new Set(servers.map(({ port }) => port)).size).toBe(6);
  });
});

describe('a directory with both', () => {
  it('is refused while the process that runs them lives', async () => {
    const { owner } = await someoneElse('shared');
    await expect(startPostgres({ dataDir: join(directory, 'shared/postgres') })).rejects.toThrow(
      `is in use by process ${owner.pid}`,
    );
    await expect(startRedis({ dataDir: join(directory, 'shared/redis') })).rejects.toThrow(`is in use by process ${owner.pid}`);
  });

  it('is free again after a kill -9 of the process that ran them, and nothing is left running', async () => {
    const { owner, postgres, redis } = await someoneElse('left');
    await query(postgres.url, 'CREATE TABLE kept AS SELECT 42 AS answer');
    owner.kill('SIGKILL');
    await owner.exited;
    const [nextPostgres] = await Promise.all([postgresIn('left/postgres'), redisIn('left/redis')]);
    expect(await query(nextPostgres.url, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
    expect(await gone(postgres.pid)).toBe(true);
    expect(await gone(redis.pid)).toBe(true);
  });

  it('ends with the process that ran them, even by kill -9', async () => {
    const { owner, postgres, redis } = await someoneElse('alone');
    owner.kill('SIGKILL');
    expect(await Promise.all([gone(postgres.pid), gone(redis.pid)])).toEqual([true, true]);
  });
});

describe('a test database', () => {
  it('is a real, empty database of its own', async () => {
    const [one, two] = await Promise.all([createTestDatabase(), createTestDatabase()]);
    expect(one.url).not.toBe(two.url);
    expect(one.url).toMatch(/\?schema=llm_gateway_test$/);
    const tables = "SELECT count(*)::int AS tables FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')";
    expect(await query(one.url, tables)).toEqual([{ tables: 0 }]);
    await Promise.all([one.drop(), two.drop()]);
    await expect(query(one.url, 'SELECT 1')).rejects.toThrow(/does not exist/);
  });
});
