"""The parts of the server that work without a socket."""

from __future__ import annotations

import zlib
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds.common.compression import compress
from feeds.common.errors import ConfigError
from feeds.common.media_types import is_served, kind_of
from feeds.render import atom, jsonfeed, opml, rss
from feeds.serve.body_cache import Bodies, digest_of
from feeds.serve.cache_policy import max_age
from feeds.serve.conditions import Part, listed_tags, part_of
from feeds.serve.content import Library
from feeds.serve.health import too_old_after
from feeds.serve.messages import Request
from feeds.serve.negotiation import CODINGS, choose
from feeds.serve.publication import NOTHING, ReplacedError, read_again, read_publication
from feeds.serve.query import Query
from feeds.store import open_for_reading
from feeds.store.search import SearchIndex, SearchRequest, TooLongError
from tests.support.site import NOW, Site, config_of

ALL = SearchRequest((), (), 0, "", 50)


def test_kinds_are_those_of_the_documents() -> None:
    for one in (atom, rss, jsonfeed):
        assert kind_of(f"x.{one.EXTENSION}").media_type.startswith(f"{one.MEDIA_TYPE};")
    assert kind_of(opml.PATH).media_type.startswith(f"{opml.MEDIA_TYPE};")


@pytest.mark.parametrize(
    ("path", "served"),
    [
        ("all.atom", True),
        (".feeds-manifest.json", False),
        ("topics/.x/a.atom", False),
        ("all.atom.gz", False),
        ("all.atom.br", False),
        ("other.gz", True),
    ],
)
def test_kinds_of_file_that_are_served(path: str, served: bool) -> None:  # noqa: FBT001
    assert is_served(path, {path, "all.atom"}) is served


# Bodies


def never() -> bytes:
    pytest.fail("read again")


def test_bodies_are_made_once_and_stay_within_the_limit() -> None:
    bodies, evicted = Bodies(20_000), []
    bodies.on_evict = lambda: evicted.append(1)
    data = bytes(range(256)) * 20
    digest = digest_of(data)
    for coding in CODINGS:
        assert bodies.get(digest, coding, lambda: data) == bodies.get(digest, coding, never)
    assert zlib.decompress(bodies.get(digest, "gzip", never), 31) == data
    assert not evicted
    for number in range(10):
        bodies.put(str(number), "", data)
        assert bodies.size <= bodies.limit
    assert evicted
    assert bodies.look("9", "") == data
    assert bodies.look(digest, "gzip") is None
    bodies.put("large", "", bytes(30_000))
    assert bodies.look("large", "") is None
    bodies.drop({str(number) for number in range(10)})
    assert bodies.size == 0


@pytest.mark.parametrize("coding", CODINGS)
def test_compressing_gives_the_same_bytes_each_time(coding: str) -> None:
    assert compress(coding, b"x" * 1000) == compress(coding, b"x" * 1000)


# Headers


@given(st.text(max_size=60))
@settings(max_examples=200, deadline=None)
def test_headers_of_whatever_raise_nothing(text: str) -> None:
    assert choose(text) in {*CODINGS, None}
    assert all('"' not in tag for tag in listed_tags(text))
    try:
        part = part_of(text, 100)
    except ValueError:
        return
    assert part is None or 0 <= part.start < part.end <= 100


@given(st.integers(0, 200), st.integers(0, 200), st.integers(1, 150))
@settings(max_examples=100, deadline=None)
def test_range_is_that_of_slices(first: int, last: int, size: int) -> None:
    data = bytes(size)
    if first >= size and last >= first:
        with pytest.raises(ValueError, match="no such bytes"):
            part_of(f"bytes={first}-{last}", size)
    elif last < first:
        assert part_of(f"bytes={first}-{last}", size) is None
    else:
        wanted = len(data[first : last + 1])
        assert part_of(f"bytes={first}-{last}", size) == Part(first, first + wanted)


# Configuration


@pytest.mark.parametrize(
    ("toml", "seconds"),
    [
        ("", 900),
        ('every = "30s"', 30),
        ('every = "2d"', 3600),
        ('every = "15m"\nwatch = true', 60),
        ('cron = "*/10 6-22 * * mon-fri"', 600),
        ('cron = "0 6 * * *"\njitter = "1h"', 3600),
        ('cron = "0,1 6 * * *"', 60),
    ],
)
def test_max_age_follows_the_schedule(toml: str, seconds: int) -> None:
    assert max_age(config_of(f"[schedule]\n{toml}")) == seconds


@pytest.mark.parametrize(
    ("toml", "later"),
    [
        ("", timedelta(minutes=31)),
        ('every = "1s"\njitter = "10s"', timedelta(seconds=72)),
        ('cron = "0 * * * *"', timedelta(hours=2, minutes=1)),
        ('cron = "0 12 * * *"', timedelta(days=2, minutes=1)),
    ],
)
def test_health_wants_a_pass_by_the_schedule(toml: str, later: timedelta) -> None:
    assert too_old_after(config_of(f"[schedule]\n{toml}"), NOW) == NOW + later


@pytest.mark.parametrize(
    "line",
    [
        "port = 0",
        "port = 65536",
        'metrics = "9464"',
        'metrics = "localhost:0"',
        'metrics = "::1:80"',
        'memory = "1 GB"',
        "memory = 0",
        'delta_window = "week"',
        'query = "perhaps"',
    ],
)
def test_configuration_that_is_wrong_is_refused(site: Site, line: str) -> None:
    site.configure(f"[serve]\n{line}\n")
    with pytest.raises(ConfigError, match=f"serve.{line.split()[0]}"):
        site.load()


@pytest.mark.parametrize(
    ("text", "size"), [("1B", 1), ("2KiB", 2048), ("3 mib", 3 << 20), ("4GiB", 4 << 30)]
)
def test_configuration_of_sizes(text: str, size: int) -> None:
    assert config_of(f'[serve]\nmemory = "{text}"').serve.memory == size


# Publications


def test_publication_reads_only_what_changed(site: Site) -> None:
    site.seed()
    site.publish()
    bodies = Bodies(1 << 20)
    first = read_publication(site.out, NOTHING, bodies)
    assert set(first.texts) == set(site.documents())
    held = first.texts["all.atom"]
    assert bodies.look(held.digest, "") == site.read("all.atom")
    again = read_publication(site.out, first, Bodies(0))
    assert all(again.texts[path] is one for path, one in first.texts.items())
    assert read_again(site.out, "all.atom", held) == site.read("all.atom")
    (site.out / "all.atom").write_bytes(b"other")
    with pytest.raises(ReplacedError):
        read_again(site.out, "all.atom", held)
    (site.out / "all.rss").unlink()
    assert "all.rss" not in read_publication(site.out, first, bodies).texts


def test_retired_documents_are_remembered_until_they_come_back(site: Site) -> None:
    paths = {f"topics/rare.{extension}" for extension in ("atom", "rss", "json", "html")}
    found = []
    for topics in (["AI", "Rare"], ["AI"], ["AI"], ["AI", "Rare"]):
        site.seed(topics=topics)
        site.publish()
        with open_for_reading(site.state) as store:
            assert store is not None
            found.append(store.retired())
    assert found == [set(), paths, paths, set()]


# The index


def titles(index: SearchIndex, site: Site) -> list[str]:
    index.edition(site.state)
    found = index.find(ALL, 9)
    return [found.items[entry.number].title for entry in found.entries]


def test_index_that_is_damaged_is_made_anew(site: Site, tmp_path: Path) -> None:
    site.seed()
    site.publish()
    path, said = tmp_path / "search.db", list[str]()
    SearchIndex(path, said.append).close()
    path.write_bytes(b"SQLite format 3\0" + b"x" * 5000)
    index = SearchIndex(path, said.append)
    assert titles(index, site) == ["Story 1"]
    index.close()
    assert said == []
    again = SearchIndex(path, said.append)
    before = again.edition(site.state)
    assert titles(again, site) == ["Story 1"]
    site.publish(NOW + timedelta(minutes=1))
    assert again.edition(site.state).number == before.number
    again.close()


def test_index_without_a_state_file_finds_nothing(site: Site, tmp_path: Path) -> None:
    said: list[str] = []
    index = SearchIndex(tmp_path, said.append)  # a folder: nothing can be written there
    assert titles(index, site) == []
    assert "kept in memory" in said[0]
    index.close()


def test_index_stops_a_search_that_takes_too_long(site: Site, tmp_path: Path) -> None:
    for number in range(300):
        site.seed(f"{number}.txt", number=number + 1)
    site.publish()
    index = SearchIndex(tmp_path / "search.db", pytest.fail)
    index.edition(site.state)
    with pytest.raises(TooLongError):
        index.find(ALL._replace(limit=300), -1)
    assert len(index.find(ALL._replace(limit=300), 9).entries) == 300
    index.close()


def test_library_of_a_state_file_in_the_making_serves_what_there_is(site: Site) -> None:
    site.state.parent.mkdir()
    site.state.touch()  # a pass has just begun to make it
    library = Library(site.load().config, pytest.fail)
    assert library.form(Request("GET", "/query")).status == 200
    assert library.query(Request("GET", "/query.json"), "json", Query()).status == 200
    assert library.unknown("all.atom").status == 404
    assert library.gauges().report is None
    library.close()


def test_library_of_nothing_serves_nothing(site: Site) -> None:
    library = Library(site.load().config, pytest.fail)
    library.warm()
    assert library.publication.texts == {}
    assert library.health().status == 503
    library.close()
