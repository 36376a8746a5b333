-- Commits a fold: ledger, state, changes and the wake's acknowledgement, or nothing at all.
-- KEYS  ledger, state, log, changes, published, awake, wake, parked, generation
-- ARGV  contest, generation, version at which the fold began, its chain and history there and how many fields the state
--       has, number of events, oldest change to keep ('' to publish none, as a generation does that does not answer
--       yet), consumer group, wake entry or '', the reset as a CloudEvent or '' while none is known to be due, then for
--       each event: known_at, postings, field of its subject in the state, subject and its digest, its change as a
--       CloudEvent, chain and history after it; then field, value, … of what else the state has
-- Result  {'committed', version after, log's version}, or {'moved', version} if the projection is not where the fold
--         began: it stands elsewhere, came there another way, answers no more, or is held; or {'other', version, log's
--         version} if the log does not have the event that was folded last; or {'reset', version and history that were
--         published last} if the fold does not go on from there, which must be told: nothing is committed yet.
-- A contest that goes on is parked no more. It goes to sleep, and its wake is acknowledged, only if nothing is left to fold.
local ledger, state, log, changes, published, awake, wake, parked, answers = unpack(KEYS)
local contest, generation, began, chain, history, fields, events, oldest, group, delivered, reset = unpack(ARGV, 1, 11)
local first, step = 12, 8
local PUT_AT_ONCE = 2000
began, events = tonumber(began), tonumber(events)

local function stands(stream)
  local last = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
  return last and tonumber(string.match(last[1], '^%d+')) or 0
end

-- What a check found damaged is not gone on with.
local function held()
  local noted = redis.call('HGET', parked, contest)
  return noted and string.find(noted, '"held":true', 1, true)
end

local function moved()
  return stands(ledger) ~= began or (redis.call('HGET', state, 'chain') or '') ~= chain
    or redis.call('HLEN', state) ~= tonumber(fields)
    or oldest ~= '' and (redis.call('GET', answers) or '1') ~= generation
    or oldest ~= '' and held()
end

-- The state notes `<version> <history> <digest of the log's entry>`; an earlier release's scorer leaves it behind.
local function other()
  local version, digest = string.match(redis.call('HGET', state, 'history') or '', '^(%d+) %x+ (%x*)$')
  if began == 0 or tonumber(version) ~= began then return false end
  local entry = redis.call('XRANGE', log, version, version)[1]
  if entry then return redis.sha1hex(table.concat(entry[2], '\n')) ~= digest end
  local oldest = redis.call('XRANGE', log, '-', '+', 'COUNT', 1)[1]
  return not oldest or tonumber(string.match(oldest[1], '^%d+')) < began -- what is before the oldest is archived
end

-- What was published last of the contest: `<version> <history>`.
local function published_last()
  return string.match(redis.call('HGET', published, contest) or '', '^(%d+) (%x*)$')
end

-- Whether the fold goes on from what was published last, as far as is known.
local function goes_on(version, known)
  version = tonumber(version)
  if not version then return true end
  if version >= began then return version == began and known == history end
  local entry = redis.call('XRANGE', ledger, version, version)[1]
  for i = 1, entry and #entry[2] or 0, 2 do
    if entry[2][i] == 'history' then return entry[2][i + 1] == known end
  end
  return true
end

if moved() then return {'moved', stands(ledger)} end
if other() then return {'other', began, stands(log)} end
if oldest ~= '' then
  local version, known = published_last()
  if not goes_on(version, known) then
    if reset == '' then return {'reset', version, known} end
    redis.call('XADD', changes, '*', 'contest', contest, 'event', reset, 'history', history)
  end
end

local changed = {}
local function put(field, value)
  changed[#changed + 1] = field
  changed[#changed + 1] = value
  if #changed == PUT_AT_ONCE then redis.call('HSET', state, unpack(changed)); changed = {} end
end

for i = 0, events - 1 do
  local at = first + i * step
  local known_at, postings, field, subject, digest, change, chain_after, history_after = unpack(ARGV, at, at + 7)
  local version = string.format('%d', began + i + 1)
  -- First what nothing above has looked at: if something else lies under its key, nothing at all is committed.
  if oldest ~= '' then
    redis.call('XADD', changes, '*', 'contest', contest, 'version', version, 'event', change,
      'history', history_after, 'follows', history)
  end
  redis.call('XADD', ledger, version, 'known_at', known_at, 'postings', postings,
    field == 'contest' and 'contest' or 'endorsement', subject, 'history', history_after, 'chain', chain_after)
  put(field, field == 'contest' and subject or '{"digest":"' .. digest .. '",' .. string.sub(subject, 2))
  history = history_after
end
for i = first + events * step, #ARGV, 2 do put(ARGV[i], ARGV[i + 1]) end
if #changed > 0 then redis.call('HSET', state, unpack(changed)) end
local version, recorded = began + events, stands(log)
if oldest ~= '' then
  redis.call('HSET', published, contest, string.format('%d %s', version, history))
  redis.call('XTRIM', changes, 'MINID', '~', oldest)
end

if oldest ~= '' and (events > 0 or version == recorded) then redis.call('HDEL', parked, contest) end
if version == recorded and oldest ~= '' then
  redis.call('HDEL', awake, contest)
  if delivered ~= '' then
    redis.call('XACK', wake, group, delivered)
    redis.call('XDEL', wake, delivered)
  end
end
return {'committed', version, recorded}
