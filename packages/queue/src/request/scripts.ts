/**
 * The transitions of a request, each one atomic. Lua, because a result, its usage event and the notice to its waiters must
 * happen together or not at all, and because two workers that hold the same job must not both believe they are first.
 *
 * A request's hash has the fields `head` (JSON), `hop` (0 where it is not there), `cancelled`, `a1`, `a2`, … (attempts, JSON), `w:<api id>` (how many callers wait
 * on that replica), `here` (the replica that carries it out itself), `follows` (the request whose call it shares).
 */

/** Registers a new request, unless it has ended already. KEYS request, unfinished, result; ARGV id, head, api id or '', give-up time, ttl s, request it follows or ''. */
export const ADMIT = `
if redis.call('EXISTS', KEYS[3]) == 1 then return 0 end
if redis.call('HSETNX', KEYS[1], 'head', ARGV[2]) == 1 then
  if ARGV[6] ~= '' then redis.call('HSET', KEYS[1], 'follows', ARGV[6]) end
elseif ARGV[6] == '' and redis.call('HDEL', KEYS[1], 'follows') == 1 then
  redis.call('HSET', KEYS[1], 'head', ARGV[2])
end
if ARGV[3] ~= '' then redis.call('HINCRBY', KEYS[1], 'w:' .. ARGV[3], 1) end
redis.call('EXPIRE', KEYS[1], ARGV[5])
redis.call('ZADD', KEYS[2], ARGV[4], ARGV[1])
return 1`;

/** One more caller waits for a request, which is known once it is registered: waiting for it does not make it so. KEYS request, result; ARGV api id. @returns the outcome if there is one, else 1 (known) or 0. */
export const JOIN = `
local result = redis.call('GET', KEYS[2])
if result then return result end
local known = redis.call('HEXISTS', KEYS[1], 'head')
redis.call('HINCRBY', KEYS[1], 'w:' .. ARGV[1], 1)
if redis.call('TTL', KEYS[1]) < 0 then redis.call('EXPIRE', KEYS[1], 60) end
return known`;

/** A caller hung up. KEYS request; ARGV api id. @returns how many still wait, or -1 when the request is not known. */
export const LEAVE = `
if redis.call('HEXISTS', KEYS[1], 'head') == 0 then return -1 end
redis.call('HINCRBY', KEYS[1], 'w:' .. ARGV[1], -1)
local waiting = 0
local fields = redis.call('HGETALL', KEYS[1])
for i = 1, #fields, 2 do
  if string.sub(fields[i], 1, 2) == 'w:' then waiting = waiting + tonumber(fields[i + 1]) end
end
return waiting`;

/** A replica carries a request out in the workers' place, unless another does. KEYS request, result; ARGV api id, a dead holder or ''. @returns 1 or 0. */
export const TAKE_HERE = `
if redis.call('EXISTS', KEYS[2]) == 1 or redis.call('HEXISTS', KEYS[1], 'head') == 0 then return 0 end
local holder = redis.call('HGET', KEYS[1], 'here')
if holder and holder ~= ARGV[1] and holder ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], 'here', ARGV[1])
return 1`;

/** From now on no attempt is opened. KEYS request; ARGV ttl s for a request that was never registered. */
export const CANCEL = `
redis.call('HSET', KEYS[1], 'cancelled', '1')
if redis.call('TTL', KEYS[1]) < 0 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end
return 1`;

/**
 * Opens an attempt, before its call is made. It is written as what it is if nobody ever comes back to it: abandoned.
 * KEYS request, result; ARGV hop, number, attempt JSON, ttl s for state that its API process did not live to register.
 * @returns {'opened' | 'done' | 'cancelled' | 'superseded' | 'behind', ...attempts JSON so far}. 'superseded': the request has moved to a
 * later lane. 'behind': that attempt number is taken, by an earlier run or lane; look at the attempts and try again.
 */
export const OPEN = `
local function answer(kind)
  local reply = { kind }
  local n = 1
  while true do
    local attempt = redis.call('HGET', KEYS[1], 'a' .. n)
    if not attempt then return reply end
    reply[#reply + 1] = attempt
    n = n + 1
  end
end
if redis.call('EXISTS', KEYS[2]) == 1 then return { 'done' } end
local state = redis.call('HMGET', KEYS[1], 'cancelled', 'hop')
if state[1] then return { 'cancelled' } end
if tonumber(state[2] or '0') > tonumber(ARGV[1]) then return answer('superseded') end
if redis.call('HSETNX', KEYS[1], 'a' .. ARGV[2], ARGV[3]) == 0 then return answer('behind') end
if redis.call('TTL', KEYS[1]) < 0 then redis.call('EXPIRE', KEYS[1], ARGV[4]) end
return { 'opened' }`;

/**
 * Takes back an attempt whose call is not made after all. KEYS request; ARGV number, attempt id, number of the next. One behind which another
 * run has opened its own stays, as abandoned: in a row of attempts with a gap those behind it would be found by nobody. @returns 1 or 0.
 */
export const WITHDRAW = `
local attempt = redis.call('HGET', KEYS[1], 'a' .. ARGV[1])
if not attempt or not string.find(attempt, ARGV[2], 1, true) then return 0 end
if redis.call('HEXISTS', KEYS[1], 'a' .. ARGV[3]) == 1 then return 0 end
return redis.call('HDEL', KEYS[1], 'a' .. ARGV[1])`;

/**
 * Closes an attempt that was not the last. KEYS request, result, usage stream; ARGV number, attempt JSON or '', hop from now on,
 * usage event of just this attempt or ''. Where the request has ended meanwhile, by another run, the event is the attempt's only row.
 */
export const CLOSE = `
if redis.call('EXISTS', KEYS[2]) == 1 then
  if ARGV[4] ~= '' then redis.call('XADD', KEYS[3], '*', 'e', ARGV[4]) end
  return 0
end
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
if ARGV[2] ~= '' then redis.call('HSET', KEYS[1], 'a' .. ARGV[1], ARGV[2]) end
if tonumber(ARGV[3]) > tonumber(redis.call('HGET', KEYS[1], 'hop') or '0') then redis.call('HSET', KEYS[1], 'hop', ARGV[3]) end
return 1`;

/**
 * Ends a request, once: result, usage event and notices in one step. KEYS request, result, usage stream, unfinished;
 * ARGV id, outcome JSON, usage event JSON, late usage event JSON or '', result ttl s, notice JSON or '', reply channel prefix, reply to or ''.
 * The usual notice is the outcome, which is as long as the answer: it is made here, so that it is sent here once.
 * The event says `gone` where every caller had hung up by then.
 * @returns 1, or 0 when the request had ended before: then only the late event is written.
 */
export const FINISH = `
if not redis.call('SET', KEYS[2], ARGV[2], 'NX', 'EX', ARGV[5]) then
  if ARGV[4] ~= '' then redis.call('XADD', KEYS[3], '*', 'e', ARGV[4]) end
  return 0
end
redis.call('ZREM', KEYS[4], ARGV[1])
local notice = ARGV[6]
if notice == '' then notice = '{"id":"' .. ARGV[1] .. '","done":' .. ARGV[2] .. '}' end
local told = {}
if ARGV[8] ~= '' then
  told[ARGV[8]] = true
  redis.call('PUBLISH', ARGV[7] .. ARGV[8], notice)
end
local everybodyLeft = false
local waiting = 0
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  if string.sub(field, 1, 2) == 'w:' then
    everybodyLeft = true
    waiting = waiting + tonumber(redis.call('HGET', KEYS[1], field))
    local api = string.sub(field, 3)
    if not told[api] then redis.call('PUBLISH', ARGV[7] .. api, notice) end
  end
end
everybodyLeft = everybodyLeft and waiting <= 0
redis.call('XADD', KEYS[3], '*', 'e', ARGV[3], 'gone', everybodyLeft and '1' or '0')
redis.call('EXPIRE', KEYS[1], ARGV[5])
return 1`;

/** Frees a key if it still holds our value. KEYS key; ARGV value. */
export const RELEASE = `
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`;
