-- What wrk asks for. Arguments: KIND FILE THREADS EVERY
--
-- KIND    get: the URL of the command; token: GET /v1/token; link: POST /v1/link-code; poll: GET /v1/poll/CODE
-- FILE    what to ask with: a key, or a key and a code, on each line. `link` appends them to it
-- EVERY   pause of a connection between two requests in milliseconds, on average; 0 for none
--
-- `once` in front of KIND asks for each line of FILE once. PORTS in the environment has a port for each thread, if they
-- are not those of the URL.

local threads, started = {}, 0

function setup(thread)
  local ports = {}
  for port in (os.getenv("PORTS") or ""):gmatch("%d+") do table.insert(ports, port) end
  if #ports > 0 then thread.addr = wrk.lookup("127.0.0.1", ports[started % #ports + 1])[1] end
  thread:set("number", started)
  started = started + 1
  table.insert(threads, thread)
end

function init(arguments)
  once = arguments[1] == "once"
  if once then table.remove(arguments, 1) end
  kind, file, count, every = arguments[1], arguments[2], tonumber(arguments[3]), tonumber(arguments[4])
  asked, failed, throttled, requests = 0, 0, 0, {}
  math.randomseed(number + 1)
  if kind == "token" or kind == "poll" then read() end
  if kind == "link" then
    written = io.open(file .. "." .. number, "w")
    request = function() return wrk.format("POST", "/v1/link-code", { ["X-Forwarded-For"] = somebody() }) end
  end
  -- Without this function wrk parses less, and takes less from the service.
  if kind == "link" or kind == "poll" then response = answered end
  if every > 0 then
    -- Exponential pauses, as of clients that know nothing of each other; rounded so that the mean stays.
    delay = function() return math.floor(-every * math.log(1 - math.random()) + math.random()) end
  end
end

-- Each thread asks for its own part, in turn.
function read()
  local line_number = 0
  for line in io.lines(file) do
    if line_number % count == number then
      local key, code = line:match("(%S+) ?(%S*)")
      local path = kind == "token" and "/v1/token" or "/v1/poll/" .. code
      table.insert(requests, wrk.format("GET", path, { Authorization = "Bearer " .. key }))
    end
    line_number = line_number + 1
  end
  request = function()
    asked = asked + 1
    if once and asked >= #requests then wrk.thread:stop() end
    return requests[(asked - 1) % #requests + 1]
  end
end

-- An address of its own for each request, so that no limit for one network is met.
function somebody()
  local part = function() return math.random(1, 250) end
  return string.format("%d.%d.%d.%d", part(), part(), part(), part())
end

function answered(status, headers, body)
  if status == 429 then
    throttled = throttled + 1
  elseif status >= 400 then
    failed = failed + 1
  end
  if kind == "link" and status == 201 then
    written:write(body:match('"access_key":"([^"]+)"'), " ", body:match('"link_code":"([^"]+)"'), "\n")
    written:flush()
  end
end

function done(summary, latency)
  local failed, throttled, errors = 0, 0, summary.errors
  for _, thread in ipairs(threads) do
    failed, throttled = failed + thread:get("failed"), throttled + thread:get("throttled")
  end
  -- Refused polls count as answers.
  failed = math.max(failed, errors.status - throttled)
  print(string.format(
    'RESULT {"answers": %d, "seconds": %f, "mean": %f, "p50": %f, "p99": %f, "failed": %d, "throttled": %d}',
    summary.requests, summary.duration / 1e6, latency.mean, latency:percentile(50), latency:percentile(99),
    failed + errors.connect + errors.read + errors.write + errors.timeout, throttled))
end
