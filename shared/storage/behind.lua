-- Which of these contests' projections do not stand where their logs do.
-- KEYS  for each contest: its log, the ledger of the generation that answers
-- Result  for each that differs: {its place, from 0; the log's version; the ledger's version}. A version is -1 where the
--         stream cannot be read: something else lies under its key.
local MOST = 2 ^ 53

local function stands(stream)
  local last = redis.pcall('XREVRANGE', stream, '+', '-', 'COUNT', 1)
  if last.err then return -1 end
  return last[1] and math.min(tonumber(string.match(last[1][1], '^%d+')), MOST) or 0
end

local found = {}
for i = 1, #KEYS, 2 do
  local recorded, folded = stands(KEYS[i]), stands(KEYS[i + 1])
  if recorded ~= folded or folded == -1 then found[#found + 1] = {(i - 1) / 2, recorded, folded} end
end
return found
