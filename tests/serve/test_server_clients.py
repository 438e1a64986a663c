"""Slow, idle, rude and impatient clients: nobody else notices them."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.support.ports import HOST
from tests.support.processes import PATIENCE, wait_until
from tests.support.serving import Server, add_to_manifest, eventually_gone, read_all, status_of
from tests.support.site import Site

MEDIA = "media/ab/big.png"
# More than the kernel takes for a client that does not read.
SIZE = 30_000_000
CROWD = 1500
# A server that gives up on who reads nothing for a second, not a minute.
IMPATIENT = (
    "-c",
    """
from feeds.cli.main import main
from feeds.serve import server
server._UNREAD_MS = 1000
raise SystemExit(main())
""",
)
FILES = 4096


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    site = Site(tmp_path_factory.mktemp("robust") / "site")
    site.seed()
    site.publish()
    (site.out / MEDIA).parent.mkdir(parents=True)
    with (site.out / MEDIA).open("wb") as file:
        file.truncate(SIZE)
    add_to_manifest(site.out, MEDIA)
    return site


@pytest.fixture(scope="module")
def server(site: Site) -> Iterator[Server]:
    with Server(site) as server:
        yield server
        assert "error" not in server.log()


def connect(server: Server, sent: bytes = b"") -> socket.socket:
    connection = socket.create_connection((HOST, server.port), timeout=PATIENCE)
    connection.sendall(sent)
    return connection


def is_listening(server: Server) -> bool:
    try:
        socket.create_connection((HOST, server.port), timeout=PATIENCE).close()
    except OSError:
        return False
    return True


def takes(server: Server) -> float:
    """Returns how long an ordinary request takes."""
    began = time.monotonic()
    assert server.get("/all.atom", Accept_Encoding="gzip").status == 200
    return time.monotonic() - began


def streams_of(server: Server) -> int:
    """Returns how many answers with the picture are under way."""
    count = 0
    for descriptor in Path(f"/proc/{server.process.pid}/fd").iterdir():
        with suppress(OSError):
            count += descriptor.readlink().name == Path(MEDIA).name
    return count


def memory_of(server: Server) -> int:
    """Returns the resident memory of the server in KiB."""
    status = Path(f"/proc/{server.process.pid}/status").read_text(encoding="ascii")
    return int(status.partition("VmRSS:")[2].split()[0])


@pytest.mark.parametrize(
    "sent",
    [b"", b"GET /all.atom HT", b"GET /all.atom HTTP/1.1\r\nHost: x\r\nX: "],
    ids=["idle", "line", "headers"],
)
def test_crowd_that_says_nothing_more_stops_nobody(server: Server, sent: bytes) -> None:
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < FILES:
        pytest.skip(f"needs {FILES} open files (ulimit -n)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, FILES), hard))
    try:
        with ExitStack() as crowd:
            for _ in range(CROWD):
                crowd.enter_context(connect(server, sent))
            assert takes(server) < PATIENCE
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_client_that_does_not_read_stops_nobody_and_fills_no_memory(server: Server) -> None:
    before = memory_of(server)
    request = f"GET /{MEDIA} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    with ExitStack() as slow:
        for _ in range(20):
            slow.enter_context(connect(server, request))
        assert takes(server) < PATIENCE
        wait_until(lambda: streams_of(server) == 20)
        assert memory_of(server) - before < 20 * SIZE / 1024 / 4


def test_client_that_reads_nothing_is_let_go_and_a_slow_one_is_not(site: Site) -> None:
    request = f"GET /{MEDIA} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    with Server(site, program=IMPATIENT) as server, ExitStack() as crowd:
        idle = crowd.enter_context(connect(server))
        slow = crowd.enter_context(connect(server, request))
        for _ in range(5):
            crowd.enter_context(connect(server, request))
        wait_until(lambda: streams_of(server) == 6)
        got = 0
        while got < SIZE:  # for much longer than others may read nothing
            time.sleep(0.02)
            got += len(slow.recv(SIZE // 200))
        wait_until(lambda: streams_of(server) == 0)
        idle.sendall(b"GET /all.atom HTTP/1.1\r\nHost: x\r\n\r\n")
        assert status_of(idle.recv(1000)) == 200


@pytest.mark.parametrize(
    "sent",
    [
        b"\x00" * 1000,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(200)),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00" * 30,
        b"GET\r\n\r\n",
        b"GET /all.atom HTTP/9.9\r\n\r\n",
        b"GET /all.atom HTTP/1.1\r\nBad Header\r\n\r\n",
        b"GET /all.atom HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET /all.atom HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"A" * 200_000,
    ],
    ids=["nul", "tls", "http2", "line", "version", "header", "length", "lengths", "endless"],
)
def test_garbage_is_refused(server: Server, sent: bytes) -> None:
    with connect(server, sent) as connection:
        with suppress(OSError):  # the server may have had enough before
            connection.shutdown(socket.SHUT_WR)
        assert status_of(read_all(connection)) in {0, 400, 431, 505}
    assert takes(server) < PATIENCE


def test_body_that_nobody_asked_for_is_of_no_use(server: Server) -> None:
    head = b"GET /all.atom HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\n"
    with connect(server, head + b"x" * 100_000) as connection:
        assert status_of(connection.recv(100)) == 200
    assert takes(server) < PATIENCE


def test_requests_in_one_piece_are_answered_in_turn(server: Server) -> None:
    one = b"GET /all.atom HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n"
    last = b"GET /feeds.opml HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = server.send(one * 20 + last)
    assert answer.count(b"HTTP/1.1 200 OK") == 21
    assert answer.endswith(b"</opml>\n")


def test_stop_cuts_no_answer_and_waits_for_nobody_else(site: Site) -> None:
    with Server(site) as server, connect(server) as idle, connect(server) as slow:
        slow.sendall(f"GET /{MEDIA} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert slow.recv(1000).startswith(b"HTTP/1.1 200")
        server.process.terminate()
        got: list[bytes] = []
        reader = threading.Thread(target=lambda: got.append(read_all(slow)))
        wait_until(lambda: not is_listening(server))
        reader.start()
        took = eventually_gone(server.process)
        reader.join()
        assert took < PATIENCE
        assert server.process.returncode == 0
        assert len(got[0]) > SIZE - 1000
        assert idle.recv(1) == b""


def test_stop_does_not_wait_for_ever(site: Site) -> None:
    with Server(site) as server, connect(server) as slow:
        slow.sendall(f"GET /{MEDIA} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert slow.recv(1000).startswith(b"HTTP/1.1 200")
        server.process.terminate()
        assert eventually_gone(server.process) < PATIENCE
        assert server.process.returncode == 0
