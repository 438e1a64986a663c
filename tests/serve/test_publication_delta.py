"""Deltas, and the versions they are made from, whose number has a bound; without a socket."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from feeds.serve import publication
from feeds.serve.content import Content
from feeds.serve.messages import Answer, Request
from feeds.serve.publication import DIGEST_SIZE, entry_digests, without_entries
from feeds.serve.query import Query
from feeds.store.server_files import Versions
from tests.support.site import NOW, Site

MOST, BETWEEN = 40, 10
HOUR, DAY = 3600, 86_400
EXTENSIONS = ("atom", "rss", "json")
NAMES = ("subscribed", "new", "newer", "newest")


class Clock:
    """What `time` is to the server's deltas."""

    def __init__(self) -> None:
        self.now = 1_700_000_000

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(publication, "time", clock)
    monkeypatch.setattr(publication, "_MOST_QUERY_VERSIONS", MOST)
    monkeypatch.setattr(publication, "_CHECKED_EVERY", BETWEEN)
    return clock


@pytest.fixture
def versions(site: Site) -> Iterator[Versions]:
    versions = Versions(site.root / "versions.db", pytest.fail)
    yield versions
    versions.close()


@pytest.fixture
def content(site: Site, clock: Clock) -> Iterator[Content]:
    del clock
    for number in range(1, 4):
        site.seed(f"{number}.txt", number=number)
    site.publish()
    content = Content(site.load().config, pytest.fail)
    content.warm()
    yield content
    content.close()


def rows(site: Site) -> list[tuple[str, bool]]:
    """Returns path, and whether it is a query's, of all versions on the disk."""
    database = sqlite3.connect(site.state.with_name("versions.db"))
    found = database.execute("SELECT path, asked IS NOT NULL FROM version").fetchall()
    database.close()
    return [(path, bool(query)) for path, query in found]


def queries(site: Site) -> int:
    return sum(query for _, query in rows(site))


def poll(content: Content, query: str, tag: str | None = None) -> Answer:
    request = Request("GET", "/query.json", query, none_match=tag, a_im="feed")
    return content.query(request, "json", Query.parse(query))


def tag_of(answer: Answer) -> str:
    return dict(answer.headers)["etag"]


def flood(content: Content, count: int) -> None:
    for number in range(count):
        poll(content, f"q=nothing{number}")


def test_versions_of_queries_are_bounded_and_subscribers_keep_theirs(
    site: Site, content: Content, clock: Clock
) -> None:
    first = poll(content, "q=story")
    clock.now += HOUR
    assert poll(content, "q=story", tag_of(first)).status == 304  # this is a subscriber
    flood(content, 5 * MOST)
    assert MOST <= queries(site) <= MOST + BETWEEN
    site.seed("9.txt", number=9, title="A new story")
    site.publish(NOW + timedelta(minutes=1))
    content.refresh()
    second = poll(content, "q=story", tag_of(first))
    assert second.status == 226
    assert [item["title"] for item in json.loads(second.body)["items"]] == ["A new story"]
    flood(content, 5 * MOST)
    assert poll(content, "q=story", tag_of(second)).status == 304
    site.seed("9.txt", number=9, title="An edited story")
    site.publish(NOW + timedelta(minutes=2))
    content.refresh()
    assert poll(content, "q=story", tag_of(second)).status == 226


def test_versions_of_queries_that_nobody_asks_for_any_more_go(
    site: Site, content: Content, clock: Clock
) -> None:
    documents = len(rows(site))
    poll(content, "q=old")
    kept = poll(content, "q=kept")
    for _ in range(8):
        clock.now += DAY
        assert poll(content, "q=kept", tag_of(kept)).status == 304
    content.warm()
    assert queries(site) == 1
    assert len(rows(site)) == documents + 1
    clock.now += 8 * DAY
    content.warm()
    assert queries(site) == 0


def test_versions_of_queries_are_not_loaded_with_those_of_documents(
    site: Site, content: Content
) -> None:
    flood(content, 20)
    assert queries(site) == 20
    assert not [path for path, _ in content._deltas._versions.newest() if path.startswith("query")]


def test_versions_of_long_queries_take_no_more_room(site: Site, content: Content) -> None:
    topics = "&".join(f"topic={number:0>200}" for number in range(20))
    poll(content, f"{topics}&q={'x' * 200}")
    assert max(len(path) for path, _ in rows(site)) < 60


def test_versions_of_documents_that_are_gone_are_forgotten(
    site: Site, content: Content, clock: Clock
) -> None:
    site.seed("4.txt", number=4, topics=["Gone"])
    site.publish(NOW + timedelta(minutes=1))
    content.refresh()
    content.warm()
    assert {path for path, _ in rows(site)} >= {"topics/gone.atom", "topics/gone.json"}
    (site.seeds / "4.txt").unlink()
    site.publish(NOW + timedelta(minutes=2))
    content.refresh()
    content.warm()
    clock.now += 8 * DAY
    content.warm()
    paths = {path for path, _ in rows(site)}
    assert "all.atom" in paths
    assert not [path for path in paths if path.startswith("topics/gone")]


def test_versions_of_queries_go_in_the_order_of_their_use(versions: Versions) -> None:
    for number, name in enumerate(NAMES):
        versions.record(name, "1", [b"x"], number, query=True)
    assert versions.asked("subscribed", "1", 59)  # too soon to be noted
    assert versions.asked("subscribed", "1", 60)
    assert not versions.asked("subscribed", "2", 60)
    versions.forget_queries(0, 2)
    assert {name for name in NAMES if versions.asked(name, "1", 61)} == {"subscribed", "newest"}
    versions.record("subscribed", "2", [b"y"], 62, query=True)
    for number in range(9):
        versions.record(f"x{number}", "1", [], 99, query=True)
    versions.forget_queries(0, 2)
    assert versions.asked("subscribed", "2", 63)
    assert versions.entries("subscribed", "1", 0, 1) == {b"x"}
    versions.forget_queries(62, 9)
    assert versions.entries("subscribed", "1", 0, 1) is None
    assert versions.asked("subscribed", "2", 64)


def test_queries_push_no_document_out_of_memory(site: Site) -> None:
    site.configure('[serve]\nmemory = "200KiB"\n')
    for number in range(1, 6):
        site.seed(f"{number}.txt", number=number, body="Many words. " * 50)
    site.publish()
    content = Content(site.load().config, pytest.fail)
    content.warm()
    evicted: list[int] = []
    content.bodies.on_evict = lambda: evicted.append(1)
    size = content.bodies.size
    for number in range(50):
        poll(content, f"q=story&min_quality={number}")
    assert content.bodies.size == size
    assert not evicted
    assert content.results.size <= content.results.limit == (200 << 10) // 8
    assert content.bodies.limit + content.results.limit == 200 << 10
    content.close()


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_cut_with_nothing_known_keeps_all_and_with_all_known_keeps_none(
    site: Site, extension: str
) -> None:
    for number in range(1, 4):
        site.seed(f"{number}.txt", number=number)
    site.publish()
    data = site.read(f"all.{extension}")
    entries = entry_digests(extension, data)
    assert len(set(entries)) == 3
    assert {len(entry) for entry in entries} == {DIGEST_SIZE}
    assert entry_digests(extension, without_entries(extension, data, set())) == entries
    assert entry_digests(extension, without_entries(extension, data, {entries[1]})) == [
        entries[0],
        entries[2],
    ]
    assert entry_digests(extension, without_entries(extension, data, set(entries))) == []


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_cut_of_what_is_no_document_says_so(extension: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        entry_digests(extension, b"<a")


@pytest.fixture
def open_versions(tmp_path: Path) -> Callable[[], Versions]:
    return lambda: Versions(tmp_path / "versions.db", pytest.fail)


def test_versions_are_forgotten_when_superseded_for_long(
    open_versions: Callable[[], Versions],
) -> None:
    versions = open_versions()
    versions.record("a", "1", [b"xx", b"yy"], 100)
    versions.record("a", "2", [b"zz"], 200)
    versions.close()
    versions = open_versions()
    assert versions.newest() == {("a", "2")}
    assert versions.entries("a", "1", 200, 2) == {b"xx", b"yy"}
    assert versions.entries("a", "1", 201, 2) is None
    assert versions.entries("a", "2", 999, 2) == {b"zz"}
    assert versions.entries("b", "1", 0, 2) is None
    versions.forget(200, 10)
    assert versions.entries("a", "1", 0, 2) is not None
    versions.forget(201, 10)
    assert versions.entries("a", "1", 0, 2) is None
    versions.record("a", "1", [], 300)
    assert versions.newest() == {("a", "1")}
    versions.forget(0, 0)
    assert versions.entries("a", "2", 0, 2) is None
    versions.close()
