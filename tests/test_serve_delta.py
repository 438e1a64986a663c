"""Deltas (RFC 3229): whoever applies them ends with what everybody else has."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from lxml import etree

from feeds.render.cut import DIGEST_SIZE, entry_digests, without_entries
from feeds.serve.answers import Answer, Request
from feeds.serve.delta import accepts_deltas
from feeds.serve.library import Library
from feeds.store.versions import Versions
from tests.processes import wait_until
from tests.serving import Server
from tests.site import NOW, Site
from tests.validator import findings

EXTENSIONS = ("atom", "rss", "json")
POLLS = 1000
PASSES = 60


def library_of(site: Site) -> Library:
    library = Library(site.load().config, pytest.fail)
    library.warm()
    return library


def ask(library: Library, path: str, tag: str | None) -> Answer:
    answer = library.text(Request("GET", f"/{path}", none_match=tag, a_im="feed"), path)
    assert isinstance(answer, Answer)
    return answer


def tag_of(answer: Answer) -> str:
    return dict(answer.headers)["etag"]


def titles(extension: str, body: bytes) -> list[str]:
    if extension == "json":
        return [item["title"] for item in json.loads(body)["items"]]
    path = {"atom": ".//{*}entry/{*}title", "rss": ".//item/title"}[extension]
    return [str(element.text) for element in etree.fromstring(body).iterfind(path)]


def edit(site: Site, chance: random.Random) -> None:
    """Does to the seeds what editors do."""
    number = chance.randrange(1, 9)
    path = site.seeds / f"{number}.txt"
    match chance.randrange(4):
        case 0 if path.exists() and len(list(site.seeds.iterdir())) > 1:
            path.unlink()
        case 1:
            site.seed(path.name, number=number, quality=chance.choice((10, 60, 80)))
        case _:
            site.seed(path.name, number=number, title=f"Title {chance.random()}")


def test_delta_client_ends_with_what_a_full_client_has(site: Site) -> None:
    chance = random.Random(3229)  # noqa: S311 (a history, not a secret)
    for number in range(1, 9):
        site.seed(f"{number}.txt", number=number)
    site.publish()
    library = library_of(site)
    tags: dict[str, str | None] = dict.fromkeys(EXTENSIONS)
    delta: dict[str, set[bytes]] = {extension: set() for extension in EXTENSIONS}
    full: dict[str, set[bytes]] = {extension: set() for extension in EXTENSIONS}
    statuses = []
    passes = iter(sorted(chance.sample(range(POLLS), PASSES)))
    due = next(passes)
    for poll in range(POLLS):
        if poll == due:
            edit(site, chance)
            site.publish(NOW + poll * timedelta(minutes=1))
            assert library.refresh()
            library.warm()
            due = next(passes, -1)
        extension = chance.choice(EXTENSIONS)
        path = f"all.{extension}"
        answer = ask(library, path, tags[extension])
        statuses.append(answer.status)
        if answer.status != 304:
            delta[extension] |= set(entry_digests(extension, answer.body))
            tags[extension] = tag_of(answer)
        full[extension] |= set(entry_digests(extension, site.read(path)))
        assert delta[extension] == full[extension], f"poll {poll}"
    assert statuses.count(200) == len(EXTENSIONS)  # the first of each
    assert statuses.count(226) > PASSES // 2, statuses
    assert statuses.count(304) > POLLS // 2
    library.close()


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_delta_is_a_valid_document_of_what_is_new(site: Site, extension: str) -> None:
    path = f"all.{extension}"
    for number in range(1, 6):
        site.seed(f"{number}.txt", number=number, body="Some *text*.")
    site.publish()
    with Server(site) as server:
        first = server.get(f"/{path}", Accept_Encoding="gzip")
        site.seed("9.txt", number=9, title="The news & <more>")
        site.seed("2.txt", number=2, title="Edited")
        site.publish(NOW + timedelta(minutes=1))
        whole = server.wait_for_change(f"/{path}", first.tag.replace("-gzip", ""))
        got = server.get(f"/{path}", A_IM="feed", If_None_Match=first.tag, Accept_Encoding="br")
        assert got.status == 226
        assert got.headers["im"] == "feed"
        assert got.headers["cache-control"] == "no-store, im"
        assert "A-IM" in got.headers["vary"]
        assert got.tag == f'{whole.tag[:-1]}-br"'
        assert findings(path, got.body, "https://feeds.example.org/", NOW) == []
        assert sorted(titles(extension, got.body)) == ["Edited", "The news & <more>"]
        again = server.get(f"/{path}", A_IM="feed", If_None_Match=got.tag, Accept_Encoding="br")
        assert again.status == 304
        assert server.stop() == 0
    with Server(site) as server:  # versions outlive the server
        got = server.get(f"/{path}", A_IM="feed", If_None_Match=first.tag)
        assert got.status == 226
        unknown = server.get(f"/{path}", A_IM="feed", If_None_Match='"x"')
        unasked = server.get(f"/{path}", If_None_Match=first.tag)
        refused = server.get(f"/{path}", A_IM="feed;q=0", If_None_Match=first.tag)
        other = server.get(f"/{path}", A_IM="vcdiff", If_None_Match=first.tag)
        assert [one.status for one in (unknown, unasked, refused, other)] == [200] * 4
        assert server.get("/feeds.opml", A_IM="feed", If_None_Match='"x"').status == 200


def test_delta_of_a_query(site: Site) -> None:
    site.seed("1.txt", number=1)
    site.publish()
    with Server(site) as server:
        first = server.get("/query.atom?q=story")
        site.seed("2.txt", number=2)
        site.publish(NOW + timedelta(minutes=1))
        wait_until(lambda: server.get("/query.atom?q=story").tag != first.tag)
        got = server.get("/query.atom?q=story", A_IM="feed", If_None_Match=first.tag)
    assert got.status == 226
    assert titles("atom", got.body) == ["Story 2"]


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        (None, False),
        ("", False),
        ("feed", True),
        ("FEED", True),
        ("vcdiff, feed", True),
        ("feed;q=0", False),
        ("feed; q=0.5", True),
        ("feeds", False),
    ],
)
def test_delta_is_for_those_who_ask(header: str | None, accepted: bool) -> None:  # noqa: FBT001
    assert accepts_deltas(header) is accepted


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
