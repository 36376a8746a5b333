-- Ends a rebuild, unless its lease passed to another: removes what it built, unless that answers by now, and the lease.
-- KEYS  building, generation, the built ledger, the built state
-- ARGV  the lease, the built generation
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return end
if redis.call('GET', KEYS[2]) ~= ARGV[2] then redis.call('UNLINK', KEYS[3], KEYS[4]) end
redis.call('UNLINK', KEYS[1])
