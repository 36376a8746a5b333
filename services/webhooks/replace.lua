-- Changes a webhook, if it is still as it was read.
-- KEYS  hooks, revision, then keys to remove with the change
-- ARGV  webhook, its JSON as it was read ('' if it is new), its JSON from now on ('' to remove it)
-- Result  1, or 0 if it is otherwise by now
local was = redis.call('HGET', KEYS[1], ARGV[1]) or ''
if was ~= ARGV[2] then return 0 end
if ARGV[3] == '' then redis.call('HDEL', KEYS[1], ARGV[1]) else redis.call('HSET', KEYS[1], ARGV[1], ARGV[3]) end
for i = 3, #KEYS do redis.call('DEL', KEYS[i]) end
redis.call('INCR', KEYS[2])
return 1
