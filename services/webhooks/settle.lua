-- Notes that a delivery came to its end, or waits for its next try, if this process still leads.
-- KEYS  lead, hooks, sent, retries, dead
-- ARGV  this process, webhook, contest, version, what to note: 'done', 'dead' or 'retry', and its JSON ('' for 'done')
-- Result  1, or 0 if another process leads now or the webhook is gone: then nothing is noted.
-- A version is never taken back, so a late note of an earlier one changes nothing.
local lead, hooks, sent, retries, dead = unpack(KEYS)
local process, hook, contest, version, what, json = unpack(ARGV)
if redis.call('GET', lead) ~= process or redis.call('HEXISTS', hooks, hook) == 0 then return 0 end
if tonumber(redis.call('HGET', sent, contest) or '0') >= tonumber(version) then return 1 end
if what == 'retry' then
  redis.call('HSET', retries, contest, json)
  return 1
end
if what == 'dead' then redis.call('HSET', dead, contest .. '/' .. version, json) end
redis.call('HSET', sent, contest, version)
redis.call('HDEL', retries, contest)
return 1
