"""Articles by patterns are as the template writes them, whatever their texts hold."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from feeds.common.model import Image, Item, Provider, Related
from feeds.render import articles
from feeds.render.context import Pages
from tests.support.rendering import HOSTILE_LINE, RENDER_SITE, make_item, render_items

PAGES = Pages(missing=(("topic", "b"), ("provider", "example.org")))
SITE = replace(RENDER_SITE, pages=PAGES, media_url="https://i.example/")
# With a template of the site's own, no article is made by a pattern.
PLAIN = replace(SITE, pages=replace(PAGES, templates=(("unused.html", ""),)))
_WHEN = datetime(2026, 1, 31, 23, 59, 59, tzinfo=UTC)
_URL = "https://i.example/?a='1'&b=%(url)s&c=%s"


def same_pages(*items: Item) -> bool:
    first = make_item(1000)
    pages = (render_items(first, *items, site=site)["html"] for site in (SITE, PLAIN))
    return next(pages) == next(pages)


@given(
    line=HOSTILE_LINE,
    counts=st.tuples(*[st.integers(0, 3)] * 3),
    numbers=st.tuples(*[st.integers(-1, 100)] * 2),
    has=st.tuples(*[st.booleans()] * 5),
    sizes=st.sampled_from([(0, 0), (640, 480), (480, 640), (9, 9), (0, 7)]),
)
@example(line="%s %(0)s 5 %", counts=(3, 3, 1), numbers=(-1, 100), has=(True,) * 5, sizes=(9, 9))
@example(line="1", counts=(0, 0, 0), numbers=(0, 0), has=(False,) * 5, sizes=(0, 0))
def test_articles_are_as_the_template_writes_them(
    line: str,
    counts: tuple[int, int, int],
    numbers: tuple[int, int],
    has: tuple[bool, ...],
    sizes: tuple[int, int],
) -> None:
    topics, related, images = counts
    stories = (
        Related(line, _URL, 1, _WHEN if has[0] else None, line),
        Related(line, _URL, 2, _WHEN),
        Related(line, _URL, 3),
    )
    item = make_item(
        title=line,
        url=_URL,
        updated=_WHEN if has[1] else None,
        provider=Provider(line, "example.com"),
        excerpt=line if has[2] else "",
        correction=line if has[3] else "",
        is_published=has[4],
        locale=("", "en", "ar", "de-AT")[topics],
        quality=numbers[0],
        heat=numbers[1],
        topics=("a", "b", line)[:topics],
        images=(Image(_URL, *sizes, line if has[0] else "", cached=True),) * min(images, 1),
        related=stories[:related],
    )
    assert same_pages(item)
    twin = replace(item, title="Another", quality=50, heat=50, is_published=not has[4])
    assert same_pages(twin, item)


def test_every_quality_and_heat_is_shown_as_the_template_shows_it() -> None:
    provider = Provider("Without a page", "example.org")
    first = make_item(1, excerpt="As a notice of withdrawal", provider=provider)
    assert same_pages(*(replace(first, quality=one) for one in range(-1, 101)))
    assert same_pages(*(replace(first, heat=one) for one in range(-1, 101)))


def test_one_article_of_each_form_is_made_by_the_template() -> None:
    articles._patterns.cache_clear()
    render_items(*(make_item(one) for one in range(9)), site=SITE)
    assert len(articles._patterns((), "en")) == 1


def test_patterns_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(articles, "MOST_FORMS", 2)
    articles._patterns.cache_clear()
    assert same_pages(*(make_item(one, topics=("a",) * one) for one in range(6)))
    assert len(articles._patterns((), "en")) <= 2


def test_words_of_the_site_may_format_the_time_of_an_entry() -> None:
    words = replace(PAGES, templates=(("words.toml", 'updated = "upd {time:.9}!"'),))
    items = (make_item(one, updated=_WHEN) for one in range(3))
    page = render_items(*items, site=replace(SITE, pages=words))
    assert page["html"].count(b"upd ") == len(re.findall(rb"upd [^<!]{9}!", page["html"]))
    assert page["html"].count(b"upd ") == 3
