"""Makes the articles of pages: the template writes one of each form, others are filled in.

Entries differ in few things but their texts, so a form is which of these there are. A template
takes six times as long for an entry as filling in its texts takes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from itertools import count
from operator import itemgetter
from typing import Any, NamedTuple

from markupsafe import Markup, escape

from feeds.common.files import Templates
from feeds.common.model import Feed
from feeds.render.context import EntryView, FeedView, Site, up_from
from feeds.render.entries import MOST_FORMS, Reuse
from feeds.render.environment import macro
from feeds.render.page_context import Link, PageEntry, entry_links, page_entry, when
from feeds.render.pictures import page_picture
from feeds.render.words import OWN

# No text holds either; `escape` leaves both alone.
_SEPARATOR, _MARK = "\0", "\1"
_GAP = re.compile(f"{_MARK}([0-9]+){_MARK}")
# What an entry begins and ends with. No text of a page holds either: each "<" of a text is escaped.
_ARTICLE, _END = "\n<article", "\n</article>\n"


class _Pattern(NamedTuple):
    """An article with ``%s`` in place of texts, and what takes these out of all texts."""

    text: str
    take: Callable[[Sequence[str]], tuple[str, ...]]


class _Number(int):
    """A number that templates compare as it is and show as a gap."""

    gap: str

    def __str__(self) -> str:
        return self.gap


def page_entries(view: FeedView) -> list[PageEntry]:
    """Returns the entries of a feed's page with their HTML, if our own template writes it.

    Digests stay without, and so does the first entry, whose picture is loaded at once.
    """
    site, feed = view.site, view.feed
    entries: list[PageEntry] = []
    articles = view.articles or [""] * len(view.entries)
    # Words of the site's own may format a time as they like, which a pattern cannot.
    has_own = _has_own_html(site) or any(name == OWN for name, _ in site.templates)
    for entry, article in zip(view.entries, articles, strict=True):
        if article:
            # Beside its HTML a page shows the first picture alone, in its head.
            shows_picture = not any(one.picture for one in entries)
            entries.append(_ready_entry(view, entry, article, shows_picture=shows_picture))
        elif not entries or has_own:
            entries.append(page_entry(site, feed, entry))
        else:
            key = up_from(feed.address), *entry_links(site, feed, entry)
            entries.append(entry.once(key, partial(_with_article, site, feed, entry)))
    return entries


def _ready_entry(
    page: FeedView, view: EntryView, article: str, *, shows_picture: bool
) -> PageEntry:
    """Returns an entry with its HTML, and of the rest what pages show elsewhere, too."""
    site, up = page.site, up_from(page.feed.address)
    time = when(view.published, site.language)
    picture = page_picture(site, up, view) if shows_picture else None
    first = ("", "", "", Link("", ""), time, None, "", picture)
    return PageEntry(*first, [], [], -1, -1, *("", False, Markup(article)))  # noqa: S704 (ours)


def _with_article(site: Site, feed: Feed, view: EntryView) -> PageEntry:
    entry = page_entry(site, feed, view)
    if entry.stories:
        return entry
    patterns = _patterns(site.templates, site.language)
    values = _values(entry)
    form = _form(entry, values)
    pattern = patterns.get(form)
    if pattern is None:
        if len(patterns) == MOST_FORMS:
            patterns.clear()
        article = macro(site, "entry.html", "article")(_with_gaps(entry), 3, dated=False)
        pattern = patterns[form] = _pattern(article)
    texts = str.split(escape(_SEPARATOR.join(map(str, values))), _SEPARATOR)
    html = Markup(pattern.text % pattern.take(texts))  # noqa: S704 (escaped)
    return entry._replace(html=html, topics=[], related=[])


def ready_articles(site: Site, page: bytes, reuse: Reuse) -> list[str]:
    """Returns the HTML of each entry of a feed as its published page has it, "" for none.

    The first entry of a page is another than it would be elsewhere: its image is loaded at once.
    None is taken from pages by templates of the site's own, which may show an entry in any way.

    Raises:
        ValueError: the page has other entries than it should have.
    """
    if _has_own_html(site):
        return []
    _, *rest = page.decode().split(_ARTICLE)
    old = [one.partition(_END) for one in rest]
    if len(old) != reuse.published or not all(found for _, found, _ in old):
        raise ValueError("the page has more entries, or fewer")
    return [
        f"{_ARTICLE[1:]}{old[place][0]}{_END}" if place and number else ""
        for number, place in enumerate(reuse.places)
    ]


def _has_own_html(site: Site) -> bool:
    return any(name.endswith(".html") for name, _ in site.templates)


@lru_cache(maxsize=4)
def _patterns(templates: Templates, language: str) -> dict[tuple[object, ...], _Pattern]:
    """Returns the patterns of a site by form, as far as they are known."""
    return {}


def _values(entry: PageEntry) -> list[object]:
    """Returns all texts and numbers of an entry, in the order of its fields."""
    values: list[object] = [entry.title, entry.url, entry.language, *entry.provider]
    values += entry.published
    values += entry.updated or ()
    values.append(entry.excerpt)
    values += entry.picture or ()
    for topic in entry.topics:
        values += topic
    for story in entry.related:
        values += story[:3]
        values += story.published or ()
    values += entry.quality, entry.heat, entry.direction, entry.html, entry.correction
    return values


def _form(entry: PageEntry, values: Sequence[object]) -> tuple[object, ...]:
    """Returns what two entries have in common whose articles differ in nothing but texts.

    The template shows quality in steps of 20, and heat in steps of 40, by more than their numbers.
    """
    return (
        tuple(map(bool, values)),
        *(entry.draft, entry.quality < 0, (entry.quality + 10) // 20, entry.heat // 40),
        *(len(entry.topics), tuple([one.published is None for one in entry.related])),
    )


def _with_gaps(entry: PageEntry) -> PageEntry:
    """Returns an entry with a gap in place of each of its `_values`, if it has one."""
    gaps = (f"{_MARK}{number}{_MARK}" for number in count())

    def marked(value: Any) -> Any:
        if isinstance(value, (str, int)) and not isinstance(value, bool):
            gap = next(gaps)
            if isinstance(value, str):
                return gap if value else ""
            number = _Number(value)
            number.gap = gap
            return number
        if isinstance(value, list):
            return [marked(one) for one in value]
        return type(value)(*map(marked, value)) if isinstance(value, tuple) and value else value

    marked_entry: PageEntry = marked(entry)
    return marked_entry


def _pattern(article: str) -> _Pattern:
    numbers = [int(one) for one in _GAP.findall(article)]
    text = _GAP.sub("%s", str(article).replace("%", "%%"))
    return _Pattern(text, itemgetter(*numbers))
