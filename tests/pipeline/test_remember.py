"""What a pass keeps for the next one, for hubs and for servers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from feeds.common.reports import Options
from feeds.common.store_protocols import MISSING, MOVES, NOINDEX, OVERVIEW_KEYS, UNTOLD
from feeds.pipeline.state import LAST, read_state
from feeds.store import Store, open_state
from tests.support.site import NOW, Site

HUBS = ("https://a.example/", "https://b.example/")
BASE = "https://feeds.example.org/"
HOUR = timedelta(hours=1)


@contextmanager
def kept(site: Site) -> Iterator[Store]:
    """The state file as a pass left it."""
    with open_state(site.state, "pass", pytest.fail) as store:
        yield store


def queued(site: Site, hub: str) -> set[str]:
    """Returns the documents, below the site, of which a hub is to be told."""
    with kept(site) as store:
        now = int(NOW.timestamp()) + 86_400
        return {ping.url.removeprefix(BASE) for ping in store.due_pings(hub, now, now, 0, 999)}


def heard(site: Site) -> None:
    """Has all hubs told of everything."""
    with kept(site) as store, store.transaction():
        store.drop_pings_but((), [])


@pytest.fixture
def full(site: Site) -> Site:
    """A published site of two stories that share no feed but that of everything, with two hubs."""
    site.configure(f"hub = {list(HUBS)}\n")
    site.seed("a.txt", number=1)
    site.seed("b.txt", number=2, topics=["Art"], provider={"domain": "b.org"})
    site.publish()
    return site


def test_each_hub_is_told_of_each_document_that_changed_and_of_no_page(full: Site) -> None:
    feeds = ("all", "topics/ai", "topics/art", "providers/example.com", "providers/b.org")
    everything = {f"{feed}.{one}" for feed in feeds for one in ("atom", "rss", "json")}
    assert [queued(full, hub) for hub in HUBS] == [everything, everything]
    heard(full)
    full.publish(NOW + HOUR)
    assert queued(full, HUBS[0]) == set()
    full.seed("b.txt", number=2, topics=["Art"], provider={"domain": "b.org"}, title="New")
    full.publish(NOW + HOUR)
    changed = {name for name in everything if "ai" not in name and "example" not in name}
    assert [queued(full, hub) for hub in HUBS] == [changed, changed]


def test_dry_run_keeps_nothing(full: Site) -> None:
    before = full.files()
    full.seed("c.txt", number=3)
    report = full.publish(options=Options(dry_run=True))
    assert report.written
    assert full.files() == before | {
        name: one for name, one in full.files().items() if name.endswith("c.txt")
    }


def test_feeds_and_hubs_that_are_gone_are_forgotten_and_servers_told(full: Site) -> None:
    full.configure(f"hub = {list(HUBS[:1])}\n")
    (full.seeds / "b.txt").unlink()
    full.publish(NOW + HOUR)
    assert queued(full, HUBS[1]) == set()
    assert not any("b.org" in name for name in queued(full, HUBS[0]))
    with kept(full) as store:
        assert store.get_meta(UNTOLD) is None
        assert "providers/b.org" not in store.feeds()
        assert {"providers/b.org.atom", "providers/b.org.html"} <= store.retired()
        assert not any("b.org" in name for name in store.fingerprints())


def test_addresses_that_were_made_of_names_are_kept_with_whose_they_are(full: Site) -> None:
    full.configure('noindex = true\n[topics.Art]\nslug = "arts"\naliases = ["kunst"]\n')
    full.publish(NOW + HOUR)
    with kept(full) as store:
        assert store.owners()["topics/ai"] == ("topic", "ai")
        assert "topics/arts" not in store.owners()
        assert store.get_meta(MOVES) == {"topics/kunst": "topics/arts"}
        assert store.get_meta(NOINDEX) == (True, [])


def test_last_pass_is_kept_with_the_moment_when_a_clock_changes_a_feed(full: Site) -> None:
    later = (NOW + timedelta(days=3)).isoformat()
    full.seed("later.txt", number=3, publishedDateTime=later)
    full.publish(NOW + HOUR)
    with kept(full) as store:
        last = store.get_meta(LAST)
        assert last is not None
        assert last.now == int((NOW + HOUR).timestamp())
        assert last.until == int((NOW + timedelta(days=3)).timestamp()) - 1
        assert Path(os.fsdecode(last.out)) == full.out
        assert set(last.addresses) == set(store.feeds())
        assert store.get_meta(MISSING) == []
        assert {"index.html", "feeds.opml"} <= (store.get_meta(OVERVIEW_KEYS) or {}).keys()
        assert read_state(store).catalogue is None
