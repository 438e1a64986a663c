"""A round with a real hub on loopback: what it is sent, and what its answers come to."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from socketserver import BaseRequestHandler

import pytest

from feeds.common.store_protocols import HUBS_MOVED
from feeds.publish import delivery as rounds
from feeds.publish.delivery import Delivery, deliver
from feeds.store import open_state
from tests.support.hub import Hub, Say, secure_hub, serving
from tests.support.processes import PATIENCE

HOME = "https://news.example.org/"
URLS = [f"https://feeds.example.org/{number}.atom" for number in range(6)]
NOW = 1_800_000_000


class Desk:
    """A state file with pings for a hub, and rounds with it."""

    def __init__(self, state: Path, hub: Hub) -> None:
        self.state = state
        self.hub = hub

    def expect(self, *urls: str, now: int = NOW) -> None:
        """Has documents change."""
        with open_state(self.state, "pass", pytest.fail) as store, store.transaction():
            store.queue_pings((self.hub.url,), urls, now)

    def push(self, seconds: float = PATIENCE) -> Delivery:
        """Does a round."""
        with open_state(self.state, "note") as store:
            return deliver(store, self.hub.url, HOME, seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The time of rounds, which stands still until it is moved."""
    times = [NOW]
    monkeypatch.setattr(rounds, "_now", lambda: times[0])
    return times


@pytest.fixture
def desk(tmp_path: Path, clock: list[int]) -> Iterator[Desk]:
    assert clock == [NOW]
    hub = Hub()
    with hub.up():
        yield Desk(tmp_path / "state.db", hub)


def test_rounds_tell_the_hub_of_each_document_once(desk: Desk) -> None:
    desk.expect(*URLS)
    assert desk.push() == Delivery(desk.hub.url, sent=6)
    assert sorted(desk.hub.topics) == URLS
    heard = desk.hub.heard[0]
    assert heard.form["hub.mode"] == ["publish"]
    assert heard.form["hub.topic"] == heard.form["hub.url"]
    assert heard.agent.startswith("feeds/")
    assert heard.agent.endswith(f" (+{HOME})")
    assert desk.push() == Delivery(desk.hub.url)
    assert len(desk.hub.heard) == 6


def test_rounds_forget_what_the_hub_refuses_and_tell_its_words(desk: Desk) -> None:
    desk.expect(*URLS)
    desk.hub.says[URLS[2]] = Say(404, b"Topic not found for topic URL.")
    over = desk.push()
    words = "404 Not Found: Topic not found for topic URL."
    assert over == Delivery(desk.hub.url, sent=5, losses=(f"{URLS[2]}: {words}",))
    assert desk.push() == Delivery(desk.hub.url)


def test_rounds_tell_a_reason_that_many_share_once(desk: Desk) -> None:
    desk.expect(*URLS)
    desk.hub.says = {"": Say(403, b"who are you?"), URLS[3]: Say(410)}
    shared = f"{URLS[0]} and 4 more: 403 Forbidden: who are you?"
    assert desk.push().losses == (shared, f"{URLS[3]}: 410 Gone")


def test_rounds_follow_no_redirection(desk: Desk) -> None:
    desk.expect(URLS[0])
    desk.hub.says[""] = Say(307, headers=(("Location", f"{desk.hub.url}elsewhere"),))
    (loss,) = desk.push().losses
    assert loss.endswith(f"307 Temporary Redirect: moved to {desk.hub.url}elsewhere")
    assert len(desk.hub.heard) == 1


def test_rounds_try_again_what_the_hub_failed_on_and_go_on_with_the_rest(
    desk: Desk, clock: list[int]
) -> None:
    desk.expect(*URLS)
    desk.hub.says[URLS[0]] = Say(500, b"oops")
    over = desk.push()
    assert (over.sent, over.pending) == (5, 1)
    assert over.error == "500 Internal Server Error: oops"
    assert over.next_try is not None
    assert NOW + 2 <= over.next_try <= NOW + 5
    desk.expect(URLS[1])  # news of another document does not wait for it
    assert desk.push().sent == 1
    desk.hub.says.clear()
    clock[0] = over.next_try
    assert desk.push() == Delivery(desk.hub.url, sent=1)


@pytest.mark.parametrize(
    ("retry", "least", "most"),
    [(None, 2, 5), ("100", 100, 100), ("Fri, 15 Jan 2027 08:10:00 GMT", 600, 600)],
    ids=["silent", "seconds", "date"],
)
@pytest.mark.parametrize("status", [429, 503])
def test_rounds_leave_a_hub_alone_that_has_no_time(
    desk: Desk, clock: list[int], status: int, retry: str | None, least: int, most: int
) -> None:
    desk.expect(*URLS)
    headers = (("Retry-After", retry),) if retry else ()
    desk.hub.says[""] = Say(status, b"", headers)
    over = desk.push()
    assert len(desk.hub.heard) <= 4  # those that were under way already
    assert (over.sent, over.pending, over.losses) == (0, 6, ())
    assert over.next_try is not None
    assert least <= over.next_try - NOW <= most
    desk.expect(URLS[0])
    clock[0] = over.next_try - 1
    before = len(desk.hub.heard)
    assert desk.push().pending == 6
    assert len(desk.hub.heard) == before
    desk.hub.says.clear()
    clock[0] = over.next_try
    assert desk.push() == Delivery(desk.hub.url, sent=6)


def test_rounds_wait_longer_for_a_hub_that_stays_away(desk: Desk, clock: list[int]) -> None:
    desk.expect(*URLS)
    desk.hub.says[""] = Say(503)
    waits = []
    for _ in range(9):
        next_try = desk.push().next_try
        assert next_try is not None
        waits.append(next_try - clock[0])
        clock[0] = next_try
    longest = [5, 10, 20, 40, 80, 160, 320, 640, 900]
    assert all(low / 2 <= wait <= low for low, wait in zip(longest, waits, strict=True))


def test_rounds_try_a_hub_again_after_a_clock_was_set_back(desk: Desk, clock: list[int]) -> None:
    desk.expect(*URLS)
    desk.hub.says[""] = Say(503)
    desk.push()
    desk.hub.says.clear()
    clock[0] = NOW - 30 * 86_400
    assert desk.push().sent == 6


def test_rounds_give_up_after_three_days(desk: Desk, clock: list[int]) -> None:
    desk.expect(*URLS[:2])
    desk.expect(URLS[2], now=NOW + 86_400)
    clock[0] = NOW + 3 * 86_400 + 1
    over = desk.push()
    assert over.losses == (f"{URLS[0]} and 1 more: it took no ping for 3 days",)
    assert desk.hub.topics == [URLS[2]]


def test_rounds_tell_why_a_hub_is_not_reached(tmp_path: Path, clock: list[int]) -> None:
    hub = Hub()
    with hub.up():
        pass  # the port is free again, and nobody listens
    desk = Desk(tmp_path / "state.db", hub)
    desk.expect(*URLS)
    over = desk.push()
    assert (over.pending, over.error) == (6, "Connection refused")
    with hub.up():
        clock[0] += 5
        assert desk.push().sent == 6


def test_rounds_wait_for_a_slow_hub_no_longer_than_told(desk: Desk) -> None:
    desk.expect(*URLS)
    desk.hub.says[""] = Say(after=3 * PATIENCE)
    began = time.monotonic()
    over = desk.push(seconds=2)
    assert time.monotonic() - began < PATIENCE
    assert (over.sent, over.pending, over.error) == (0, 6, "no answer within 2 s")


@pytest.mark.parametrize(("status", "sent"), [(200, 1), (400, 0)])
def test_rounds_take_an_endless_answer_for_its_status(desk: Desk, status: int, sent: int) -> None:
    desk.expect(URLS[0])
    desk.hub.says[""] = Say(status, endless=True)
    over = desk.push()
    assert (over.sent, len(over.losses), over.pending) == (sent, 1 - sent, 0)


def test_rounds_take_an_answer_whose_text_does_not_come_in_time_for_its_status(
    desk: Desk, clock: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "MAX_ANSWER_BYTES", sys.maxsize)
    desk.expect(URLS[0])
    desk.hub.says[""] = Say(endless=True)
    # Where even the status takes longer than the first time, it is asked again and given more.
    for seconds in (3, 9, 27, 81):
        if (over := desk.push(seconds=seconds)).sent:
            break
        clock[0] += 3600
    assert over == Delivery(desk.hub.url, sent=1)


def test_rounds_survive_what_is_no_http(tmp_path: Path, clock: list[int]) -> None:
    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(1000)
            self.request.sendall(b"220 mail.example.org ESMTP\r\n")

    hub = Hub()
    with serving(Handler) as server:
        hub.url = f"http://127.0.0.1:{server.server_port}/"
        desk = Desk(tmp_path / "state.db", hub)
        desk.expect(URLS[0])
        over = desk.push()
    assert (over.pending, over.losses) == (1, ())
    assert over.error
    assert over.next_try in range(clock[0] + 2, clock[0] + 6)


def test_rounds_send_while_a_pass_writes(desk: Desk) -> None:
    desk.expect(URLS[0])
    began, heard = threading.Event(), threading.Event()

    def write() -> None:
        with open_state(desk.state, "pass", pytest.fail) as store, store.transaction():
            began.set()
            assert heard.wait(PATIENCE)

    desk.hub.when_heard = heard.set
    writing = threading.Thread(target=write)
    writing.start()
    assert began.wait(PATIENCE)
    assert desk.push().sent == 1
    writing.join()


def test_rounds_do_not_take_a_new_change_for_the_one_that_was_sent(desk: Desk) -> None:
    desk.expect(URLS[0])

    def change() -> None:
        if len(desk.hub.heard) == 1:
            desk.expect(URLS[0])

    desk.hub.when_heard = change
    assert desk.push().sent == 2
    assert desk.hub.topics == [URLS[0], URLS[0]]


def test_rounds_follow_a_hub_that_has_moved_and_note_where_it_is(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def noted() -> dict[str, str]:
        with open_state(desk.state, "serve") as store:
            assert store is not None
            return store.get_meta(HUBS_MOVED) or {}

    with secure_hub(tmp_path) as (secure, trusted):
        monkeypatch.setenv("SSL_CERT_FILE", trusted)
        desk.expect(*URLS)
        desk.hub.says[""] = Say(308, headers=(("Location", secure.url),))
        assert desk.push() == Delivery(desk.hub.url, sent=6, moved=secure.url)
        assert sorted(secure.topics) == URLS
        assert 1 <= len(desk.hub.heard) <= 4  # those that were asked at once
        assert noted() == {desk.hub.url: secure.url}
        desk.hub.says.clear()
        desk.expect(URLS[0])
        assert desk.push() == Delivery(desk.hub.url, sent=1)
        assert noted() == {}
