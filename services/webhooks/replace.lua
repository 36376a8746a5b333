-- Changes a webhook, if it is still as it was read.
-- KEYS  hooks, revision, then keys to remove with the change
-- ARGV  webhook, its JSON as it was read ('' if it is new), its JSON from now on ('' to remove it), how many there may be
-- Result  1, 0 if it is otherwise by now, or -1 if it is new and there are as many as may be
local was = redis.call('HGET', KEYS[1], ARGV[1]) or ''
if was ~= ARGV[2] then return 0 end
if was == '' and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[4]) then return -1 end
if ARGV[3] == '' then redis.call('HDEL', KEYS[1], ARGV[1]) else redis.call('HSET', KEYS[1], ARGV[1], ARGV[3]) end
for i = 3, #KEYS do redis.call('DEL', KEYS[i]) end
redis.call('INCR', KEYS[2])
return 1
