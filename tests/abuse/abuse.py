#!/usr/bin/env python3
"""Attacks the service in every way at once while one honest client measures it; see docs/SECURITY.md.

    tests/abuse/abuse.py --binary target/debug/central-oauth                       two minutes
    tests/abuse/abuse.py --binary PATH --seconds 300 --rate 500                    longer and faster
    tests/abuse/abuse.py --binary PATH --only silent --silent 5000 --descriptors 256

Starts a provider and the service, with a database of its own. The attackers come from many networks (they claim addresses
through a proxy that the service trusts), the honest client from one. First the honest client measures an idle service. During
the attacks it reads its token and the page, each time over a new connection, and links an account every ten seconds; its
tokens last 40 seconds, so they have to be refreshed on time. Fails if the client misses one answer, if a refresh is late, or
if connections are left over afterwards. Linux only. Needs nothing but Python.
"""

import argparse
import asyncio
import json
import os
import random
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from multiprocessing import Process
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

HONEST = "203.0.113.7"
LASTS = 40
# A request may take this long to arrive (docs/OPERATIONS.md), and a connection is closed at the latest then.
DEADLINE = 10
HALVES = [
    b"GET /v1/healthz HT",
    b"POST /v1/link-code HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n",
    b"POST /device HTTP/1.1\r\nhost: a\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: 50\r\n\r\ncode=1",
    b"POST /v1/link-code HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0",
    b"",
]


# --- the provider

async def provide(reader, writer):
    """A provider that grants tokens for the codes that somebody has approved."""
    try:
        while line := await reader.readline():
            length, is_last = 0, False
            while (header := await reader.readline()).strip():
                name, _, value = header.decode().partition(":")
                length = int(value) if name.lower() == "content-length" else length
                is_last |= value.strip() == "close"
            form = dict(parse_qsl((await reader.readexactly(length)).decode()))
            status, answer = provided(line.split()[1].decode(), form)
            body = json.dumps(answer).encode()
            head = f"HTTP/1.1 {status} -\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + body)
            await writer.drain()
            if is_last:
                break
    except (OSError, asyncio.IncompleteReadError, IndexError):
        pass
    finally:
        writer.close()


APPROVED = set()


def provided(path, form):
    if path.startswith("/approve?"):
        APPROVED.add(path.partition("?")[2])
        return 200, {}
    if path == "/device":
        code = f"{random.getrandbits(32):08X}"
        return 200, {"device_code": code, "user_code": code, "verification_uri": "https://example.com", "expires_in": 600,
                     "interval": 1}
    if path == "/userinfo":
        return 200, {"sub": "honest", "name": "Honest"}
    if form.get("grant_type") == "urn:ietf:params:oauth:grant-type:device_code" and form["device_code"] not in APPROVED:
        return 400, {"error": "authorization_pending"}
    token = f"{random.getrandbits(64):x}"
    return 200, {"access_token": token, "token_type": "Bearer", "expires_in": LASTS, "refresh_token": token + "r"}


def run_provider(port):
    async def serve():
        server = await asyncio.start_server(provide, "127.0.0.1", port, backlog=1000)
        await server.serve_forever()
    asyncio.run(serve())


# --- HTTP

async def request(port, method, path, network, body=None, key=None, form=None, cookie=None, timeout=15):
    """Returns status, headers and body of an answer over a new connection."""
    async with asyncio.timeout(timeout):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            payload, media = b"", None
            if form is not None:
                payload, media = urlencode(form).encode(), "application/x-www-form-urlencoded"
            elif body is not None:
                payload, media = json.dumps(body).encode(), "application/json"
            lines = [f"{method} {path} HTTP/1.1", "host: localhost", f"x-forwarded-for: {network}", "connection: close"]
            lines += [f"content-type: {media}"] if media else []
            lines += [f"content-length: {len(payload)}"] if method == "POST" else []
            lines += [f"authorization: Bearer {key}"] if key else []
            lines += [f"cookie: {cookie}"] if cookie else []
            writer.write(("\r\n".join(lines) + "\r\n\r\n").encode() + payload)
            await writer.drain()
            answer = await reader.read()
        finally:
            writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    if not head:
        raise ConnectionError("no answer")
    return int(head.split()[1]), head.decode("latin-1"), body.decode(errors="replace")


async def confirm(port, code, network):
    """What a browser does with a code. Returns the answer, and the cookie of the browser."""
    _, head, page = await request(port, "GET", "/device", network)
    cookie = head.lower().partition("set-cookie: ")[2].partition(";")[0]
    csrf = page.partition('name="csrf" value="')[2].partition('"')[0]
    form = {"csrf": csrf, "code": code, "action": "confirm"}
    return *await request(port, "POST", "/device", network, form=form, cookie=cookie), cookie


async def link(port, network):
    """Links an account; returns its key and how long that took."""
    began = time.monotonic()
    status, _, answer = await request(port, "POST", "/v1/link-code", network, body={})
    if status != 201:
        raise ConnectionError(f"no link code: {status}")
    started = json.loads(answer)
    status, _, _, cookie = await confirm(port, started["link_code"], network)
    if status != 303:
        raise ConnectionError(f"not confirmed: {status}")
    _, _, page = await request(port, "GET", f"/device?code={started['link_code']}", network, cookie=cookie)
    user_code = page.partition('id="user-code"')[2].partition(">")[2].partition("<")[0]
    await request(port + 1, "GET", f"/approve?{user_code}", network)
    while time.monotonic() < began + 90:
        status, _, answer = await request(port, "GET", f"/v1/poll/{started['link_code']}", network, key=started["access_key"])
        if status == 200 and json.loads(answer)["status"] == "linked":
            return started["access_key"], time.monotonic() - began
        await asyncio.sleep(2)
    raise ConnectionError("not linked in time")


# --- the attackers

def networks(number):
    """Addresses in networks of their own."""
    return [f"{random.randint(11, 99)}.{random.randint(0, 255)}.{random.randint(0, 255)}.7" for _ in range(number)]


COUNTS = {}


async def often(name, rate, attack):
    """Attacks at this rate, whatever comes of it, and counts the answers."""
    running = set()
    while True:
        async def once():
            try:
                status = await attack()
            except (OSError, TimeoutError, IndexError, ValueError):
                status = "none"
            counts = COUNTS.setdefault(name, {})
            counts[status] = counts.get(status, 0) + 1
        if len(running) < 60:
            task = asyncio.create_task(once())
            running.add(task)
            task.add_done_callback(running.discard)
        await asyncio.sleep(1 / rate)


async def be_silent(port, number):
    """Opens a connection, sends half of something, waits until it is closed, and opens another one."""
    while True:
        try:
            source = (f"127.0.{number % 200 + 1}.1", 0)
            reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=source)
            writer.write(HALVES[number % len(HALVES)])
            began = time.monotonic()
            await reader.read()
            writer.close()
            held = COUNTS.setdefault("silent", {})
            bucket = f"closed within {int(time.monotonic() - began) // 15 * 15 + 15} s"
            held[bucket] = held.get(bucket, 0) + 1
        except OSError:
            pass
        await asyncio.sleep(1)


async def start_streams(port):
    """Sends a thousand HTTP/2 requests at once."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    frames = b"".join(b"\0\0\5\1\4" + (2 * n + 1).to_bytes(4) + b"\x83\x86\x84\x41\x8a" for n in range(1000))
    writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0" + frames)
    try:
        answer = await asyncio.wait_for(reader.read(), 15)
    finally:
        writer.close()
    return "closed" if not answer else answer[:12].decode("latin-1")


async def ask_for_code(port, network):
    return (await request(port, "POST", "/v1/link-code", network, body={}))[0]


async def ask_and_confirm(port, network):
    status, _, answer = await request(port, "POST", "/v1/link-code", network, body={})
    return (await confirm(port, json.loads(answer)["link_code"], network))[0] if status == 201 else status


async def attack(port, options):
    many = networks(options.networks)
    anybody = lambda: random.choice(many)
    get = lambda path, key=None: request(port, "GET", path, anybody(), key=key)
    code = lambda: f"{random.randint(0, 10**8 - 1):08}"
    one = anybody()
    attacks = {
        "streams": (2, lambda: start_streams(port)),
        "codes, one network": (1, lambda: ask_for_code(port, one)),
        "codes, many networks": (1, lambda: ask_for_code(port, anybody())),
        "consents": (0.3, lambda: ask_and_confirm(port, anybody())),
        "polls": (1, lambda: get("/v1/poll/12345678")),
        "guesses": (1, lambda: get(f"/v1/poll/{code()}")),
        "bearers": (1, lambda: get("/v1/token", key="coak_" + "0" * 47)),
    }
    async with asyncio.TaskGroup() as group:
        for name, (share, once) in attacks.items():
            if name.split(",")[0] in options.only or not options.only:
                rate = 2 if name == "streams" else share * options.rate
                group.create_task(often(name, rate, lambda once=once: status_of(once)))
        if not options.only or "silent" in options.only:
            for number in range(options.silent):
                group.create_task(be_silent(port, number))


async def status_of(once):
    answer = await once()
    return answer[0] if isinstance(answer, tuple) else answer


def run_attackers(port, options, report):
    resource.setrlimit(resource.RLIMIT_NOFILE, (options.silent + 2000,) * 2)

    def stop(*_):
        Path(report).write_text(json.dumps(COUNTS))
        os._exit(0)
    signal.signal(signal.SIGTERM, stop)
    asyncio.run(attack(port, options))


# --- the honest client

class Honest:
    def __init__(self, port, key):
        self.port, self.key = port, key
        self.times, self.missed, self.links, self.late = [], [], [], 0

    async def measure(self, seconds, with_links):
        """Reads the token and the page twenty times a second."""
        end, self.times, self.missed, self.links = time.monotonic() + seconds, [], [], []
        linking = asyncio.create_task(self.keep_linking(end)) if with_links else None
        while time.monotonic() < end:
            for path, key in (("/v1/token", self.key), ("/device", None)):
                began = time.monotonic()
                try:
                    status, _, body = await request(self.port, "GET", path, HONEST, key=key)
                    self.times.append(time.monotonic() - began)
                    if status != 200:
                        self.missed.append(f"{path}: {status} {body[:200]}")
                    elif key and json.loads(body)["expires_in"] < 2:
                        self.late += 1
                except (OSError, TimeoutError, ConnectionError) as error:
                    self.missed.append(f"{path}: {error!r}")
            await asyncio.sleep(0.05)
        if linking:
            await linking

    async def keep_linking(self, end):
        while time.monotonic() < end:
            try:
                self.links.append((await link(self.port, HONEST))[1])
            except (OSError, TimeoutError, ConnectionError) as error:
                self.missed.append(f"link: {error!r}")
            await asyncio.sleep(10)

    def latencies(self):
        ordered = sorted(self.times)
        return statistics.median(ordered) * 1000, ordered[int(len(ordered) * 0.99)] * 1000


def of_process(pid, folder="fd"):
    return len(os.listdir(f"/proc/{pid}/{folder}"))


def memory(pid):
    return int(Path(f"/proc/{pid}/status").read_text().partition("VmRSS:")[2].split()[0]) / 1000


async def observe(service, port, options, folder):
    key, took = await link(port, HONEST)
    honest = Honest(port, key)
    await honest.measure(options.idle, False)
    idle, before = honest.latencies(), memory(service.pid)
    if honest.missed:
        sys.exit(f"the idle service fails: {honest.missed[:3]}")
    print(f"idle: {len(honest.times)} answers, median {idle[0]:.1f} ms, p99 {idle[1]:.1f} ms, a link takes {took:.1f} s, "
          f"{before:.0f} MB")
    report = folder / "report"
    attackers = Process(target=run_attackers, args=(port, options, report))
    attackers.start()
    most = watch_descriptors = 0
    measuring = asyncio.create_task(honest.measure(options.seconds, True))
    while not measuring.done():
        await asyncio.sleep(1)
        watch_descriptors = max(watch_descriptors, of_process(service.pid))
        most = max(most, memory(service.pid))
    attackers.terminate()
    attackers.join()
    under = honest.latencies()
    asked = len(honest.times) + len(honest.missed)
    success = 100 * (asked - len(honest.missed)) / asked
    print(f"attacked: {asked} requests and {len(honest.links)} links, {success:.2f} % answered, median {under[0]:.1f} ms "
          f"({under[0] / idle[0]:.1f} times), p99 {under[1]:.1f} ms ({under[1] / idle[1]:.1f} times), links take "
          f"{min(honest.links or [0]):.1f} to {max(honest.links or [0]):.1f} s, {honest.late} late refreshes, "
          f"at most {most:.0f} MB and {watch_descriptors} descriptors")
    for name, counts in sorted(json.loads(report.read_text()).items()):
        print(f"  {name}: {counts}")
    await asyncio.sleep(DEADLINE + 5)
    left = of_process(service.pid)
    rows = folder / "central-oauth.sqlite3"
    print(f"afterwards: {left} descriptors, {memory(service.pid):.0f} MB, database {rows.stat().st_size / 1e6:.1f} MB")
    for missed in honest.missed[:5]:
        print("  missed:", missed)
    return not honest.missed and not honest.late and left < 60


def settings(port, provider, folder):
    at = f"http://127.0.0.1:{provider}"
    named = {
        "LISTEN_ADDR": f"127.0.0.1:{port}", "DB_PATH": folder / "central-oauth.sqlite3", "SECRET_KEY": "ab" * 32,
        "TRUSTED_PROXIES": "127.0.0.0/8", "PROVIDER_CLIENT_ID": "abuse", "PROVIDER_TOKEN_ENDPOINT": f"{at}/token",
        "PROVIDER_DEVICE_AUTHORIZATION_ENDPOINT": f"{at}/device", "PROVIDER_USERINFO_ENDPOINT": f"{at}/userinfo",
    }
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("CENTRAL_OAUTH_", "OTEL_"))}
    return clean | {f"CENTRAL_OAUTH_{name}": str(value) for name, value in named.items()}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True, type=Path)
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--idle", type=int, default=20, help="seconds for which the idle service is measured")
    parser.add_argument("--rate", type=int, default=50, help="requests a second of each attack")
    parser.add_argument("--networks", type=int, default=50, help="networks of the attackers")
    parser.add_argument("--silent", type=int, default=1000, help="silent connections")
    parser.add_argument("--descriptors", type=int, default=1024, help="the descriptor limit of the service")
    parser.add_argument("--only", action="append", default=[], help="streams, codes, consents, polls, guesses, bearers, silent")
    parser.add_argument("--port", type=int, default=18400)
    return parser.parse_args()


def main():
    options = arguments()
    folder = Path(tempfile.mkdtemp(prefix="abuse-"))
    provider = Process(target=run_provider, args=(options.port + 1,), daemon=True)
    provider.start()
    limit = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (options.descriptors,) * 2)
    with (folder / "log").open("w") as log:
        environment = settings(options.port, options.port + 1, folder)
        service = subprocess.Popen([options.binary, "serve"], env=environment, stdout=log, stderr=log, preexec_fn=limit)
    try:
        asyncio.run(wait_until_ready(options.port))
        is_well = asyncio.run(observe(service, options.port, options, folder))
    finally:
        service.terminate()
        service.wait(30)
        provider.terminate()
    print("log and database:", folder)
    sys.exit(0 if is_well else 1)


async def wait_until_ready(port):
    for _ in range(300):
        try:
            if (await request(port, "GET", "/v1/readyz", HONEST))[0] == 200:
                return
        except OSError:
            pass
        await asyncio.sleep(0.1)
    sys.exit("the service does not start")


if __name__ == "__main__":
    main()
