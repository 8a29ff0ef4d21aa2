-- SPDX-License-Identifier: Apache-2.0
-- wrk: POST /allocations, each of an order of its own, one piece of one of ITEMS
-- goods; every other request has an Idempotency-Key. Ends with one line of JSON.
--
-- Environment: TOKEN; ITEMS (1000); SEED (a number, another one each run);
-- ORDERED=1: ids and keys that ascend in time, as UUIDv7 and ULID do, instead of
-- random ones.

local token = os.getenv("TOKEN") or error("TOKEN is not set")
local items = tonumber(os.getenv("ITEMS") or "1000")
local ordered = os.getenv("ORDERED") == "1"
local seed = tonumber(os.getenv("SEED") or os.time())
local threads = 0

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

local function random_text()
  return string.format("%07x%07x%07x%05x", math.random(0, 0xfffffff),
    math.random(0, 0xfffffff), math.random(0, 0xfffffff), math.random(0, 0xfffff))
end

-- As long as a random one: time, then a counter, then chance.
local function ascending_text()
  return string.format("%s%08x%08x", began, count, math.random(0, 0x7fffffff))
end

function init(args)
  math.randomseed(seed * 64 + number)
  count = 0
  began = string.format("%08x%02x", os.time(), number)
  plain = { ["Authorization"] = "Bearer " .. token, ["Content-Type"] = "application/json" }
  keyed = { ["Authorization"] = "Bearer " .. token, ["Content-Type"] = "application/json" }
  text = ordered and ascending_text or random_text
end

function request()
  count = count + 1
  local headers = plain
  if count % 2 == 0 then
    keyed["Idempotency-Key"] = text()
    headers = keyed
  end
  return wrk.format("POST", "/allocations", headers, string.format(
    '{"orderId":"ord_%s","orderItemId":"item_1","inventoryItemId":"inv_%d","quantity":1}',
    text(), math.random(0, items - 1)))
end

function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"seconds":%.6f,"refused":%d,"broken":%d,"p50":%.3f,"p99":%.3f,"max":%.3f}\n',
    summary.requests, summary.duration / 1e6, e.status,
    e.connect + e.read + e.write + e.timeout, latency:percentile(50) / 1000,
    latency:percentile(99) / 1000, latency.max / 1000))
end
