"""Deltas (RFC 3229): whoever applies them ends with what everybody else has."""

from __future__ import annotations

import http.client
import json
import random
import sqlite3
from contextlib import ExitStack
from datetime import timedelta

import pytest
from lxml import etree

from tests.support.ports import HOST
from tests.support.processes import wait_until
from tests.support.serving import Server
from tests.support.site import NOW, Site
from tests.support.validator import findings

EXTENSIONS = ("atom", "rss", "json")
POLLS = 1000
PASSES = 8
TITLES = ("One", "Two", "Three")


class Reader:
    """A client of one format, with or without deltas, that keeps the entries it was given."""

    def __init__(self, server: Server, extension: str, *, deltas: bool) -> None:
        self._connection = http.client.HTTPConnection(HOST, server.port, timeout=60)
        self._extension = extension
        self._headers = {"A-IM": "feed"} if deltas else {}
        self.tag = ""
        self.entries: dict[str, bytes] = {}

    def poll(self) -> int:
        """Asks for what is new; returns the status."""
        known = {"If-None-Match": self.tag} if self.tag else {}
        self._connection.request("GET", f"/all.{self._extension}", headers=self._headers | known)
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != 304:
            self.entries |= entries_of(self._extension, body)
        self.tag = answer.headers["ETag"]
        return answer.status

    def close(self) -> None:
        self._connection.close()


class Pair:
    """One reader with deltas and one without, who always poll together."""

    def __init__(self, server: Server, extension: str) -> None:
        self.delta = Reader(server, extension, deltas=True)
        self.full = Reader(server, extension, deltas=False)

    def poll(self) -> list[int]:
        """Lets both ask until they have the same version; returns what the one with deltas got."""
        statuses: list[int] = []
        while not statuses or self.delta.tag != self.full.tag:
            statuses.append(self.delta.poll())
            self.full.poll()
        return statuses

    def close(self) -> None:
        self.delta.close()
        self.full.close()


def entries_of(extension: str, body: bytes) -> dict[str, bytes]:
    """Returns all there is of each entry of a document, by its id."""
    if extension == "json":
        return {item["id"]: json.dumps(item).encode() for item in json.loads(body)["items"]}
    entry, name = {"atom": ("{*}entry", "{*}id"), "rss": (".//item", "guid")}[extension]
    found = etree.fromstring(body).iterfind(entry)
    return {str(one.findtext(name)): etree.tostring(one, method="c14n") for one in found}


def titles(extension: str, body: bytes) -> list[str]:
    if extension == "json":
        return [item["title"] for item in json.loads(body)["items"]]
    path = {"atom": ".//{*}entry/{*}title", "rss": ".//item/title"}[extension]
    return [str(element.text) for element in etree.fromstring(body).iterfind(path)]


def edit(site: Site, chance: random.Random) -> None:
    """Does to the seeds what editors do: they drop stories, take edits back, change their minds."""
    number = chance.randrange(1, 9)
    path = site.seeds / f"{number}.txt"
    match chance.randrange(4):
        case 0:
            path.unlink(missing_ok=True)
        case 1:
            site.seed(path.name, number=number, quality=chance.choice((10, 60, 80)))
        case _:
            site.seed(path.name, number=number, title=chance.choice(TITLES))


def test_delta_client_ends_with_what_a_full_client_has(site: Site) -> None:
    chance = random.Random(3229)  # noqa: S311 (a history, not a secret)
    for number in range(1, 9):
        site.seed(f"{number}.txt", number=number)
    site.publish()
    statuses: list[int] = []
    with Server(site) as server, ExitStack() as stack:
        pairs = [Pair(server, extension) for extension in EXTENSIONS * 4]
        for pair in pairs:
            stack.callback(pair.close)
        for version in range(PASSES):
            tag = server.get("/all.json").tag
            for _ in range(chance.randrange(6)):
                edit(site, chance)
            site.seed("news.txt", number=9, title=f"News {version}")
            site.publish(NOW + version * timedelta(minutes=1))
            server.wait_for_change("/all.json", tag)
            # Who does not poll now has an older version the next time.
            awake = chance.sample(pairs, 5)
            while len(statuses) < POLLS * (version + 1) // PASSES - len(pairs):
                statuses += chance.choice(awake).poll()
        for pair in pairs:
            statuses += pair.poll()
            assert pair.delta.entries == pair.full.entries
    assert len(statuses) >= POLLS
    assert statuses.count(200) == len(pairs)  # the first of each
    assert statuses.count(226) > 2 * len(pairs), statuses
    assert statuses.count(304) > POLLS // 2


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


# A server that notes everybody who comes again, whose ready answers to queries last so long, and
# to which all answers are old enough to be kept.
NOTING = """
import time
from types import SimpleNamespace
from feeds.cli.main import main
from feeds.serve import application, responses
responses.time = SimpleNamespace(time=lambda: time.time() + 10)
from feeds.store import server_files
application._READY_QUERIES_S = {seconds}
server_files._AGAIN_SECONDS = 0
raise SystemExit(main())
"""


def asked_again(site: Site) -> list[tuple[int]]:
    """Returns of each version of a query whether somebody came again for it."""
    database = sqlite3.connect(site.state.with_name("versions.db"))
    found = database.execute("SELECT again FROM version WHERE asked IS NOT NULL").fetchall()
    database.close()
    return found


def test_versions_are_written_for_the_format_that_was_asked_for_alone(site: Site) -> None:
    site.seed()
    site.publish()
    with Server(site) as server:
        for _ in range(3):
            assert server.get("/query.rss?q=story").status == 200
            assert server.get("/query.rss?limit=50&q=story").status == 200
        assert len(asked_again(site)) == 1


@pytest.mark.parametrize(("seconds", "noted"), [(0, 1), (600, 0)], ids=["short", "long"])
def test_versions_know_who_is_given_ready_answers_from_time_to_time(
    site: Site, seconds: int, noted: int
) -> None:
    site.seed()
    site.publish()
    with Server(site, program=("-c", NOTING.format(seconds=seconds))) as server:
        for _ in range(3):
            assert server.get("/query.rss?q=story").status == 200
    assert asked_again(site) == [(noted,)]
