/**
 * The counters of one budget in one window, each change atomic. Lua, because a check and the increment that follows it must be one step:
 * budgets that are checked and then incremented are passed under load.
 *
 * What has been spent is known in two parts. Requests that arrived before a boundary in time are one sum, read from the database (`base`);
 * those after it are remembered one by one (`settled`), so that a cost may be told twice, late, or anew, and counts once. Folding moves the boundary.
 *
 * KEYS of all: 1 state, 2 reserved (id → nano-USD), 3 until (id by the time its reservation ends), 4 settled (id → kind and nano-USD), 5 when
 * (id by its request's arrival). The state's fields: `base`, `before` (the boundary, epoch ms), `settled` and `reserved` (sums of the hashes), `folds`
 * (how often), `folded` (when last), `refused` (the limit has refused somebody), `expires` (of all keys, epoch ms).
 * Money is nano-USD below 2^53, which Lua's numbers hold exactly.
 */
const COMMON = `
local function whole(n) return string.format('%.0f', n) end
local function field(name) return tonumber(redis.call('HGET', KEYS[1], name) or '0') end
local function add(name, n) redis.call('HINCRBY', KEYS[1], name, whole(n)) end
local function now()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end
local function free(id)
  local amount = redis.call('HGET', KEYS[2], id)
  if not amount then return end
  add('reserved', 0 - tonumber(amount))
  redis.call('HDEL', KEYS[2], id)
  redis.call('ZREM', KEYS[3], id)
end
local function freeEnded()
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now(), 'LIMIT', 0, 1000)) do free(id) end
end
local function expire(first, last)
  for i = first, last do redis.call('PEXPIREAT', KEYS[i], whole(field('expires'))) end
end
local function nanoOf(entry) return tonumber(string.sub(entry, 2)) end
`;

/** Begins a window, unless somebody has. ARGV base, boundary, expires. Entries that outlived a lost state are counted in again. */
export const OPEN_BUDGET = `${COMMON}
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local settled, reserved = 0, 0
for _, entry in ipairs(redis.call('HVALS', KEYS[4])) do settled = settled + nanoOf(entry) end
for _, amount in ipairs(redis.call('HVALS', KEYS[2])) do reserved = reserved + tonumber(amount) end
redis.call('HSET', KEYS[1], 'base', ARGV[1], 'before', ARGV[2], 'expires', ARGV[3], 'settled', whole(settled), 'reserved', whole(reserved), 'folds', '0', 'folded', '0')
expire(1, 5)
return 1`;

/**
 * Sets money aside, if spent, reserved and this stay within the limit. Again for the same request: in place of what it had.
 * ARGV id, amount, how long (ms), limit. @returns {1 reserved | 0 refused | -1 no such window here, spent, reserved}.
 */
export const RESERVE_BUDGET = `${COMMON}
if redis.call('EXISTS', KEYS[1]) == 0 then return { -1, 0, 0 } end
freeEnded()
free(ARGV[1])
local amount, limit = tonumber(ARGV[2]), tonumber(ARGV[4])
local spent, reserved = field('base') + field('settled'), field('reserved')
if spent + reserved + amount > limit or spent >= limit then
  -- Not for want of what others have reserved and may give back, and not for one huge request on an idle budget: it is used up.
  if spent + amount > limit and spent * 5 >= limit * 4 then redis.call('HSET', KEYS[1], 'refused', '1') end
  return { 0, spent, reserved }
end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[3], whole(now() + tonumber(ARGV[3])), ARGV[1])
add('reserved', amount)
expire(2, 3)
return { 1, spent, reserved + amount }`;

/** ARGV id. */
export const RELEASE_BUDGET = `${COMMON}
free(ARGV[1])
return 1`;

/**
 * Says what requests have cost; their reservations end. ARGV kind, then id, arrival, nano-USD of each. Kind 'f' is the database's word, which a
 * worker's own reckoning, 'p', does not replace. Where the window is not known here, nothing is kept: the database tells it whole.
 */
export const SETTLE_BUDGET = `${COMMON}
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
for i = 2, #ARGV, 3 do
  local id, cost = ARGV[i], tonumber(ARGV[i + 2])
  free(id)
  local old = redis.call('HGET', KEYS[4], id)
  local final = old and ARGV[1] == 'p' and string.sub(old, 1, 1) == 'f'
  if not final and (old or cost ~= 0) then
    redis.call('HSET', KEYS[4], id, ARGV[1] .. ARGV[i + 2])
    redis.call('ZADD', KEYS[5], ARGV[i + 1], id)
    add('settled', cost - (old and nanoOf(old) or 0))
  end
end
expire(4, 5)
return 1`;

/** @returns {spent, reserved, refused, folds, folded, boundary, how many are remembered}, or {} where the window is not known here. */
export const LOOK_AT_BUDGET = `${COMMON}
if redis.call('EXISTS', KEYS[1]) == 0 then return {} end
freeEnded()
return { field('base') + field('settled'), field('reserved'), field('refused'), field('folds'), field('folded'), field('before'), redis.call('ZCARD', KEYS[5]) }`;

/**
 * Moves the boundary. ARGV folds so far, base, boundary, then id and entry of those that the base holds now. One that was settled anew
 * since it was read stays. @returns 1; 0 when somebody else has folded meanwhile, whose base may be newer.
 */
export const FOLD_BUDGET = `${COMMON}
if redis.call('EXISTS', KEYS[1]) == 0 or field('folds') ~= tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'base', ARGV[2], 'before', ARGV[3], 'folded', whole(now()))
add('folds', 1)
for i = 4, #ARGV, 2 do
  if redis.call('HGET', KEYS[4], ARGV[i]) == ARGV[i + 1] then
    redis.call('HDEL', KEYS[4], ARGV[i])
    redis.call('ZREM', KEYS[5], ARGV[i])
    add('settled', 0 - nanoOf(ARGV[i + 1]))
  end
end
return 1`;
