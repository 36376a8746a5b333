-- Whether a stream has an entry at a place: 1 or 0. An entry may be of hundreds of kilobytes, and is not sent.
-- KEYS: the stream. ARGV: the place.
return #redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])
