"""The HTML of an entry: correction, picture, excerpt, body, related coverage; and of a digest."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from html import escape
from urllib.parse import urlsplit

import msgspec

from feeds.common.media import Picture
from feeds.common.model import Digest, DigestStory, Entry, Feed, Item, Provider, Related
from feeds.common.times import from_unix
from feeds.render.context import Enclosure, EntryView, Site, enclosure_of
from feeds.render.words import Words, day_text, words_of


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
    return words_of(site.language, site.templates)


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


def digest_view(
    site: Site, feed: Feed, entry: Entry, digest: Digest, pictures: Sequence[Picture]
) -> EntryView:
    """Returns a digest as an entry of its feed, with its stories as entries.

    Its content has neither styles nor scripts. Its quality and heat are the highest of its stories.

    Args:
        site: The site.
        feed: The feed.
        entry: The digest as an entry.
        digest: The digest.
        pictures: What the image cache knows of its images.
    """
    shown = digest.shown(notices=feed.notices_s > 0 and not feed.tombstones)
    stories = tuple(_story_view(site, feed, story, pictures) for story in shown)
    published, updated = from_unix(entry.published), from_unix(entry.updated)
    url = f"{site.page_of(feed)}#{published:%Y-%m-%dT%H%M}"
    item = Item(
        id=entry.id,
        title=f"{feed.name}, {day_text(date.fromisoformat(digest.day), site.language)}",
        published=published,
        url=url,
        original_url=url,
        quality=max(story.item.quality for story in shown),
        heat=max(story.item.heat for story in shown),
        is_published=True,
        provider=Provider(site.author_name or site.title, urlsplit(site.home).hostname or ""),
        excerpt="; ".join(story.item.title for story in shown),
    )
    enclosure = next((one.enclosure for one in stories if one.enclosure), None)
    content = "\n".join(one.content for one in stories)
    return EntryView(item, published, updated, enclosure, content, stories)


def _story_view(
    site: Site, feed: Feed, story: DigestStory, pictures: Sequence[Picture]
) -> EntryView:
    item = story.item
    if story.withdrawn:
        hidden = {"url": "", "images": (), "correction": "", "quality": -1, "heat": -1}
        item = as_notice(msgspec.structs.replace(item, **hidden), site)
    item = shortened(item, feed.show)
    enclosure = enclosure_of(item, pictures, site) if feed.show_images else None
    title = link(item.url, item.title) if item.url else escape(item.title, quote=False)
    content = f"<h2>{title}</h2>\n<p>{escape(item.provider.name, quote=False)}</p>"
    if enclosure or item.excerpt or item.correction:
        content += f"\n{entry_content(item, enclosure, site, 0)}"
    updated = item.updated or item.published
    return EntryView(item, item.published, updated, enclosure, content)
