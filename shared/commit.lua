-- Commits a fold: ledger, state, changes and the wake's acknowledgement, or nothing at all.
-- KEYS  ledger, state, log, changes, awake, wake
-- ARGV  contest, version at which the fold began, number of events, oldest change to keep ('' to publish none),
--       consumer group, wake entry or '', then for each event: id, type, known_at, postings, kind of subject, subject,
--       change; then field, value, … of the state
-- Result  {'committed', version after, log's version}, or {'moved', version} if the projection stands elsewhere.
-- The contest goes to sleep, and its wake is acknowledged, only if nothing is left to fold.
local ledger, state, log, changes, awake, wake = unpack(KEYS)
local contest, began, events, oldest, group, delivered = unpack(ARGV, 1, 6)
local first, step = 7, 7
began, events = tonumber(began), tonumber(events)

local function stands(stream)
  local last = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
  return last and tonumber(string.match(last[1], '^%d+')) or 0
end

if stands(ledger) ~= began then return {'moved', stands(ledger)} end

for i = 0, events - 1 do
  local id, kind, known_at, postings, subject_kind, subject, change = unpack(ARGV, first + i * step, first + i * step + 6)
  local version = string.format('%d', began + i + 1)
  redis.call('XADD', ledger, version .. '-0', 'id', id, 'type', kind, 'known_at', known_at, 'postings', postings,
    subject_kind, subject)
  if oldest ~= '' then
    redis.call('XADD', changes, '*', 'contest', contest, 'version', version, 'event', change)
  end
end
local fields = first + events * step
while fields <= #ARGV do
  local to = math.min(fields + 1999, #ARGV)
  redis.call('HSET', state, unpack(ARGV, fields, to))
  fields = to + 1
end
if oldest ~= '' and events > 0 then redis.call('XTRIM', changes, 'MINID', '~', oldest) end

local version, recorded = began + events, stands(log)
if version == recorded and oldest ~= '' then
  redis.call('HDEL', awake, contest)
  if delivered ~= '' then
    redis.call('XACK', wake, group, delivered)
    redis.call('XDEL', wake, delivered)
  end
end
return {'committed', version, recorded}
