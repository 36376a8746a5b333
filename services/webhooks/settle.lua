-- Notes that a delivery came to its end, or waits for its next try, if this process still leads.
-- KEYS  lead, hooks, sent, retries, dead
-- ARGV  this process, webhook, contest, place (a version, and perhaps `-` and its history), what to note: 'done',
--       'dead', 'retry' or 'reset', and its JSON ('' for 'done'; for 'reset' what tells this reset from others)
-- Result  1, or 0 if another process leads now or the webhook is gone: then nothing is noted.
-- A version is never taken back but by a reset, so a late note of an earlier one changes nothing. What is kept in `sent`
-- is the place and, after a reset, a space and what tells it.
local lead, hooks, sent, retries, dead = unpack(KEYS)
local process, hook, contest, place, what, json = unpack(ARGV)
if redis.call('GET', lead) ~= process or redis.call('HEXISTS', hooks, hook) == 0 then return 0 end
if what == 'reset' then
  redis.call('HSET', sent, contest, place .. ' ' .. json)
  redis.call('HDEL', retries, contest)
  return 1
end
local stands = redis.call('HGET', sent, contest) or '0'
local reset = string.match(stands, ' .*$') or ''
local was, version = tonumber(string.match(stands, '^%d+')), tonumber(string.match(place, '^%d+'))
if was == version and what == 'done' then redis.call('HSET', sent, contest, place .. reset) end
if was >= version then return 1 end
if what == 'retry' then
  redis.call('HSET', retries, contest, json)
  return 1
end
if what == 'dead' then redis.call('HSET', dead, contest .. '/' .. string.format('%d', version), json) end
redis.call('HSET', sent, contest, place .. reset)
redis.call('HDEL', retries, contest)
return 1
