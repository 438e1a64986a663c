"""Commands that are told to stop: they tidy up, say so in one line, and end with 130."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from feeds.publish import read_manifest
from tests.support.imaging import Server, configure, seed_with, serving
from tests.support.processes import PATIENCE, wait_until
from tests.support.site import Site

SAID = "feeds: interrupted; every published file is whole, the next run does the rest\n"
SIGNALS = [signal.SIGTERM, signal.SIGHUP, signal.SIGINT]
signals = pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
FEEDS = 600

# A command that waits for a signal when its processes have written some documents.
WAITS = """
import sys, time
from feeds.cli.main import main
from feeds.publish import Publisher
take, taken = Publisher.take_unflushed, []
def take_and_wait(publisher, documents):
    take(publisher, documents)
    taken.append(documents)
    while len(taken) == 10:
        time.sleep(0.05)
Publisher.take_unflushed = take_and_wait
sys.exit(main())
"""

# One that takes an object away for so long that an interrupt comes.
LOSES = """
import sys, time
from feeds.cli.main import main
from feeds.publish import Publisher
take, taken = Publisher.take_unflushed, []
class Kept:
    def __del__(self):
        try:
            print("kept", flush=True)
            while True:
                time.sleep(0.05)
        finally:
            print("lost", flush=True)
def take_and_wait(publisher, documents):
    take(publisher, documents)
    taken.append(documents)
    if len(taken) == 10:
        Kept()
    while len(taken) == 10:
        time.sleep(0.05)
Publisher.take_unflushed = take_and_wait
sys.exit(main())
"""


@pytest.fixture
def large(site: Site) -> Site:
    """A site of a feed for each of many topics."""
    for number in range(FEEDS // 40):
        topics = [f"Topic {number * 40 + one}" for one in range(40)]
        site.seed(f"{number}.txt", number=number + 1, topics=topics)
    return site


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


def half_written(out: Path) -> list[str]:
    """Returns the names of temporary files in out/."""
    return [path.name for path in out.rglob("*") if path.name.endswith(".feeds-tmp")]


def start(
    site: Site, *arguments: str, ignoring: int = 0, program: str = ""
) -> subprocess.Popen[str]:
    """Starts a command in a session of its own, as from a shell that has a signal ignored."""
    return subprocess.Popen(
        [
            sys.executable,
            *(["-c", program] if program else ["-m", "feeds"]),
            *arguments,
            "--config",
            site.root / "config.toml",
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=(lambda: signal.signal(ignoring, signal.SIG_IGN)) if ignoring else None,  # noqa: PLW1509
    )


@pytest.mark.parametrize(
    ("number", "whom"),
    [
        *((number, "the process") for number in SIGNALS),
        (signal.SIGTERM, "its group"),  # from systemd
        (signal.SIGINT, "its group"),  # from a terminal
        (signal.SIGTERM, "the process, and again"),
    ],
    ids=str,
)
def test_export_that_is_told_to_stop_leaves_nothing_half_written(
    number: signal.Signals, whom: str, large: Site
) -> None:
    process = start(large, "export", program=WAITS)
    wait_until(lambda: len(half_written(large.out)) > 20)
    if whom == "its group":
        os.killpg(process.pid, number)
    else:
        os.kill(process.pid, number)
    if whom.endswith("again"):
        for again in (*SIGNALS, *SIGNALS):
            time.sleep(0.002)
            os.kill(process.pid, again)
    _, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (130, SAID)
    assert half_written(large.out) == []
    assert large.documents() == {}
    assert not read_manifest(large.out).unfinished
    assert large.run("export").code == 0
    assert len(large.documents()) > 3 * FEEDS


@signals
def test_fetch_that_is_told_to_stop_says_so_and_leaves_nothing(
    number: signal.Signals, site: Site, server: Server
) -> None:
    configure(site)
    seed_with(site, 1, server.drip("/slow.jpg"), server.drip("/other.jpg"))
    site.publish()
    for command in ("images fetch", "export --fetch-images"):
        server.requests.clear()
        process = start(site, *command.split())
        wait_until(lambda: len(server.requests) == 2)
        process.send_signal(number)
        _, err = process.communicate(timeout=PATIENCE)
        assert (process.returncode, err) == (130, SAID)
        assert not list((site.root / ".feeds/images").glob("tmp/*"))
        assert not list(site.root.rglob("*.lock"))


def test_another_interrupt_ends_an_export_that_lost_the_first(large: Site) -> None:
    """Python drops what is raised while it takes an object away, for instance."""
    process = start(large, "export", program=LOSES)
    assert process.stdout
    assert process.stdout.readline() == "kept\n"
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "lost\n"
    # Again and again, since the first may still be on its way to where it gets lost.
    while process.poll() is None:
        process.send_signal(signal.SIGINT)
        time.sleep(0.05)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert err.endswith(SAID)
    assert half_written(large.out) == []


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT], ids=str)
def test_signal_that_the_shell_has_ignored_stays_ignored(
    number: signal.Signals, large: Site
) -> None:
    """As nohup does with SIGHUP, and a shell with SIGINT for what runs in the background."""
    process = start(large, "export", ignoring=number)
    wait_until(lambda: half_written(large.out) or process.poll() is not None)
    os.killpg(process.pid, number)
    _, err = process.communicate(timeout=2 * PATIENCE)
    assert (process.returncode, err) == (0, "")
    assert half_written(large.out) == []


def test_signal_while_handlers_are_given_back_does_not_undo_a_command(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.seed()
    give_back = signal.signal
    sent: list[object] = []

    def send_first(number: int, handler: object) -> object:
        if handler in before and not sent:
            sent.append(number)
            os.kill(os.getpid(), signal.SIGTERM)
        return give_back(number, handler)  # type: ignore[arg-type]

    told: list[int] = []
    handler = signal.signal(signal.SIGTERM, lambda number, _: told.append(number))
    before = [signal.getsignal(number) for number in SIGNALS]
    try:
        monkeypatch.setattr(signal, "signal", send_first)
        assert site.run("list").code == 0
    finally:
        monkeypatch.undo()
        signal.signal(signal.SIGTERM, handler)
    assert sent
    assert told == [signal.SIGTERM]


def test_main_leaves_the_handlers_of_its_caller_as_they_were(site: Site) -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    site.run("list")
    assert [signal.getsignal(number) for number in SIGNALS] == before
