"""The HTML of an entry: correction, picture, excerpt, body, related coverage."""

from __future__ import annotations

from html import escape

import msgspec

from feeds.common.model import Item, Related
from feeds.render.context import Enclosure, Site
from feeds.render.words import Words, words_of


def shortened(item: Item, show: str) -> Item:
    """Returns an item with no more than a feed that shows so much has of it; see `Feed`."""
    if show == "full" or item.quality < 0:
        return item
    excerpt = item.excerpt if show == "excerpt" else ""
    return msgspec.structs.replace(item, excerpt=excerpt, body="", related=())


def as_notice(item: Item, site: Site) -> Item:
    """Returns what stands for a withdrawn story: a line that says so, and why if the seed does."""
    words = site_words(site)
    why = item.withdrawn_reason
    return msgspec.structs.replace(
        item, excerpt=words.withdrawn_why(reason=why) if why else words.withdrawn
    )


def site_words(site: Site) -> Words:
    """Returns the words of a site's language, with those of its own templates."""
    return words_of(site.language, site.pages.templates if site.pages else ())


def entry_content(item: Item, enclosure: Enclosure | None, site: Site, related: int) -> str:
    """Returns the content of an entry: blocks on lines of their own, never empty.

    All text is escaped here except the body, which was sanitised when the seed was read. ``src``
    comes last in its tag: validators take the last one, and an ``alt`` may contain another.

    Args:
        item: The item.
        enclosure: Its image, None for no picture.
        site: The site.
        related: The highest number of related stories.
    """
    blocks = []
    if item.correction:
        correction = escape(item.correction, quote=False)
        label = escape(site_words(site).correction, quote=False)
        blocks.append(f"<p><strong>{label}</strong> {correction}</p>")
    if enclosure:
        blocks.append(_figure(enclosure))
    if item.excerpt:
        blocks.append(f"<p>{escape(item.excerpt, quote=False)}</p>")
    if item.body:
        blocks.append(item.body)
    stories = item.best_related(related)
    if stories:
        lines = "\n".join(_story(story) for story in stories)
        heading = escape(site_words(site).related_heading, quote=False)
        blocks.append(f"<h2>{heading}</h2>\n<ul>\n{lines}\n</ul>")
    if not blocks:
        blocks.append(f"<p>{link(item.url, item.title)}</p>")
    return "\n".join(blocks)


def _figure(enclosure: Enclosure) -> str:
    size = "".join(
        f' {name}="{pixels}"'
        for name, pixels in (("width", enclosure.width), ("height", enclosure.height))
        if pixels
    )
    alt = escape(enclosure.title)
    return f'<figure><img{size} alt="{alt}" src="{escape(enclosure.url)}"></figure>'


def _story(story: Related) -> str:
    about = [escape(story.provider, quote=False)] if story.provider else []
    if story.published:
        about.append(story.published.date().isoformat())
    tail = f" ({', '.join(about)})" if about else ""
    return f"<li>{link(story.url, story.title)}{tail}</li>"


def link(url: str, text: str) -> str:
    """Returns a link to a URL."""
    return f'<a href="{escape(url)}">{escape(text, quote=False)}</a>'
