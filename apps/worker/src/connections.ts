import { connectRedis, type Redis } from '@llm-gateway/queue';
import type { Logger } from '@llm-gateway/shared';
import type { Env } from './env.js';

export interface Connections {
  redis: Redis;
  subscriber: Redis;
  /** Apart, for the limiter's scripts. */
  limiter: Redis;
  /** Apart, for reads that block. */
  stream: Redis;
  cache: Redis;
  /** The cache uses `redis`, which keeps its commands in order. */
  cacheInOrder: boolean;
  disconnect(): void;
}

/** A worker's connections to Redis. Each connects when it can, and again when it is lost. */
export function openConnections(env: Pick<Env, 'REDIS_URL' | 'CACHE_REDIS_URL'>, logger: Logger): Connections {
  const { REDIS_URL: url, CACHE_REDIS_URL: cacheUrl = url } = env;
  const [redis, subscriber, limiter, stream] = [patient(), patient(), patient(), patient()];
  const cacheInOrder = cacheUrl === url;
  // A cache of its own must not hold up answers when it is down.
  const cache = cacheInOrder ? redis : connectRedis(cacheUrl, 'fail-fast', logger);
  const disconnect = (): void => {
    for (const client of new Set([redis, subscriber, limiter, stream, cache])) client.disconnect();
  };
  return { redis, subscriber, limiter, stream, cache, cacheInOrder, disconnect };

  function patient(): Redis {
    return connectRedis(url, 'patient', logger);
  }
}
