#!/usr/bin/env python3
"""Measures the service under load and prints one table; see docs/PERFORMANCE.md.

    tests/load/bench.py                          everything, with 1,000 and 1,000,000 accounts: about half an hour
    tests/load/bench.py --quick                  1,000 accounts, short runs: about three minutes
    tests/load/bench.py --accounts 1000          only this number of accounts; may be repeated
    tests/load/bench.py --database postgres      only this database

Builds the service with the profile `bench`, installs what it needs (wrk, and the packages of the Python service, in a
virtual environment), and keeps databases in target/load for the next run. wrk and the services share the processors.
Everything is measured in turn, several times, and the table has the medians, so whatever else the machine does hits
all alike. Linux only: processor time comes from /proc.
"""

import argparse
import contextlib
import json
import os
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CACHE = ROOT / "target" / "load"
THREADS, CONNECTIONS = 2, 32
TICK = os.sysconf("SC_CLK_TCK")
BARE = "bare poem-openapi handler"


def log(text):
    print(text, file=sys.stderr, flush=True)


def install():
    if not shutil.which("wrk"):
        subprocess.run(["apt-get", "install", "-qy", "wrk"], check=True, stdout=sys.stderr)
    subprocess.run([ROOT / "tests/fixtures/install"], check=True, stdout=sys.stderr)
    venv, needed = CACHE / "venv", (HERE / "yardstick/requirements.txt").read_text()
    installed = venv / "requirements.txt"
    if not installed.exists() or installed.read_text() != needed:
        subprocess.run([sys.executable, "-m", "venv", "--clear", venv], check=True)
        pip = [venv / "bin/pip", "install", "-q", "-r", HERE / "yardstick/requirements.txt"]
        subprocess.run(pip, check=True, stdout=sys.stderr)
        installed.write_text(needed)


def build():
    """Returns the paths of the service and of the other half of the benchmark."""
    command = "cargo bench --workspace --bench load --no-run --message-format=json".split()
    built = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    artifacts = [json.loads(line) for line in built.stdout.splitlines() if line.startswith("{")]
    programs = [one for one in artifacts if one.get("executable")]
    paths = {one["target"]["name"]: one["executable"] for one in programs}
    return paths["central-oauth"], paths["load"]


class Server:
    """A program that listens, and the processor time that it takes."""

    def __init__(self, command, port=None, settings=None, children=False):
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("CENTRAL_OAUTH_", "OTEL_"))}
        self.children = children
        output = subprocess.PIPE if port is None else sys.stderr
        self.process = subprocess.Popen(
            command, env=clean | (settings or {}), stdin=subprocess.PIPE, stdout=output, text=True,
            cwd=HERE / "yardstick",
        )
        self.said = self.process.stdout.readline() if port is None else ""
        self.port = port

    def pids(self):
        pids = [self.process.pid]
        if self.children:
            listed = Path(f"/proc/{pids[0]}/task/{pids[0]}/children").read_text()
            pids += map(int, listed.split())
        return pids

    def cpu(self):
        stats = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in self.pids()]
        return sum(int(stat[11]) + int(stat[12]) for stat in stats) / TICK

    def memory(self):
        """The resident memory without mapped files, in megabytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("RssAnon:")[2].split()[0]) * 1024 / 1e6

    def wait_until_ready(self, path):
        """Returns how long that took."""
        start = time.monotonic()
        while time.monotonic() < start + 60:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}").close()
                break
            assert self.process.poll() is None, "the server has ended"
            time.sleep(0.002)
        return time.monotonic() - start

    def stop(self):
        self.process.stdin.close()
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(60)


def wrk(ports, kind, file="-", every=0, seconds=4.0, once=False, path="/v1/healthz"):
    threads = len(ports) if len(ports) > 1 else 1 if once else THREADS
    command = ["wrk", f"-t{threads}", f"-c{CONNECTIONS // threads * threads}", f"-d{seconds:.0f}", "--timeout", "10s"]
    command += ["-s", HERE / "load.lua", f"http://127.0.0.1:{ports[0]}{path}", "--"]
    command += ["once"] * once + [kind, file, str(threads), f"{every:.3f}"]
    environment = os.environ | {"PORTS": " ".join(map(str, ports))}
    run = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True)
    result = [line for line in run.stdout.splitlines() if line.startswith("RESULT ")]
    assert result, run.stdout
    result = json.loads(result[0].removeprefix("RESULT "))
    if once:
        # All connections are busy, so their number and the mean latency give the rate (Little's law).
        result["seconds"] = result["answers"] * result["mean"] / 1e6 / CONNECTIONS
    return result


class Report:
    """Rows of figures, each the median of several rounds."""

    def __init__(self):
        self.rows = {}

    def note(self, row, **figures):
        for name, figure in figures.items():
            self.rows.setdefault(row, {}).setdefault(name, []).append(figure)
        log(f"{row}: " + ", ".join(f"{name} {figure:.1f}" for name, figure in figures.items()))

    def median(self, row, name):
        figures = self.rows.get(row, {}).get(name)
        return statistics.median(figures) if figures else None

    def print(self):
        print("| | requests/s | lowest to highest | CPU, µs | p50, ms | p99, ms | failed | requests/s ÷ bare | CPU ÷ bare |")
        print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
        for row, figures in self.rows.items():
            if "rate" not in figures:
                continue
            bare = f"{BARE}, {'empty' if 'healthz' in row or 'empty' in row else 'token'}"
            rate, cpu = self.median(row, "rate"), self.median(row, "cpu")
            against = [self.ratio(rate, self.median(bare, "rate")), self.ratio(cpu, self.median(bare, "cpu"))]
            spread = f"{min(figures['rate']):,.0f} to {max(figures['rate']):,.0f}"
            half = [self.shown(self.median(row, name)) for name in ("p50", "p99")]
            failed = f"{sum(figures.get('failed', [0])):.0f}"
            print("|", " | ".join([row, f"{rate:,.0f}", spread, f"{cpu:.1f}", *half, failed, *against]), "|")
        print("\n| | ready after, ms | memory after a start, MB | after the run, MB |\n| --- | --- | --- | --- |")
        for row in self.rows:
            figures = [self.median(row, name) for name in ("start", "memory", "after")]
            if None not in figures:
                print("|", " | ".join([row, *(f"{figure:.1f}" for figure in figures)]), "|")

    @staticmethod
    def shown(figure):
        return "–" if figure is None else f"{figure:.2f}"

    @classmethod
    def ratio(cls, figure, bare):
        return cls.shown(figure / bare if figure and bare else None)


class Postgres:
    """A server of the benchmark's own with the durability of an installation, kept in the cache."""

    def __init__(self):
        versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
        self.programs, self.folder = versions[-1], CACHE / "postgres"
        as_postgres = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--"]
        self.run_as = as_postgres if os.geteuid() == 0 else []
        if not (self.folder / "PG_VERSION").exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            if self.run_as:
                shutil.chown(self.folder, "postgres", "postgres")
            initdb = [self.programs / "initdb", "--no-locale", "--encoding=UTF8", "--auth=trust", "--username=load"]
            subprocess.run([*self.run_as, *initdb, "-D", self.folder], check=True, stdout=sys.stderr, cwd="/")
        self.port = free_port()
        options = {"port": self.port, "listen_addresses": "127.0.0.1", "unix_socket_directories": self.folder}
        options |= {"shared_buffers": "512MB", "max_wal_size": "4GB"}
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        command = [*self.run_as, self.programs / "postgres", "-D", self.folder, *settings]
        self.process = subprocess.Popen(command, stderr=open(CACHE / "postgres.log", "a"), cwd="/")
        ready = [self.programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        while subprocess.run(ready).returncode:
            assert self.process.poll() is None, "PostgreSQL has ended; see target/load/postgres.log"
            time.sleep(0.1)

    def url(self, accounts):
        name = f"accounts_{accounts}"
        if not self.execute("postgres", f"SELECT 1 FROM pg_database WHERE datname = '{name}'"):
            self.execute("postgres", f"CREATE DATABASE {name}")
        return f"postgres://load@127.0.0.1:{self.port}/{name}"

    def execute(self, database, sql):
        psql = [self.programs / "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(self.port)]
        psql += ["-U", "load", "-d", database, "-c", sql]
        return subprocess.run(psql, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()

    def stop(self):
        # The supervised process is the server itself: setpriv gives way to it.
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)


def free_port():
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


class Scene:
    """A database with accounts, and the services that use it."""

    def __init__(self, programs, database, accounts, postgres):
        self.service, load = programs
        self.name, self.accounts, self.postgres = f"{database}, {accounts:,} accounts", accounts, postgres
        self.path = CACHE / f"accounts-{accounts}.sqlite3"
        self.url = postgres.url(accounts) if postgres else f"sqlite://{self.path}"
        log(f"{self.name}: filling")
        self.world = Server([load, "world", self.url, str(accounts)])
        told = json.loads(self.world.said)
        self.live, self.keys = told["accounts"], CACHE / f"keys-{database}-{accounts}"
        self.keys.write_text("\n".join(told["keys"]) + "\n")
        self.codes = CACHE / f"codes-{database}-{accounts}"
        self.settings = {f"CENTRAL_OAUTH_{name}": value for name, value in told["settings"].items()}
        self.forget_links()
        self.server = None

    def start(self, report, **settings):
        port = free_port()
        settings = {"LISTEN_ADDR": f"127.0.0.1:{port}", "DATABASE_URL": self.url, "LOG": "warn"} | settings
        # wrk asks for link codes in the name of many networks.
        settings["TRUSTED_PROXIES"] = "127.0.0.1/32"
        settings = self.settings | {f"CENTRAL_OAUTH_{name}": value for name, value in settings.items()}
        server = Server([self.service, "serve"], port, settings)
        ready = server.wait_until_ready("/v1/readyz")
        if report:
            time.sleep(2)
            report.note(self.name, start=ready * 1000, memory=server.memory())
        return server

    def execute(self, sql):
        if self.postgres:
            return self.postgres.execute(f"accounts_{self.accounts}", sql)
        with contextlib.closing(sqlite3.connect(self.path, timeout=30)) as database:
            row = [*database.execute(sql)]
            database.commit()
            return "|".join(map(str, row[0])) if row else ""

    def forget_links(self):
        self.execute("DELETE FROM device_codes")
        self.execute("DELETE FROM access_keys WHERE account_id IS NULL")

    def refresh(self, report, row, servers):
        """Makes all live accounts due at once."""
        since = int(time.time() * 1000)
        these = f"account_id IN ({','.join(map(str, self.live))})"
        before = sum(server.cpu() for server in servers)
        self.execute(f"UPDATE tokens SET next_refresh_at = {since} WHERE {these}")
        look = f"SELECT count(*), max(last_refreshed_at) - min(obtained_at) FROM tokens WHERE {these} AND last_refreshed_at >= {since}"
        for _ in range(300):
            done, took = (self.execute(look).split("|") + [""])[:2]
            if int(done) == len(self.live):
                break
            time.sleep(0.2)
        used = sum(server.cpu() for server in servers) - before
        failed, rate = len(self.live) - int(done), int(done) / max(float(took or 1e9) / 1e3, 1e-3)
        report.note(row, rate=rate, cpu=used / max(int(done), 1) * 1e6, failed=failed)

    def stop(self):
        if self.server:
            self.server.stop()
        self.world.stop()


class Bench:
    def __init__(self, arguments):
        self.seconds, self.rounds = (2, 1) if arguments.quick else (4, 3)
        self.report = Report()

    def run(self, row, servers, kind, file="-", half=True, before=None, seconds=None, **more):
        """One saturating run, and one at half of that load."""
        ports = [server.port for server in servers]
        if before:
            before()
        cpu = sum(server.cpu() for server in servers)
        result = wrk(ports, kind, file, seconds=seconds or self.seconds, **more)
        cpu, answers = sum(server.cpu() for server in servers) - cpu, max(result["answers"], 1)
        rate = result["answers"] / result["seconds"]
        self.report.note(row, rate=rate, cpu=cpu / answers * 1e6, failed=result["failed"])
        if result["throttled"]:
            self.report.note(row, throttled=result["throttled"] / answers * 100)
        if half:
            if before:
                before()
            # Every connection pauses so that all together send half; they wait for their answers besides.
            every = max(CONNECTIONS / (rate / 2) * 1000 - result["p50"] / 1000 / CONNECTIONS, 0)
            result = wrk(ports, kind, file, every=every, seconds=seconds or self.seconds, **more)
            sent = result["answers"] / result["seconds"] / rate * 100
            self.report.note(row, p50=result["p50"] / 1e3, p99=result["p99"] / 1e3, half=sent)

    def round(self, bare, yardstick, scenes):
        keys = scenes[0].keys
        self.run(f"{BARE}, empty", [bare], "get")
        self.run(f"{BARE}, token", [bare], "token", keys)
        self.run("Python (FastAPI, sqlite3), token", [yardstick], "token", CACHE / "keys-yardstick")
        for scene in scenes:
            self.scene(scene)

    def scene(self, scene):
        server, name = scene.server, scene.name
        self.run(f"{name}: healthz", [server], "get")
        self.run(f"{name}: token", [server], "token", scene.keys)
        server.stop()
        server = scene.server = scene.start(self.report)
        self.run(f"{name}: token, first after a start", [server], "token", scene.keys, half=False, once=True)
        uncached = scene.start(None, TOKEN_CACHE="off")
        self.run(f"{name}: token, cache off", [uncached], "token", scene.keys)
        uncached.stop()
        # 9,000 link codes may be open at a time.
        self.run(f"{name}: link code", [server], "link", scene.codes, before=scene.forget_links, seconds=1)
        pieces = [Path(f"{scene.codes}.{n}") for n in range(THREADS)]
        scene.codes.write_text("".join(piece.read_text() for piece in pieces))
        self.run(f"{name}: poll", [server], "poll", scene.codes)
        scene.refresh(self.report, f"{name}: refresh", [server])
        self.report.note(name, after=server.memory())

    def replicas(self, scene):
        servers = [scene.server]
        for count in (1, 2, 3):
            while len(servers) < count:
                servers.append(scene.start(None))
            row = f"{scene.name}, replicas: {count}"
            self.run(f"{row}: token", servers, "token", scene.keys, half=False)
            scene.refresh(self.report, f"{row}: refresh", servers)
        for server in servers[1:]:
            server.stop()


def start_yardstick():
    python, path, keys = CACHE / "venv/bin", CACHE / "yardstick.sqlite3", CACHE / "keys-yardstick"
    for file in CACHE.glob("yardstick.sqlite3*"):
        file.unlink()
    with open(keys, "w") as file:
        fill = [python / "python", HERE / "yardstick/service.py", "fill", path, "1000"]
        subprocess.run(fill, check=True, stdout=file)
    port = free_port()
    command = [python / "uvicorn", "--workers", "2", "--port", str(port), "--log-level", "warning"]
    server = Server([*command, "--no-access-log", "service:app"], port, {"DATABASE": str(path)}, children=True)
    server.wait_until_ready("/openapi.json")
    return server


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--accounts", type=int, action="append")
    parser.add_argument("--database", choices=["sqlite", "postgres"], action="append")
    arguments = parser.parse_args()
    sizes = arguments.accounts or ([1_000] if arguments.quick else [1_000, 1_000_000])
    CACHE.mkdir(parents=True, exist_ok=True)
    install()
    programs, bench = build(), Bench(arguments)
    with contextlib.ExitStack() as stack:
        bare = Server([programs[1], "bare"])
        stack.callback(bare.stop)
        bare.port = int(bare.said)
        yardstick = start_yardstick()
        stack.callback(yardstick.stop)
        scenes = []
        for database in arguments.database or ["sqlite", "postgres"]:
            postgres = Postgres() if database == "postgres" else None
            if postgres:
                stack.callback(postgres.stop)
            for accounts in sizes:
                scene = Scene(programs, database, accounts, postgres)
                stack.callback(scene.stop)
                scene.server = scene.start(bench.report)
                scenes.append(scene)
        for number in range(bench.rounds):
            log(f"round {number + 1} of {bench.rounds}")
            bench.round(bare, yardstick, scenes)
            for scene in scenes:
                if scene.postgres and scene.accounts == sizes[0]:
                    bench.replicas(scene)
    bench.report.print()


if __name__ == "__main__":
    main()
