-- SPDX-License-Identifier: Apache-2.0
-- One GET again and again; what came of it as a line of JSON.
--
-- Environment: THINK, milliseconds that a connection rests before each request,
-- on average; without it none does.
local think = tonumber(os.getenv("THINK") or "0")

if think > 0 then
  function delay()
    return math.random(0, math.floor(2 * think + 0.5))
  end
end

function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"seconds":%.6f,"refused":%d,"broken":%d,"p50":%.3f,"p99":%.3f}\n',
    summary.requests, summary.duration / 1e6, e.status,
    e.connect + e.read + e.write + e.timeout, latency:percentile(50) / 1000,
    latency:percentile(99) / 1000))
end
