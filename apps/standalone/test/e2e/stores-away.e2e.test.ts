import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startPostgres, startRedis, type Postgres, type Redis } from '@llm-gateway/local-services';
import { Redis as RedisClient } from 'ioredis';
import { Cluster, until, type Reply } from './cluster.js';

let directory: string;
let postgres: Postgres;
let redis: Redis;
let gateway: Cluster;

const servePostgres = async (port?: number) => {
  postgres = await startPostgres({ dataDir: join(directory, 'postgres'), port });
};
const serveRedis = async (port?: number) => {
  redis = await startRedis({ dataDir: join(directory, 'redis'), port, persistent: true });
};

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'llm-gateway-away-'));
  await Promise.all([servePostgres(), serveRedis()]);
  const databaseUrl = `${postgres.url}?schema=llm_gateway_test`;
  gateway = await Cluster.start({ databaseUrl, redis, env: { USAGE_SPOOL_DIR: join(directory, 'spool') } });
  await gateway.provider({ name: 'main', type: 'openai' });
  await gateway.lanesServed(['main']);
}, 60_000);
afterEach(async () => {
  await gateway.stop();
  await Promise.all([postgres.stop(), redis.stop()]);
  await rm(directory, { recursive: true, force: true });
}, 60_000);

const isDirect = (reply: Reply): boolean => reply.headers.get('x-gateway-mode') === 'direct';
const ask = (i: number | string) => gateway.generate({ prompt: `question ${i}`, cache: { mode: 'off' } }, { api: api() });
/** The replica started last. */
const api = (): number => gateway.apis.length - 1;
const answered = (direct: boolean) =>
  until(async () => {
    const reply = await ask(Math.random());
    return reply.status === 200 && isDirect(reply) === direct;
  }, 5_000);
const ready = async () =>
  (await gateway.admin('GET', '/health/ready', undefined, api())) as {
    status: number;
    body: { status: string; checks: { redis: string; postgres: string } };
  };
async function spooledRows(): Promise<number> {
  const names = await readdir(join(directory, 'spool'), { recursive: true });
  const files = names.filter((name) => name.endsWith('.jsonl')).map((name) => readFile(join(directory, 'spool', name), 'utf8'));
  return (await Promise.all(files)).join('').match(/^\{"event":/gm)?.length ?? 0;
}
/** Every call that the vendor saw has its row, and only those; asked of the database itself. */
async function rowsAreCalls(): Promise<void> {
  const calls = gateway.upstream.counts.total;
  expect(await gateway.settledRows('llm_usage_attempts', calls, 20_000)).toBe(calls);
  expect(await gateway.settledRows('llm_usage_logs', calls)).toBe(calls);
}

describe('Redis and PostgreSQL both gone', () => {
  it('requests are served and their rows are on the disk, where the next process finds them after a kill -9', async () => {
    const [redisPort, postgresPort] = [redis.port, postgres.port];
    await Promise.all([redis.stop('SIGKILL'), postgres.stop()]);
    await answered(true);
    const replies = await Promise.all(Array.from({ length: 20 }, (_, i) => ask(i)));
    expect(replies.filter((reply) => reply.status !== 200 || !isDirect(reply)).map((reply) => reply.body)).toEqual([]);
    expect(await ready()).toMatchObject({
      status: 200,
      body: { status: 'degraded', checks: { redis: 'down', postgres: 'down' } },
    });
    // They are by now, unless the disk is slower than an answer waits for it.
    await until(async () => (await spooledRows()) >= gateway.upstream.counts.total, 10_000);
    gateway.apis[0]?.kill('SIGKILL');
    await gateway.addApi();
    // It has never seen the configuration; where that stands, nobody answers.
    expect([(await ask('who?')).status, (await ready()).status]).toEqual([503, 503]);
    await servePostgres(postgresPort);
    await answered(true);
    await rowsAreCalls();
    await serveRedis(redisPort);
    await answered(false);
    await rowsAreCalls();
  }, 90_000);
});

describe('a start', () => {
  it('without Redis and PostgreSQL says so, serves from the mirror once Redis is there, and takes changes once PostgreSQL is', async () => {
    const [redisPort, postgresPort] = [redis.port, postgres.port];
    await Promise.all([...gateway.apis, ...gateway.workers].map((child) => child.stop()));
    await Promise.all([redis.stop(), postgres.stop()]);
    const worker = gateway.addWorker();
    // Waited for below; a test that fails before that is to say why itself.
    void worker.catch(() => undefined);
    await gateway.addApi();
    expect((await gateway.admin('GET', '/health', undefined, api())).status).toBe(200);
    expect(await ready()).toMatchObject({ status: 503, body: { status: 'down' } });
    const refused = await ask('too early');
    expect([refused.status, refused.body.error?.code]).toEqual([503, 'unavailable']);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(refused.ms).toBeLessThan(2_000);

    await serveRedis(redisPort);
    await worker;
    await answered(false);
    expect(await ready()).toMatchObject({ status: 200, body: { status: 'degraded', checks: { redis: 'ok', postgres: 'down' } } });

    await servePostgres(postgresPort);
    await until(async () => (await ready()).body.status === 'ok', 5_000);
    await rowsAreCalls();
    const [row] = await gateway.rows<{ id: string }>('SELECT id FROM llm_provider_configs');
    const change = () => gateway.admin('PATCH', `/api/v1/providers/${row?.id}`, { default_model: 'gpt-4o' }, api());
    expect((await change()).status).toBe(200);
    await until(async () => (await ask(Math.random())).body.model === 'gpt-4o', 2_000);
  }, 90_000);
});

describe('a Redis that only reads', () => {
  it('still serves hits; what needs a write is carried out directly, and through the queue 2 s after it writes again', async () => {
    const kept = () => gateway.generate({ prompt: 'kept' });
    const first = await kept();
    const client = new RedisClient(redis.url);
    try {
      // The replica of a primary that is not there.
      await client.replicaof('127.0.0.1', 1);
      // The gateway knows it: what follows is no request's own discovery.
      await until(async () => (await ready()).body.checks.redis === 'down', 2_000);
      const hit = await kept();
      expect([hit.status, hit.headers.get('x-cache'), hit.body.content]).toEqual([200, 'HIT', first.body.content]);
      const replies = await Promise.all(Array.from({ length: 20 }, (_, i) => ask(i)));
      expect(replies.filter((reply) => reply.status !== 200 || !isDirect(reply)).map((reply) => reply.body)).toEqual([]);
      await client.replicaof('NO', 'ONE');
      await answered(false);
    } finally {
      client.disconnect();
    }
    const calls = gateway.upstream.counts.total;
    expect(await gateway.settledRows('llm_usage_attempts', calls)).toBe(calls);
  }, 60_000);
});
