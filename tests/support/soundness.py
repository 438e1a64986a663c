"""What `feeds.common.model` promises of every item, checked."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from datetime import UTC
from typing import Any

import msgspec
from lxml import etree

from feeds.common.model import Item
from feeds.common.text import fold
from feeds.common.urls import normal_url


def assert_sound(item: Item) -> None:
    """Checks what `feeds.common.model` promises of every item."""
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", item.id)
    assert 0 <= item.quality <= 100
    assert item.heat >= -1
    for names in (item.topics, item.tags):
        assert len({fold(name) for name in names}) == len(names)
    for time in (item.published, item.updated, *(story.published for story in item.related)):
        assert time is None or (time.tzinfo, time.microsecond) == (UTC, 0)
    images, stories = (image.url for image in item.images), (story.url for story in item.related)
    for url in (item.url, item.original_url, *images, *stories):
        assert normal_url(url) == url
    for text in _texts(msgspec.to_builtins(item) | {"body": ""}):
        assert text.strip() == text
        assert "\n" not in text
        assert_fit(text)
    etree.Element("e").text = item.body
    for text in re.split("<[^>]*>", item.body):
        assert_fit(text)


def assert_fit(text: str) -> None:
    """Checks that a text is NFC and made of characters that documents may hold."""
    etree.Element("e").text = text  # raises for what XML 1.0 forbids
    assert unicodedata.is_normalized("NFC", text)
    assert not re.search("[\x7f-\x9f\ufffd]", text)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list | tuple):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)
