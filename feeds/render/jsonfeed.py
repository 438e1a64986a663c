"""JSON Feed 1.1 (jsonfeed.org/version/1.1)."""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec

from feeds.common.model import Document
from feeds.common.times import rfc3339
from feeds.render.context import Enclosure, EntryView, FeedView
from feeds.render.entries import Cut

EXTENSION = "json"
CUT = Cut(b'\n    {\n      "id": ', b"\n    }", b",")

Object = dict[str, Any]


def render_json(view: FeedView) -> Document:
    """Returns the feed as a JSON Feed document."""
    site, feed = view.site, view.feed
    author = {"name": site.author_name or site.title, "url": site.author_url or site.home}
    document: Object = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": feed.title,
        "home_page_url": site.page_of(feed),
        "feed_url": view.url(EXTENSION),
        "next_url": view.archive_links(EXTENSION).get("prev-archive", ""),
        "description": feed.description,
        "icon": site.icon,
        "favicon": site.favicon,
        "authors": [author],
        "language": site.language,
        "hubs": [{"type": "WebSub", "url": hub} for hub in site.hubs],
    }
    items = [one.once(EXTENSION, partial(_item, one)) for one in view.fresh]
    document = _filled(document) | {"items": items}
    data = msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
    return Document(f"{feed.address}.{EXTENSION}", data)


def _item(view: EntryView) -> msgspec.Raw:
    item, enclosure = view.item, view.enclosure
    provider = item.provider
    members = _filled(
        {
            "id": item.id,
            "url": item.url,
            "external_url": item.original_url if item.original_url != item.url else "",
            "title": item.title,
            "content_html": view.content,
            "summary": item.excerpt,
            "image": enclosure.url if enclosure else "",
            "date_published": rfc3339(view.published),
            "date_modified": rfc3339(view.updated),
            "authors": [{"name": provider.name, "url": f"https://{provider.domain}/"}],
            "tags": list(dict.fromkeys((*item.topics, *item.tags))),
            "language": item.locale,
            "attachments": [_attachment(enclosure)] if enclosure else [],
            "_feeds": {
                "quality": item.quality,
                "heat": item.heat,
                "provider_domain": provider.domain,
            }
            if item.quality >= 0  # a notice of a withdrawn story has none
            else {},
        }
    )
    return msgspec.Raw(msgspec.json.encode(members))


def _attachment(enclosure: Enclosure) -> Object:
    return _filled(
        {
            "url": enclosure.url,
            "mime_type": enclosure.type,
            "title": enclosure.title,
            "size_in_bytes": enclosure.length,
        }
    )


def _filled(members: Object) -> Object:
    """Drops empty members: JSON Feed has no null, and a size of 0 would be wrong."""
    return {name: value for name, value in members.items() if value}
