-- Takes tokens from buckets, atomically, on the server's clock.
--
-- KEYS    one key for each take; a key may come several times, and its takes are then granted in their order.
-- ARGV    three for each key: rate (tokens a second), burst (1 to 10^9), cost (1 to burst); a full refill, burst / rate
--         seconds, takes no longer than ten years.
-- returns an integer for each key: the millionths of a token left if the take is granted, else -1 minus those held.
--
-- A bucket is 16 bytes: the tokens held and the microsecond at which, as two big-endian doubles, which keep fractions of
-- a token to the last bit and microseconds exactly until the year 2255. It expires no sooner than when it is full. A
-- missing key is a full bucket; so is one that holds anything else, which the next granted take replaces.
-- See limit/bucket.py for the arithmetic and its laws.

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local replies = {}

for i, key in ipairs(KEYS) do
  local rate, burst, cost = tonumber(ARGV[3 * i - 2]), tonumber(ARGV[3 * i - 1]), tonumber(ARGV[3 * i])
  local tokens, stamp = burst, now

  local value = redis.pcall('GET', key)
  if type(value) == 'string' and #value == 16 then
    local held, at = struct.unpack('>dd', value)
    if held >= 0 and held <= burst and at == at then
      tokens, stamp = held, at
    end
  elseif type(value) == 'table' and not string.find(value.err, 'WRONGTYPE', 1, true) then
    return value
  end

  if now > stamp then
    tokens = math.min(burst, tokens + (now - stamp) * rate / 1000000)
  end
  local granted = tokens >= cost
  if granted then
    tokens = tokens - cost
  end
  -- A refusal is worth writing only when the clock went back: the bucket must not stand still until it has caught up.
  if granted or now < stamp then
    local life = math.ceil((burst - tokens) / rate * 1000) + 1
    redis.call('SET', key, struct.pack('>dd', tokens, now), 'PX', string.format('%.0f', life))
  end
  local millionths = math.floor(tokens * 1000000)
  replies[i] = granted and millionths or -1 - millionths
end

return replies
