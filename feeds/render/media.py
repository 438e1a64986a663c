"""Media RSS 1.5.1: the image once more, for the readers that look for it there."""

from __future__ import annotations

from lxml.etree import SubElement, _Element

from feeds.render.context import Enclosure

MEDIA_NS = "http://search.yahoo.com/mrss/"


def add_media(entry: _Element, enclosure: Enclosure) -> None:
    """Appends media:content and media:thumbnail, not in a group: a group of one is an error."""
    size = {
        name: str(pixels)
        for name, pixels in (("width", enclosure.width), ("height", enclosure.height))
        if pixels
    }
    content = {"url": enclosure.url, "type": enclosure.type, "medium": "image"} | size
    if enclosure.length:
        content["fileSize"] = str(enclosure.length)
    SubElement(entry, f"{{{MEDIA_NS}}}content", content)
    SubElement(entry, f"{{{MEDIA_NS}}}thumbnail", {"url": enclosure.url} | size)
