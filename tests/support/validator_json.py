"""What JSON Feed 1.1 wants of a document (jsonfeed.org/version/1.1)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from tests.support import validator_values as values

_FEED = {
    *(
        "version",
        "title",
        "home_page_url",
        "feed_url",
        "next_url",
        "description",
        "icon",
        "favicon",
    ),
    *("authors", "language", "hubs", "items"),
}
_ITEM = {
    *("id", "url", "external_url", "title", "content_html", "summary", "image"),
    *("date_published", "date_modified", "authors", "tags", "language", "attachments", "_feeds"),
}
_URLS = ("home_page_url", "feed_url", "next_url", "icon", "favicon", "url", "external_url", "image")


def json_findings(data: bytes, address: str, now: datetime) -> Iterator[str]:
    """Yields what is wrong with a JSON Feed document that is published at `address`."""
    feed = json.loads(data)
    if feed.get("version") != "https://jsonfeed.org/version/1.1":
        yield f"version: {feed.get('version')!r}"
    if feed.get("feed_url") != address:
        yield f"feed_url: not {address}"
    yield from _members("feed", feed, _FEED, {"version", "title", "items"})
    yield from values.unique("ids", [item.get("id") for item in feed["items"]])
    for hub in feed.get("hubs", []):
        yield from _members("hub", hub, {"type", "url"}, {"type", "url"})
    for item in feed["items"]:
        yield from _members("item", item, _ITEM, {"id", "content_html", "date_published"})
        yield from values.html("content_html", item.get("content_html"))
        for date in ("date_published", "date_modified"):
            yield from values.rfc3339(date, item.get(date), now)
        for attachment in item.get("attachments", []):
            allowed = {"url", "mime_type", "title", "size_in_bytes"}
            yield from _members("attachment", attachment, allowed, {"url", "mime_type"})


def _members(
    where: str, members: dict[str, Any], allowed: set[str], wanted: set[str]
) -> Iterator[str]:
    yield from (f"{where}: no {name}" for name in sorted(wanted - members.keys()))
    yield from (f"{where}: unknown {name}" for name in sorted(members.keys() - allowed))
    for name, value in members.items():
        if value in (None, "", 0) or (value == [] and name != "items"):
            yield f"{where}: {name} is empty"
        if name in _URLS:
            yield from values.uri(f"{where} {name}", value)
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str):
                yield from values.characters(f"{where} {name}", text)
    for author in members.get("authors", []):
        yield from _members("author", author, {"name", "url", "avatar"}, {"name"})
