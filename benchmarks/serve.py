"""Load on `feeds serve`, on nginx serving the same out/, and on bare granian applications.

Each in turn, in every round, by wrk: requests per second of the servers' CPU time, so that what
wrk itself and other processes take does not count. Needs wrk and nginx with its gzip_static module
(Debian: wrk, nginx).
"""

import argparse
import gzip
import http.client
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple

from measure import MEBIBYTE, Bar, print_bars, print_table
from workspace import Workspace

HOST = "127.0.0.1"
BARE = Path(__file__).resolve().with_name("serve_bare.py")
FEED = "all.atom"
OF_NGINX, OF_BARE = 0.5, 0.9
# The server has compressed everything by then.
PATIENCE = 60
NGINX = """
worker_processes 1; daemon off; pid {root}/nginx.pid; error_log {root}/nginx.log;
events {{ worker_connections 1024; }}
http {{
    types {{ application/atom+xml atom; }}
    access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000;
    client_body_temp_path {root}/t1; proxy_temp_path {root}/t2; fastcgi_temp_path {root}/t3;
    uwsgi_temp_path {root}/t4; scgi_temp_path {root}/t5;
    server {{
        listen {host}:{port}; root {out};
        gzip_static on; gzip_vary on;
        add_header Cache-Control "public, max-age=900";
        add_header X-Content-Type-Options nosniff;
        add_header Access-Control-Allow-Origin *;
        add_header Link '<https://feeds.example.org/all.atom>; rel="self"';
    }}
}}
"""


class Load(NamedTuple):
    """What wrk found: requests per second of the server's CPU, and the slowest of a hundred, ms."""

    per_cpu: float
    p99: float


@contextmanager
def running(command: list[str], port: int) -> Iterator[int]:
    """Run a server, and give its process id once it answers."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            wait_for(lambda: answers(port))
            yield server.pid
        finally:
            server.terminate()


def wait_for(true: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > deadline:
            sys.exit(f"not so within {PATIENCE} s")
        time.sleep(0.05)


def answers(port: int) -> bool:
    """Tell whether somebody listens."""
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def free_port() -> int:
    """Return a port that nobody uses now."""
    with socket.create_server((HOST, 0)) as free:
        return int(free.getsockname()[1])


def cpu_of(pid: int) -> float:
    """Return the CPU seconds of a process and its children until now."""
    pids, ticks = [pid], 0
    while pids:
        one = pids.pop()
        for task in Path(f"/proc/{one}/task").glob("*"):
            pids += map(int, (task / "children").read_text(encoding="ascii").split())
        fields = Path(f"/proc/{one}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def memory_of(pid: int) -> int:
    """Return the resident memory of a process in bytes."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


def fetch(port: int, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and body of an answer."""
    connection = http.client.HTTPConnection(HOST, port, timeout=30)
    try:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("GET", f"/{path}", headers=sent)
        answer = connection.getresponse()
        found = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, found, answer.read()
    finally:
        connection.close()


def load(pid: int, port: int, seconds: int, status: int) -> Load:
    """Ask for one document over and over, compressed or conditionally."""
    headers = {"Accept-Encoding": "gzip"}
    tag = fetch(port, FEED, Accept_Encoding="gzip")[1]["etag"]
    if status == http.client.NOT_MODIFIED:
        headers["If-None-Match"] = tag
    got = fetch(port, FEED, **{name.replace("-", "_"): text for name, text in headers.items()})[0]
    if got != status:
        sys.exit(f"{got} instead of {status}")
    command = ["wrk", "-t1", "-c32", f"-d{seconds}s", "--latency"]
    for name, value in headers.items():
        command += ["-H", f"{name}: {value}"]
    before = cpu_of(pid)
    ran = subprocess.run(
        [*command, f"http://{HOST}:{port}/{FEED}"], capture_output=True, text=True, check=True
    )
    cpu = cpu_of(pid) - before
    (requests,) = re.findall(r"(\d+) requests in", ran.stdout)
    ((number, unit),) = re.findall(r"99%\s+([\d.]+)(us|ms|s)", ran.stdout)
    if "Socket errors" in ran.stdout:
        sys.exit(ran.stdout)
    return Load(int(requests) / cpu, float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit])


def servers(space: Workspace, port: int) -> dict[str, list[str]]:
    """Return the commands of all servers."""
    feeds = [sys.executable, "-m", "feeds", "serve", "--config", str(space.config)]
    bare = [sys.executable, str(BARE), str(space.out / FEED), str(port)]
    conf = space.root / "nginx.conf"
    text = NGINX.format(root=space.root, host=HOST, port=port, out=space.out)
    conf.write_text(text, encoding="ascii")
    return {
        "nginx": ["nginx", "-c", str(conf)],
        "feeds serve": [*feeds, "--port", str(port)],
        "bare granian, RSGI": [*bare, "rsgi"],
        "bare granian, ASGI": [*bare, "asgi"],
    }


def settle(pid: int) -> None:
    """Wait until a server that has just begun has nothing more to do."""
    before = -1.0
    while (now := cpu_of(pid)) - before > 0.05:
        before = now
        time.sleep(1)


def compare(space: Workspace, rounds: int, seconds: int) -> list[Bar]:
    """Load all servers in turn."""
    found: dict[tuple[str, int], list[Load]] = {}
    for _ in range(rounds):
        port = free_port()
        for name, command in servers(space, port).items():
            with running(command, port) as pid:
                settle(pid)
                for status in (200, 304):
                    found.setdefault((name, status), []).append(load(pid, port, seconds, status))
    middle = {
        key: Load(median(one.per_cpu for one in loads), median(one.p99 for one in loads))
        for key, loads in found.items()
    }
    rows = [
        (
            f"{name}, {'gzip 200' if status == 200 else 304}",
            f"{one.per_cpu:,.0f}",
            f"{one.per_cpu / middle['nginx', status].per_cpu:.2f}",
            f"{one.p99:.1f}",
        )
        for (name, status), one in sorted(middle.items(), key=lambda pair: pair[0][1])
    ]
    print_table(("", "requests per CPU s", "of nginx", "p99 ms"), rows)
    bars = []
    for status in (200, 304):
        ours = middle["feeds serve", status].per_cpu
        for other, limit in (("nginx", OF_NGINX), ("bare granian, RSGI", OF_BARE)):
            share = middle[other, status].per_cpu / ours
            bars.append(Bar(f"{status}: {other} per CPU s, of ours", share, 1 / limit))
    return bars


def endure(space: Workspace, requests: int) -> Bar:
    """Ask very often, and look what memory does meanwhile."""
    port = free_port()
    with running(servers(space, port)["feeds serve"], port) as pid:
        settle(pid)
        load(pid, port, 2, 200)
        before, asked = memory_of(pid), 0.0
        while asked < requests:
            cpu = cpu_of(pid)
            asked += load(pid, port, 5, 200).per_cpu * (cpu_of(pid) - cpu)
        grown = memory_of(pid) - before
    print(f"\n{asked:,.0f} requests: memory {before / MEBIBYTE:.1f} MiB before")
    return Bar("memory grown", grown / MEBIBYTE, 5, " MiB")


def publish_under_load(space: Workspace, passes: int) -> list[Bar]:
    """Publish while readers ask; look for answers that are torn or not there."""
    from feeds.serve.messages import digest_of

    port, stop = free_port(), threading.Event()
    faults: list[str] = []
    seen: set[str] = set()
    changed = 0

    def read(path: str) -> None:
        while not stop.is_set():
            status, headers, body = fetch(port, path, Accept_Encoding="gzip")
            tag = headers.get("etag", "").strip('"')
            seen.add(tag)
            if status != 200 or f"{digest_of(gzip.decompress(body))}-gzip" != tag:
                faults.append(f"{path}: {status} {tag}")

    with running(servers(space, port)["feeds serve"], port) as pid:
        settle(pid)
        readers = [
            threading.Thread(target=read, args=(f"all.{extension}",))
            for extension in ("atom", "rss", "json")
        ]
        for reader in readers:
            reader.start()
        for number in range(passes):
            for seed in sorted(space.seeds.rglob("*.txt"))[:50]:
                text = seed.read_text(encoding="utf-8")
                seed.write_text(re.sub("(?m)^title: .*", f"title: News {number}", text, count=1))
            before = {path: path.stat().st_mtime_ns for path in space.out.rglob("*.atom")}
            # Not space.export: it would wait for the server, too.
            argv = (sys.executable, "-m", "feeds", "export", "--config", str(space.config))
            subprocess.run(argv, stdout=subprocess.DEVNULL, check=True)
            changed += sum(path.stat().st_mtime_ns != old for path, old in before.items())
        time.sleep(1)
        stop.set()
        for reader in readers:
            reader.join()
    print(f"\n{passes} passes changed {changed} feeds; readers saw {len(seen)} versions")
    return [Bar("answers torn or missing", len(faults), 0)]


def main() -> None:
    """Read the command line, compare, and exit with 1 if a bar is not reached."""
    parser = argparse.ArgumentParser(description="Load the server.")
    parser.add_argument("--seeds", type=int, default=1_000, metavar="N")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4, help="of each load")
    parser.add_argument("--requests", type=int, default=1_000_000, help="to look at memory")
    parser.add_argument("--passes", type=int, default=5, help="during load")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="feeds-benchmark-") as folder:
        space = Workspace(Path(folder))
        space.prepare(arguments.seeds)
        space.export()
        # For nginx, which a worker of another user serves.
        Path(folder).chmod(0o755)
        packed = gzip.compress((space.out / FEED).read_bytes(), 9)
        (space.out / f"{FEED}.gz").write_bytes(packed)
        bars = compare(space, arguments.rounds, arguments.seconds)
        bars.append(endure(space, arguments.requests))
        bars += publish_under_load(space, arguments.passes)
        sys.exit(0 if print_bars(bars) else 1)


if __name__ == "__main__":
    main()
