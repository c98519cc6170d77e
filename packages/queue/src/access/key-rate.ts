/** The requests a minute of a service key, counted for all replicas in one place. */
import type { Redis } from 'ioredis';
import { keys } from '../keys.js';

const MINUTE_MS = 60_000;

export interface MinuteShare {
  taken: boolean;
  /** What is left of this minute. */
  remaining: number;
  resetsInMs: number;
}

/**
 * One of a minute's requests, unless all are taken; the minute begins with its first request. A refused one counts nothing. Lua, because two
 * replicas must never both take the last. KEYS minute; ARGV limit, ms.
 */
const TAKE = `
local used = tonumber(redis.call('GET', KEYS[1]) or '0')
local left = redis.call('PTTL', KEYS[1])
if used > 0 and left < 0 then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  left = tonumber(ARGV[2])
end
local limit = tonumber(ARGV[1])
if used >= limit then return { 0, 0, left } end
if used == 0 then
  redis.call('SET', KEYS[1], '1', 'PX', ARGV[2])
  return { 1, limit - 1, tonumber(ARGV[2]) }
end
redis.call('INCR', KEYS[1])
return { 1, limit - used - 1, left }`;

/** @throws Error when Redis cannot be asked. */
export async function takeFromMinute(redis: Redis, keyId: string, limit: number): Promise<MinuteShare> {
  const answer = (await redis.eval(TAKE, 1, keys.keyMinute(keyId), limit, MINUTE_MS)) as [number, number, number];
  const [taken, remaining, resetsInMs] = answer;
  return { taken: taken === 1, remaining, resetsInMs };
}

/** @returns how many API replicas listen for replies now, this one included. */
export async function countApiReplicas(redis: Redis): Promise<number> {
  const channels = (await redis.pubsub('CHANNELS', keys.replies('*'))) as string[];
  return Math.max(1, channels.length);
}
