-- Notes that a delivery came to its end, or waits for its next try, if this process still leads.
-- KEYS  lead, hooks, sent, retries, dead
-- ARGV  this process, webhook, contest, what tells the reset that it was told behind ('' if there was none), the place
--       that it leads up to (a version, and perhaps `-` and its history), what tells the reset before that place, what to
--       note: 'done', 'dead' or 'retry', and its JSON ('' for 'done')
-- Result  1, or 0 if another process leads now, the webhook is gone, or another reset came: then nothing is noted.
-- A version is never taken back but by a reset, so a late note of an earlier one changes nothing. What is kept in `sent`
-- is the place and, after a reset, a space and what tells it.
local lead, hooks, sent, retries, dead = unpack(KEYS)
local process, hook, contest, behind, place, reset, what, json = unpack(ARGV)
if redis.call('GET', lead) ~= process or redis.call('HEXISTS', hooks, hook) == 0 then return 0 end
local stands = redis.call('HGET', sent, contest) or '0'
if (string.match(stands, ' (.*)$') or '') ~= behind then return 0 end
local was, version = tonumber(string.match(stands, '^%d+')), tonumber(string.match(place, '^%d+'))
local becomes = reset == '' and place or place .. ' ' .. reset
if reset == behind then
  if was == version and what == 'done' then redis.call('HSET', sent, contest, becomes) end
  if was >= version then return 1 end
end
if what == 'retry' then
  redis.call('HSET', retries, contest, json)
  return 1
end
if what == 'dead' then redis.call('HSET', dead, contest .. '/' .. string.format('%d', version), json) end
redis.call('HSET', sent, contest, becomes)
redis.call('HDEL', retries, contest)
return 1
