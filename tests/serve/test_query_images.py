"""Query feeds show the same images as the documents in out/."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from feeds.serve.content import Content
from feeds.serve.messages import Request
from feeds.serve.publication import entry_digests
from feeds.serve.query import Query
from tests.images.test_cache import URLS, drop, name_of
from tests.support.imaging import picture, seed_with
from tests.support.processes import wait_until
from tests.support.serving import Server
from tests.support.site import NOW, Site

MINUTE = timedelta(minutes=1)


@pytest.fixture
def full(site: Site) -> Site:
    """A site of four stories: with a copy, with one that nobody asked for, without one, without."""
    drop(site, 0, 1)
    seed_with(site, 1, URLS[0], URLS[2])
    seed_with(site, 2, URLS[1], cached=False)
    seed_with(site, 3, URLS[3])
    site.seed("4.txt", number=4)
    return site


def images(data: bytes) -> dict[str, str | None]:
    """Returns the image of each entry of a JSON Feed, by title."""
    return {one["title"]: one.get("image") for one in json.loads(data)["items"]}


def found(site: Site, extension: str = "json") -> bytes:
    """Returns the query feed."""
    content = Content(site.load().config, pytest.fail)
    request = Request("GET", f"/query.{extension}")
    body = content.query(request, extension, Query.parse("topic=ai")).body
    content.close()
    return body


@pytest.mark.parametrize(
    "images",
    [
        "",
        'fetch = "off"',
        'fetch = "all"',
        "publish = false",
        'base_url = "https://cdn.example.org/"',
    ],
    ids=["as it is", "off", "all", "not published", "served elsewhere"],
)
def test_query_feed_has_the_entries_of_every_feed(full: Site, images: str) -> None:
    full.configure(f"[images]\n{images}\n")
    full.publish()
    for extension in ("atom", "rss", "json"):
        wanted = entry_digests(extension, full.read(f"topics/ai.{extension}"))
        assert entry_digests(extension, found(full, extension)) == wanted


def test_query_feed_shows_a_copy_as_soon_as_a_pass_has_published_it(full: Site) -> None:
    full.configure('[images]\nfetch = "off"\n')
    full.publish()
    with Server(full) as server:
        first = server.get("/query.json")
        assert images(first.body)["Story 1"] == f"https://feeds.example.org/{name_of(0)}"
        assert images(first.body)["Story 3"] == URLS[3]
        drop(full, 3)
        assert server.get("/query.json").tag == first.tag
        full.publish(NOW + MINUTE)
        wait_until(lambda: server.get("/query.json").tag != first.tag)
        second = server.get("/query.json")
        assert images(second.body)["Story 3"] == f"https://feeds.example.org/{name_of(3)}"
        # The server looks at out/ twice a second, and at the state file whenever a query comes.
        wait_until(lambda: server.get(f"/{name_of(3)}").status == 200)


def test_query_feed_tells_the_size_of_a_copy_that_was_replaced(full: Site) -> None:
    full.configure('[images]\nfetch = "off"\n')
    full.publish()
    before = found(full)
    aside, copy = full.root / "aside", full.root / ".feeds/images" / name_of(0)
    aside.write_bytes(picture(size=(200, 100)))
    aside.replace(copy)
    full.publish(NOW + MINUTE)
    size = f'"size_in_bytes": {copy.stat().st_size}'.encode()
    assert (size in before, size in found(full)) == (False, True)


def test_query_feed_names_no_copy_that_is_not_in_out(full: Site) -> None:
    full.configure('[images]\nfetch = "off"\n[selection]\nmax_items = 3\nexposure = "0s"\n')
    full.publish()
    assert not (full.out / name_of(0)).exists()  # the oldest story stands in no document
    assert images(found(full))["Story 1"] == URLS[0]
