-- Lets a new generation of a projection take over in one step, if it stands no earlier than the old one or at the log's
-- end, and keeps the certificate of what differs.
-- KEYS  generation, old ledger, old state, new ledger, certificates, building, parked, log, awake, wake
-- ARGV  old generation, new generation, certificate (JSON), contest, seconds for which the old one is kept for those who
--       still read it, when (an RFC 3339 time), the lease of the rebuild
-- Result  1 if it took over, 0 if it must catch up first, -1 if the lease passed to another rebuild; an error if another
--         generation answers meanwhile.
-- What is there instead of the old ledger stands nowhere.
local function stands(stream)
  local last = redis.pcall('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
  return type(last) == 'table' and tonumber(string.match(last[1], '^%d+')) or 0
end
if (redis.call('GET', KEYS[1]) or '1') ~= ARGV[1] then
  return redis.error_reply('another generation took over: rebuild again')
end
if redis.call('GET', KEYS[6]) ~= ARGV[7] then return -1 end
if stands(KEYS[4]) < math.min(stands(KEYS[2]), stands(KEYS[8])) then return 0 end
-- First what could be refused: numbers begin anew where the generation's key was lost, and certificates stay.
local number = math.max(stands(KEYS[5]), tonumber(ARGV[2]))
redis.call('XADD', KEYS[5], string.format('%d-*', number), 'certificate', ARGV[3])
redis.call('SET', KEYS[1], ARGV[2])
for i = 2, 3 do redis.call('EXPIRE', KEYS[i], ARGV[5]) end
redis.call('UNLINK', KEYS[6])
redis.call('HDEL', KEYS[7], ARGV[4])
-- The scorer that is woken tells subscribers where the new one has not what was published.
if redis.call('HSETNX', KEYS[9], ARGV[4], ARGV[6]) == 1 then redis.call('XADD', KEYS[10], '*', 'contest', ARGV[4]) end
return 1
