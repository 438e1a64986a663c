"""The HTML of an entry: picture, excerpt, body, related coverage."""

from __future__ import annotations

from datetime import UTC, datetime
from xml.etree.ElementTree import Element

import html5lib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.common.model import Item, Related
from feeds.render.content import entry_content
from feeds.render.context import Enclosure, site_of
from tests.support.rendering import HOSTILE_LINE, make_item
from tests.support.site import config_of
from tests.support.validator_values import html

_URL = "https://other.example.com/?a=1&b='2'"
_PICTURE = Enclosure(
    "https://i.example.org/a.jpg?a=1&b='2'", "image/jpeg", 0, 640, 425, "A picture"
)


def _content(item: Item, picture: Enclosure | None, related: int) -> str:
    return entry_content(item, picture, site_of(config_of()), related)


def _parse(content: str) -> list[Element]:
    assert list(html("content", content)) == []
    return list(html5lib.parseFragment(content, namespaceHTMLElements=False))


def _text(element: Element | None) -> str:
    return "" if element is None else "".join(element.itertext())


def test_content_has_its_parts_in_order() -> None:
    related = (Related("Other", _URL),)
    item = make_item(excerpt="In short.", body="<h2>Body</h2>\n<p>Text</p>", related=related)
    figure, excerpt, heading, body, coverage, stories = _parse(_content(item, _PICTURE, 5))
    assert [one.tag for one in (figure, excerpt, heading, body)] == ["figure", "p", "h2", "p"]
    assert [_text(one) for one in (excerpt, heading, body)] == ["In short.", "Body", "Text"]
    assert (coverage.tag, _text(coverage), stories.tag) == ("h2", "Related coverage", "ul")
    german = site_of(config_of('[site]\nlanguage = "de-AT"'))
    assert "<h2>Auch dazu</h2>" in entry_content(item, None, german, 5)


def test_correction_stands_on_top_as_text() -> None:
    item = make_item(excerpt="In short.", correction='It said "5 < 6" & <b>more</b>.')
    correction, figure, excerpt = _parse(_content(item, _PICTURE, 5))
    assert _text(correction) == 'Correction: It said "5 < 6" & <b>more</b>.'
    assert (figure.tag, _text(excerpt)) == ("figure", "In short.")


def test_picture_has_url_size_and_alternative_text() -> None:
    ((image,),) = _parse(_content(make_item(), _PICTURE, 5))[:1]
    size = {"width": "640", "height": "425"}
    assert image.tag == "img"
    assert image.attrib == {"src": _PICTURE.url, "alt": "A picture"} | size


@pytest.mark.parametrize(("width", "height"), [(0, 0), (640, 0), (0, 425)])
def test_picture_leaves_out_a_size_that_is_not_known(width: int, height: int) -> None:
    picture = Enclosure(_PICTURE.url, "image/jpeg", 0, width, height, "A")
    ((image,),) = _parse(_content(make_item(excerpt="In short."), picture, 5))[:1]
    known = {name: str(size) for name, size in (("width", width), ("height", height)) if size}
    assert image.attrib == {"src": _PICTURE.url, "alt": "A"} | known


@pytest.mark.parametrize(
    "title", ["Use src=photo here", "src=photo ", 'A "src=photo" b', "img src='photo' >", "src=x>"]
)
def test_picture_is_what_a_search_for_src_finds(title: str) -> None:
    picture = Enclosure(_PICTURE.url, "image/jpeg", 0, 640, 425, title)
    ((image,),) = _parse(_content(make_item(), picture, 5))[:1]
    assert image.attrib["alt"] == title


def test_content_of_nothing_links_to_the_story() -> None:
    item = make_item(title="A <b> story", url=_URL)
    ((link,),) = _parse(_content(item, None, 5))
    assert (link.attrib, _text(link)) == ({"href": _URL}, "A <b> story")


def test_body_is_shown_as_it_is() -> None:
    body = '<p>A &amp; <em>b</em> <a href="https://a.example/?b=1&amp;c=2" title="x">c</a></p>'
    assert _content(make_item(body=body), None, 5) == body


def test_related_stories_come_best_first_and_keep_their_order_among_equals() -> None:
    qualities = (10, 90, 50, 90, 50, 0)
    stories = [Related(f"{n}", f"https://e.example/{n}", one) for n, one in enumerate(qualities)]
    item = make_item(related=tuple(stories))
    _, listed = _parse(_content(item, None, 5))
    assert [_text(story) for story in listed] == ["1", "3", "2", "4", "0"]


@pytest.mark.parametrize(("count", "wanted"), [(0, 0), (1, 1), (2, 2), (3, 3), (50, 3)])
def test_related_stories_are_as_many_as_asked_for(count: int, wanted: int) -> None:
    stories = tuple(Related(f"{n}", f"https://e.example/{n}") for n in range(3))
    content = _content(make_item(excerpt="In short.", related=stories), None, count)
    assert content.count("<li>") == wanted
    assert content.count("<ul>") == content.count("Related coverage") == bool(wanted)


@pytest.mark.parametrize(
    ("provider", "published", "wanted"),
    [
        pytest.param("", None, "Other", id="neither"),
        pytest.param("The <Paper>", None, "Other (The <Paper>)", id="provider"),
        pytest.param("", datetime(2026, 2, 1, 23, tzinfo=UTC), "Other (2026-02-01)", id="date"),
        pytest.param(
            *("A & B", datetime(999, 1, 1, tzinfo=UTC), "Other (A & B, 0999-01-01)"), id="both"
        ),
    ],
)
def test_related_story_tells_provider_and_date(
    provider: str, published: datetime | None, wanted: str
) -> None:
    story = Related("Other", _URL, 50, published, provider)
    _, (item,) = _parse(_content(make_item(related=(story,)), None, 5))
    assert _text(item) == wanted
    assert [link.attrib for link in item] == [{"href": _URL}]


@given(HOSTILE_LINE, HOSTILE_LINE, HOSTILE_LINE, st.integers(0, 2))
def test_any_text_is_shown_as_written(title: str, excerpt: str, provider: str, sizes: int) -> None:
    picture = Enclosure(_PICTURE.url, "image/jpeg", 0, sizes, sizes, title)
    related = (Related(title, _URL, 0, None, provider),)
    item = make_item(title=title, excerpt=excerpt, related=related)
    (image,), short, _, (story,) = _parse(_content(item, picture, 1))
    assert (image.attrib["alt"], _text(short)) == (title, excerpt)
    assert _text(story) == f"{title} ({provider})"
