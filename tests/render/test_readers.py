"""The readers that Follow offers, and the addresses by which they follow a feed."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from feeds.render.readers import READERS, reader_links
from tests.support.site import config_of

URL = "https://feeds.example.org/topics/a%20b.atom?x=1&y=2"


def test_readers_get_the_address_whole() -> None:
    links = {one.name: one.href for one in reader_links((), URL)}
    assert len(links) == len(READERS)
    assert parse_qs(urlsplit(links["Inoreader"]).query) == {"add_feed": [URL]}
    assert links["NetNewsWire"] == f"feed:{URL}"


def test_readers_of_the_configuration_replace_ours() -> None:
    config = config_of('[[site.readers]]\nname = "Mine"\nsubscribe = "https://r.example/?u={url}"')
    (reader,) = config.site.readers
    links = reader_links(((reader.name, reader.platforms, reader.subscribe),), "https://a.example/")
    assert links == [("Mine", "", "https://r.example/?u=https%3A%2F%2Fa.example%2F")]


@pytest.mark.parametrize(
    "address",
    [
        "",
        "https://r.example/",
        "javascript:add('{url}')",
        "{url}",
        'x:"{url}',
        "https://{other}{url}",
    ],
)
def test_reader_without_a_place_for_the_feed_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="subscribe: wanted an address with"):
        config_of(f"[[site.readers]]\nname = 'Mine'\nsubscribe = '''{address}'''")
