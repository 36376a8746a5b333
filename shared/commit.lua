-- Commits a fold: ledger, state, changes and the wake's acknowledgement, or nothing at all.
-- KEYS  ledger, state, log, changes, awake, wake, parked, generation
-- ARGV  contest, generation, version at which the fold began and its chain there, number of events, oldest change to
--       keep ('' to publish none, as a generation does that does not answer yet), consumer group, wake entry or '',
--       then for each event: known_at, postings, field of its subject in the state, subject, its change as a
--       CloudEvent; then field, value, … of what else the state has
-- Result  {'committed', version after, log's version}, or {'moved', version} if the projection is not where the fold
--         began: it stands elsewhere, came there another way, or answers no more.
-- A contest that goes on is parked no more. It goes to sleep, and its wake is acknowledged, only if nothing is left to fold.
local ledger, state, log, changes, awake, wake, parked, answers = unpack(KEYS)
local contest, generation, began, chain, events, oldest, group, delivered = unpack(ARGV, 1, 8)
local first, step = 9, 5
local PUT_AT_ONCE = 2000
began, events = tonumber(began), tonumber(events)

local function stands(stream)
  local last = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
  return last and tonumber(string.match(last[1], '^%d+')) or 0
end

local function moved()
  return stands(ledger) ~= began or (redis.call('HGET', state, 'chain') or '') ~= chain
    or oldest ~= '' and (redis.call('GET', answers) or '1') ~= generation
end

if moved() then return {'moved', stands(ledger)} end

local changed = {}
local function put(field, value)
  changed[#changed + 1] = field
  changed[#changed + 1] = value
  if #changed == PUT_AT_ONCE then redis.call('HSET', state, unpack(changed)); changed = {} end
end

for i = 0, events - 1 do
  local known_at, postings, field, subject, change = unpack(ARGV, first + i * step, first + i * step + 4)
  local version = string.format('%d', began + i + 1)
  redis.call('XADD', ledger, version .. '-0', 'known_at', known_at, 'postings', postings,
    field == 'contest' and 'contest' or 'endorsement', subject)
  put(field, subject)
  if oldest ~= '' then
    redis.call('XADD', changes, '*', 'contest', contest, 'version', version, 'event', change)
  end
end
for i = first + events * step, #ARGV, 2 do put(ARGV[i], ARGV[i + 1]) end
if #changed > 0 then redis.call('HSET', state, unpack(changed)) end
if oldest ~= '' and events > 0 then
  redis.call('XTRIM', changes, 'MINID', '~', oldest)
  redis.call('HDEL', parked, contest)
end

local version, recorded = began + events, stands(log)
if version == recorded and oldest ~= '' then
  redis.call('HDEL', awake, contest)
  if delivered ~= '' then
    redis.call('XACK', wake, group, delivered)
    redis.call('XDEL', wake, delivered)
  end
end
return {'committed', version, recorded}
