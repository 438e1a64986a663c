"""Digests as entries: one HTML text of all stories, which newsletters can take as it stands."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from html import escape
from urllib.parse import urlsplit

import msgspec

from feeds.common.digests import Digest, DigestStory
from feeds.common.model import Entry, Feed, Item, Picture, Provider
from feeds.common.times import from_unix
from feeds.render.content import as_notice, entry_content, link, shortened
from feeds.render.context import EntryView, Site, enclosure_of
from feeds.render.words import day_text


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
