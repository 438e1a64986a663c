"""The daemon and a hub: a subscriber hears of a seed soon, and nothing is held up."""

from __future__ import annotations

import json
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any

import pytest

from tests.support.hub import Hub, Say, Subscriber, name_hubs, serving_files
from tests.support.processes import PATIENCE, Daemon, wait_until
from tests.support.site import Site

WATCH = '[schedule]\nevery = "1h"\nwatch = true\n'
OFTEN = '[schedule]\nevery = "1s"\nwatch = true\n'


class Newsroom:
    """A site on the web, with a hub that is up unless told otherwise."""

    def __init__(self, site: Site, base_url: str) -> None:
        self.site = site
        self.base_url = base_url
        self.hub = Hub()
        self._hub_up = ExitStack()
        self.start_hub()
        name_hubs(site, base_url, self.hub.url, more=WATCH)

    def start_hub(self) -> None:
        self._hub_up.enter_context(self.hub.up())

    def stop_hub(self) -> None:
        self._hub_up.close()

    def save(self, title: str) -> float:
        """Saves the seed as an editor would, and returns when."""
        path = self.site.seed(title=title)
        path.touch()
        return time.monotonic()

    def has(self, title: str) -> bool:
        """Tells whether the hub was told after this had been published."""
        return title in self.site.titles() and f"{self.base_url}all.json" in self.hub.topics

    def pending(self) -> list[dict[str, Any]]:
        hubs = self.site.run("status", "--json").report()["hubs"]
        assert isinstance(hubs, list)
        return hubs


@pytest.fixture
def newsroom(site: Site) -> Iterator[Newsroom]:
    site.seed(title="First")
    site.out.mkdir()
    with serving_files(site.out) as base_url:
        newsroom = Newsroom(site, base_url)
        yield newsroom
        newsroom.stop_hub()


def test_push_reaches_a_subscriber_soon(newsroom: Newsroom) -> None:
    subscriber = Subscriber()
    with Daemon(newsroom.site) as daemon, subscriber.up() as callback:
        daemon.wait_for("hub told")
        topic = f"{newsroom.base_url}all.atom"
        subscriber.subscribe(newsroom.site.read("all.atom"), callback)
        wait_until(lambda: subscriber.topics == [topic])
        for title in ("Second", "Third"):
            saved = newsroom.save(title)
            wait_until(partial(subscriber.knows, title))
            # Two seconds are promised, which benchmarks/push.py measures; machines may be busy.
            assert subscriber.told[-1].at - saved < PATIENCE
        headers = subscriber.told[-1].headers
        assert headers["link"] == f'<{newsroom.hub.url}>; rel="hub", <{topic}>; rel="self"'
        assert headers["x-hub-signature"].startswith("sha256=")
        assert subscriber.told[-1].body == newsroom.site.read("all.atom")
        assert daemon.stop() == 0


def test_push_waits_for_a_hub_that_is_down_and_tells_it_when_it_is_back(
    newsroom: Newsroom,
) -> None:
    newsroom.stop_hub()
    with Daemon(newsroom.site) as daemon:
        (event,) = daemon.wait_for("hub not told, will be tried again")
        assert (event["reason"], event["pending"]) == ("Connection refused", 9)
        newsroom.save("Second")
        daemon.wait_for("pass", 2)
        newsroom.start_hub()
        daemon.wait_for("hub told")
        daemon.wait_for("hub takes pings again")
        assert newsroom.has("Second")
        assert len(newsroom.hub.topics) == len(set(newsroom.hub.topics)) == 9
        assert newsroom.pending() == []
        assert len(daemon.events("hub not told, will be tried again")) == 1


def test_push_to_a_slow_hub_delays_no_pass_and_no_other_hub(newsroom: Newsroom) -> None:
    other = Hub()
    newsroom.hub.says[""] = Say(after=3 * PATIENCE)
    with other.up(), Daemon(newsroom.site) as daemon:
        name_hubs(newsroom.site, newsroom.base_url, newsroom.hub.url, other.url, more=OFTEN)
        daemon.wait_for("pass", 4)
        for title in ("Second", "Third"):
            heard = len(other.heard)
            saved = newsroom.save(title)
            wait_until(partial(other.has_heard, heard + 1))
            assert other.heard[heard].at - saved < PATIENCE
        wait_until(lambda: newsroom.hub.heard and daemon.events("hub told"))
        # The slow hub is not done with what it heard.
        assert {event["hub"] for event in daemon.events("hub told")} == {other.url}
        began = time.monotonic()
        assert daemon.stop() == 0
        assert time.monotonic() - began < PATIENCE
        wait_until(lambda: not daemon.others())


def test_push_is_remembered_when_the_daemon_is_killed(newsroom: Newsroom) -> None:
    newsroom.hub.says[""] = Say(after=30)
    with Daemon(newsroom.site) as daemon:
        wait_until(lambda: newsroom.hub.heard)
        daemon.send(signal.SIGKILL)
        daemon.wait()
        wait_until(lambda: not daemon.others())
    assert newsroom.pending()[0]["pending"] == 9
    newsroom.hub.says.clear()
    newsroom.hub.heard.clear()
    with Daemon(newsroom.site) as daemon:
        (event,) = daemon.wait_for("hub told")
        assert event["documents"] == 9
        assert len(set(newsroom.hub.topics)) == 9
        assert daemon.events("pass")[0]["written"] == 0


def test_push_honours_what_the_hub_asks_for(newsroom: Newsroom) -> None:
    newsroom.hub.says[""] = Say(429, b"slowly", (("Retry-After", "600"),))
    refused = f"{newsroom.base_url}all.rss"
    newsroom.hub.says[refused] = Say(404, b"not <b>ours</b>")
    with Daemon(newsroom.site) as daemon:
        (event,) = daemon.wait_for("hub not told, will be tried again")
        assert event["reason"] == "429 Too Many Requests: slowly"
        (loss,) = daemon.wait_for("the hub will not be told of a document")
        assert loss["loss"] == f"{refused}: 404 Not Found: not <b>ours</b>"
        heard = len(newsroom.hub.heard)
        newsroom.save("Second")
        for count in (3, 4):  # each of them asks for a round
            daemon.send(signal.SIGHUP)
            daemon.wait_for("pass", count)
        assert len(newsroom.hub.heard) == heard
        assert newsroom.pending()[0]["pending"] == 9


def test_push_goes_on_when_the_state_file_is_lost_or_damaged(newsroom: Newsroom) -> None:
    with Daemon(newsroom.site) as daemon:
        daemon.wait_for("hub told")
        shutil.rmtree(newsroom.site.state.parent)
        newsroom.save("Second")
        daemon.wait_for("hub told", 2)
        newsroom.site.state.write_bytes(b"no database" * 999)
        for suffix in ("-wal", "-shm"):
            newsroom.site.state.with_name(f"state.db{suffix}").unlink(missing_ok=True)
        newsroom.save("Third")
        daemon.wait_for("hub told", 3)
        assert newsroom.site.titles() == ["Third"]
        assert [one for one in daemon.events() if one["level"] == "error"] == []


def test_push_of_a_hub_that_is_configured_later_begins_then(newsroom: Newsroom) -> None:
    name_hubs(newsroom.site, newsroom.base_url, more=WATCH)
    with Daemon(newsroom.site) as daemon:
        daemon.wait_for("pass")
        name_hubs(newsroom.site, newsroom.base_url, newsroom.hub.url, more=WATCH)
        daemon.wait_for("hub told")
        assert len(newsroom.hub.topics) == 9
        hubs = json.loads(newsroom.site.read("all.json"))["hubs"]
        assert hubs == [{"type": "WebSub", "url": newsroom.hub.url}]
