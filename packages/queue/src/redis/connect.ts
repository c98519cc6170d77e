/** Redis connections. Two tempers: the API fails fast, because a caller waits; a worker waits out an outage, because the work is durable. */
import { createIORedisClient, RedisConnection, type ConnectionOptions } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Logger } from '@llm-gateway/shared';
import { PunctualRedis, type PunctualOptions } from './punctual-redis.js';
import { TurnConnector } from './turn-connector.js';

export type RedisRole = 'fail-fast' | 'patient';

/** How long an API command may take before the caller is told. A frozen Redis answers nothing, so a dead connection is not the only case. */
const SILENCE_MS = 1_000;

const ROLE_OPTIONS: Record<RedisRole, PunctualOptions> = {
  'fail-fast': { enableOfflineQueue: false, silenceMs: SILENCE_MS, maxRetriesPerRequest: 1, connectTimeout: 2_000 },
  patient: { maxRetriesPerRequest: null, connectTimeout: 5_000 },
};

/** Short waits between reconnects: every second without Redis is a second in direct mode. */
const retryStrategy = (times: number): number => Math.min(50 * times, 500);

function redisOptions(url: string, role: RedisRole): PunctualOptions {
  const { protocol, hostname, port, username, password, pathname } = new URL(url);
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port ? Number(port) : 6379,
    ...(username ? { username: decodeURIComponent(username) } : {}),
    ...(password ? { password: decodeURIComponent(password) } : {}),
    db: pathname.length > 1 ? Number(pathname.slice(1)) : 0,
    ...(protocol === 'rediss:' ? { tls: {} } : {}),
    keepAlive: 10_000,
    Connector: TurnConnector,
    retryStrategy,
    ...ROLE_OPTIONS[role],
  };
}

// BullMQ's own connections give commands up as ours do.
RedisConnection.clientFactory = (options) => createIORedisClient(new PunctualRedis(options as PunctualOptions));

/** Options rather than a client: BullMQ makes its own connections. Its types describe ioredis 5; the options are the same. */
export const bullConnection = (url: string, role: RedisRole): ConnectionOptions => redisOptions(url, role) as ConnectionOptions;

/** Connects in the background and goes on reconnecting for ever; errors are logged once per outage, never thrown into the process. */
export function connectRedis(url: string, role: RedisRole, logger: Logger, overrides: PunctualOptions = {}): Redis {
  const client = new PunctualRedis({ ...redisOptions(url, role), ...overrides });
  let reported = false;
  client.on('error', (error: Error) => {
    if (!reported) logger.warn({ err: error }, 'redis connection failed, reconnecting');
    reported = true;
  });
  client.on('ready', () => {
    if (reported) logger.info('redis connection is back');
    reported = false;
  });
  return client;
}

/** Resolves when the client can be used, or after `timeoutMs` with false: a process starts without Redis as well. */
export async function waitUntilReady(client: Redis, timeoutMs: number): Promise<boolean> {
  if (client.status === 'ready') return true;
  return new Promise((resolve) => {
    const timer = setTimeout(() => done(false), timeoutMs);
    const onReady = () => done(true);
    const done = (ready: boolean) => {
      clearTimeout(timer);
      client.off('ready', onReady);
      resolve(ready);
    };
    client.once('ready', onReady);
  });
}

/** @returns a warning where the server may evict our keys, else null. */
export async function evictionWarning(client: Redis): Promise<string | null> {
  const [, policy] = await client.config('GET', 'maxmemory-policy');
  if (policy === undefined || policy === 'noeviction') return null;
  return `redis runs with maxmemory-policy ${policy}: it must be noeviction, or jobs and usage rows are lost when memory is full`;
}
