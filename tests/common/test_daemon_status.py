"""The notifier, against real datagram sockets."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from feeds.common.daemon_status import Notifier
from tests.support.processes import PATIENCE


@pytest.fixture(params=["path", "abstract"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """What NOTIFY_SOCKET says."""
    if request.param == "path":
        return str(tmp_path / "notify")
    return f"@feeds-test-{os.getpid()}-{tmp_path.name}"


@pytest.fixture
def listener(address: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("\0" + address[1:] if address.startswith("@") else address)
        listener.settimeout(PATIENCE)
        yield listener


@pytest.mark.parametrize(
    "states",
    [
        ("READY=1",),
        ("READY=1", "STATUS=first pass"),
        ("STATUS=failing: /srv/Übersicht \U0001f600",),
    ],
)
def test_notifier_sends_its_states_as_one_datagram(
    address: str, listener: socket.socket, states: tuple[str, ...]
) -> None:
    Notifier({"NOTIFY_SOCKET": address}).tell(*states)
    assert listener.recv(4096).decode().split("\n") == list(states)


def test_notifier_sends_again_and_again_in_order(address: str, listener: socket.socket) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": address})
    for number in range(5):
        notifier.tell(f"STATUS={number}")
    assert [listener.recv(4096) for _ in range(5)] == [b"STATUS=%d" % n for n in range(5)]


def test_notifier_status_of_several_lines_is_no_state_of_its_own(
    address: str, listener: socket.socket
) -> None:
    Notifier({"NOTIFY_SOCKET": address}).tell("STATUS=a reason\nSTOPPING=1")
    assert len(listener.recv(4096).splitlines()) == 1


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": ""}])
def test_notifier_without_a_socket_does_nothing(environment: dict[str, str]) -> None:
    Notifier(environment).tell("READY=1")


def test_notifier_reads_the_environment_of_the_process(
    monkeypatch: pytest.MonkeyPatch, address: str, listener: socket.socket
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    Notifier().tell("READY=1")
    assert listener.recv(4096) == b"READY=1"


@pytest.mark.parametrize(
    "address",
    ["/does/not/exist", "@nobody-listens-here", "not absolute", "/" + "x" * 200, "@"],
    ids=["missing", "abstract", "relative", "too long", "no name"],
)
def test_notifier_whose_socket_nobody_reads_stops_nothing(address: str) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": address})
    notifier.tell("READY=1")
    notifier.tell("STATUS=still here")


def test_notifier_that_nobody_heard_is_heard_once_somebody_listens(tmp_path: Path) -> None:
    # Else the watchdog would take a daemon for dead that systemd could not hear for a moment.
    address = str(tmp_path / "notify")
    notifier = Notifier({"NOTIFY_SOCKET": address})
    notifier.tell("READY=1")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(address)
        listener.settimeout(PATIENCE)
        notifier.tell("WATCHDOG=1")
        assert listener.recv(64) == b"WATCHDOG=1"


def test_notifier_does_not_wait_for_a_listener_whose_queue_is_full(
    address: str, listener: socket.socket
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as crowd, suppress(BlockingIOError):
        crowd.settimeout(0)
        crowd.connect(listener.getsockname())
        while True:
            crowd.send(b"noise")
    notifier = Notifier({"NOTIFY_SOCKET": address})
    telling = threading.Thread(target=notifier.tell, args=("WATCHDOG=1",))
    telling.start()
    telling.join(PATIENCE)
    is_stuck = telling.is_alive()
    listener.recv(64)  # makes room for one more
    telling.join()
    assert not is_stuck


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({}, 0),
        ({"WATCHDOG_USEC": "60000000"}, 30),
        ({"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": str(os.getpid())}, 0.5),
        ({"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": str(os.getpid() + 1)}, 0),
        ({"WATCHDOG_USEC": ""}, 0),
        ({"WATCHDOG_USEC": "soon"}, 0),
        ({"WATCHDOG_USEC": "0"}, 0),
    ],
)
def test_notifier_pings_twice_as_often_as_the_watchdog_of_this_process_wants(
    environment: dict[str, str], seconds: float
) -> None:
    assert Notifier(environment).watchdog_seconds == seconds
