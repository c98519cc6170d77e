/** The requests a minute of a service key, counted for all replicas in one place. */
import type { Redis } from 'ioredis';
import { keys } from '../keys.js';
import { COUNTED_SECONDS, type MinuteShare } from './minute.js';

/**
 * One request of the last minute's, unless all are taken. A refused one counts nothing. A count for each second and their sum, so that a request
 * costs the same however many there were. Lua, because two replicas must never both take the last; by Redis' clock, because theirs differ.
 * KEYS minute; ARGV limit, counted seconds.
 */
const TAKE = `
local time = redis.call('TIME')
local now, ms = tonumber(time[1]), math.floor(tonumber(time[2]) / 1000)
local limit, counted = tonumber(ARGV[1]), tonumber(ARGV[2])
local known = redis.call('HMGET', KEYS[1], 'used', 'oldest')
local used, oldest = tonumber(known[1] or '0'), tonumber(known[2] or now)
while used > 0 and oldest <= now do
  local of_second = redis.call('HGET', KEYS[1], oldest)
  if of_second and oldest > now - counted then break end
  if of_second then
    used = used - tonumber(of_second)
    redis.call('HDEL', KEYS[1], oldest)
  end
  oldest = oldest + 1
end
if used <= 0 then oldest = now end
local taken = used < limit and 1 or 0
if taken == 1 then
  used = used + 1
  oldest = math.min(oldest, now)
  redis.call('HINCRBY', KEYS[1], now, 1)
end
redis.call('HSET', KEYS[1], 'used', used, 'oldest', oldest)
if taken == 1 then redis.call('EXPIRE', KEYS[1], counted) end
return { taken, math.max(0, limit - used), (oldest + counted - now) * 1000 - ms }`;

/** @throws Error when Redis cannot be asked. */
export async function takeFromMinute(redis: Redis, keyId: string, limit: number): Promise<MinuteShare> {
  const answer = (await redis.eval(TAKE, 1, keys.keyMinute(keyId), limit, COUNTED_SECONDS)) as [number, number, number];
  const [taken, remaining, resetsInMs] = answer;
  return { taken: taken === 1, remaining, resetsInMs };
}

/** @returns how many API replicas listen for replies now, this one included. */
export async function countApiReplicas(redis: Redis): Promise<number> {
  const channels = (await redis.pubsub('CHANNELS', keys.replies('*'))) as string[];
  return Math.max(1, channels.length);
}
