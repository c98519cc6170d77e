/** What is done with jobs in BullMQ's own keys, each one step. Their names are BullMQ's; `jobs.it.test.ts` fails if a new version changes them. */

/**
 * Ends a job that no worker has taken, and keeps it as failed. KEYS job, waiting, put aside, failed; ARGV job id, reason, now ms, how many
 * failed jobs are kept. @returns 1; 0 when it does not wait.
 */
export const RETIRE = `
if redis.call('ZREM', KEYS[2], ARGV[1]) + redis.call('ZREM', KEYS[3], ARGV[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], 'failedReason', ARGV[2], 'finishedOn', ARGV[3])
redis.call('ZADD', KEYS[4], ARGV[3], ARGV[1])
for _, old in ipairs(redis.call('ZRANGE', KEYS[4], 0, math.min(10, redis.call('ZCARD', KEYS[4]) - ARGV[4]) - 1)) do
  redis.call('ZREM', KEYS[4], old)
  redis.call('DEL', string.sub(KEYS[1], 1, -#ARGV[1] - 1) .. old)
end
return 1`;

/**
 * Says which request runs a job again, before it does: of two who would, one may. KEYS job; ARGV request id, '1' to take the place of an
 * earlier replay. @returns {the replay's id, '1' where it is known to be on its way}; an empty list when the job is gone.
 */
export const CLAIM_REPLAY = `
if redis.call('EXISTS', KEYS[1]) == 0 then return {} end
if ARGV[2] == '1' then
  redis.call('HSET', KEYS[1], 'replay', ARGV[1])
  redis.call('HDEL', KEYS[1], 'replayed')
else
  redis.call('HSETNX', KEYS[1], 'replay', ARGV[1])
end
return { redis.call('HGET', KEYS[1], 'replay'), redis.call('HGET', KEYS[1], 'replayed') or '' }`;

/** The replay is on its way, or ('') it was turned away and nothing came of it. KEYS job; ARGV request id, '1' or ''. */
export const SETTLE_REPLAY = `
if redis.call('HGET', KEYS[1], 'replay') ~= ARGV[1] then return 0 end
if ARGV[2] == '1' then return redis.call('HSET', KEYS[1], 'replayed', '1') end
return redis.call('HDEL', KEYS[1], 'replay', 'replayed')`;
