-- Appends events to a contest's log, all or none, and wakes a scorer if none is awake for the contest.
-- KEYS  log, ids, wake, awake, contests
-- ARGV  contest, expected version, digest of the entry that the log ends with ('' if that is not known), then for each
--       event: id, digest, type, known_at or '', data
-- Result  {'appended', version after, known_at of the last, digest of its entry}, or
--         {'known', version after} if this very append was done before, or
--         {'wrong', version} if the log stands elsewhere, or ends with another entry. An id that is known at another version, with another digest or
--         beside new ones counts as 'wrong': somebody else appended it, and whoever decided has not seen it.
-- The version is the entry's id, so two writers cannot both write version n. Known time is this server's clock and
-- never goes back; an imported contest brings its own.
local log, ids, wake, awake, contests = unpack(KEYS)
local contest, expected, follows = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local first, step = 4, 5
local events = (#ARGV - first + 1) / step
local CHUNK = 1000

local function instant()
  local now = redis.call('TIME')
  local seconds, micros = tonumber(now[1]), tonumber(now[2])
  local days, rest = math.floor(seconds / 86400), seconds % 86400
  -- Civil date of a day number, by eras of 400 years that begin on 1 March.
  local z = days + 719468
  local era = math.floor(z / 146097)
  local doe = z - era * 146097
  local yoe = math.floor((doe - math.floor(doe / 1460) + math.floor(doe / 36524) - math.floor(doe / 146096)) / 365)
  local doy = doe - (365 * yoe + math.floor(yoe / 4) - math.floor(yoe / 100))
  local mp = math.floor((5 * doy + 2) / 153)
  local day = doy - math.floor((153 * mp + 2) / 5) + 1
  local month = mp < 10 and mp + 3 or mp - 9
  local year = yoe + era * 400 + (month <= 2 and 1 or 0)
  return string.format('%04d-%02d-%02dT%02d:%02d:%02d.%06dZ', year, month, day,
    math.floor(rest / 3600), math.floor(rest % 3600 / 60), rest % 60, micros)
end

local function at(version)
  return redis.call('XRANGE', log, version, version)[1]
end

-- The same digest as `history.digest_of` makes.
local function digest_of(entry)
  return redis.sha1hex(table.concat(entry[2], '\n'))
end

-- An id is only known if it leads to its event: the log may have lost what its ids still tell of.
local function leads_to(id, value)
  local version = string.match(value, '^(%d+) ')
  local entry = version and at(version)
  if entry then
    for i = 1, #entry[2], 2 do if entry[2][i] == 'id' then return entry[2][i + 1] == id end end
  end
  local oldest = redis.call('XRANGE', log, '-', '+', 'COUNT', 1)[1]
  return not version or oldest and tonumber(version) < tonumber(string.match(oldest[1], '^%d+')) -- it is archived
end

local known, as_decided = 0, 0
for chunk = 0, events - 1, CHUNK do
  local names = {}
  for i = chunk, math.min(chunk + CHUNK, events) - 1 do names[#names + 1] = ARGV[first + i * step] end
  for i, value in ipairs(redis.call('HMGET', ids, unpack(names))) do
    if value and leads_to(names[i], value) then
      local position = chunk + i - 1
      local decided = string.format('%d %s', expected + position + 1, ARGV[first + position * step + 1])
      known = known + 1
      if value == decided then as_decided = as_decided + 1 end
    end
  end
end
if as_decided == events then return {'known', expected + events} end

local last = redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)[1]
local version = last and tonumber(string.match(last[1], '^%d+')) or 0
if known > 0 or version ~= expected then return {'wrong', version} end
if follows ~= '' and last and digest_of(last) ~= follows then return {'wrong', version} end

local recorded_at, known_at = instant(), nil
local before = ''
if last then
  for i = 1, #last[2], 2 do if last[2][i] == 'known_at' then before = last[2][i + 1] end end
end
local clock = recorded_at > before and recorded_at or before
local pairs = {}
for i = 0, events - 1 do
  local at = first + i * step
  local id, digest, kind, imported, data = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]
  version = version + 1
  local entry = string.format('%d-0', version)
  if imported == '' then
    known_at = clock
    redis.call('XADD', log, entry, 'id', id, 'type', kind, 'known_at', known_at, 'data', data)
  else
    known_at = imported
    redis.call('XADD', log, entry, 'id', id, 'type', kind, 'known_at', known_at, 'recorded_at', recorded_at, 'data', data)
  end
  pairs[#pairs + 1] = id
  pairs[#pairs + 1] = string.format('%d %s', version, digest)
  if #pairs == 2 * CHUNK then redis.call('HSET', ids, unpack(pairs)); pairs = {} end
end
if #pairs > 0 then redis.call('HSET', ids, unpack(pairs)) end
redis.call('SADD', contests, contest)
if redis.call('HSETNX', awake, contest, recorded_at) == 1 then redis.call('XADD', wake, '*', 'contest', contest) end
return {'appended', version, known_at, digest_of(at(version))}
