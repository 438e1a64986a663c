"""Plain text stays plain: no validator takes it for HTML, and people see what the seed says."""

from __future__ import annotations

from html import escape

import atoma
import feedparser
import html5lib
import pytest
from hypothesis import example, given, settings
from lxml import etree
from msgspec.structs import replace

from feeds.common.model import Image, Provider, Related
from feeds.render.opml import render_opml
from feeds.render.xml import WORD_JOINER, defuse, looks_like_html, write_rss_text
from tests.support.rendering import HOSTILE_LINE, RENDER_SITE, make_item, render_items, select_items
from tests.support.validator import NAMESPACES, findings
from tests.support.validator_values import html_in

_J = WORD_JOINER
# Text; what the W3C validator takes for HTML in Atom, and in RSS; how RSS writes it instead.
_TEXTS = [
    pytest.param("5 < 6 & 7 > 6", "", "", "5 &lt; 6 &amp; 7 &gt; 6", id="signs"),
    pytest.param("AT&T, R&D, Q&A;", "", "", "AT&amp;T, R&amp;D, Q&amp;A;", id="& in a word"),
    pytest.param("<3 <- << <é", "", "", "&lt;3 &lt;- &lt;&lt; &lt;é", id="< before signs"),
    pytest.param("</b>", "</b>", "</b>", f"&lt;{_J}/b&gt;", id="end tag"),
    pytest.param(
        "<i>x</i> & y", "</i>", "</i>", f"&lt;{_J}i&gt;x&lt;{_J}/i&gt; &amp; y", id="both"
    ),
    pytest.param("<b>", "", "<b", "&#x3C;b&gt;", id="start tag"),
    pytest.param("x </", "", "</", "x &#x3C;/", id="half an end tag"),
    pytest.param("AT&T <b>", "", "", "AT&#x26;T &#x3C;b&gt;", id="start tag behind a word"),
    pytest.param("&lt;", "&lt", "&lt", "&#x26;lt;", id="entity"),
    pytest.param("?a=1&copy=2", "&copy", "&copy", "?a=1&#x26;copy=2", id="entity without ;"),
    pytest.param("&apos;", "&apos", "&apos", "&#x26;apos;", id="apos"),
    pytest.param("&#39;", "&#39", "&#39", "&#x26;#39;", id="decimal reference"),
    pytest.param("&#x27;", "&#x27", "&#x27", "&#x26;#x27;", id="hexadecimal reference"),
    pytest.param("&a1", "&a1", "&a1", "&#x26;a1", id="word with a digit"),
    pytest.param("&a_b", "&a_b", "&a_b", "&#x26;a_b", id="word with an underscore"),
    pytest.param("&x &hellip", "&hellip", "&hellip", "&#x26;x &#x26;hellip", id="the second"),
    pytest.param("&١", "&١", "&١", "&#x26;١", id="digit of another script"),
]


@pytest.mark.parametrize(("text", "in_atom", "in_rss", "written"), _TEXTS)
def test_validator_takes_text_for_html(text: str, in_atom: str, in_rss: str, written: str) -> None:
    assert html_in(text) == in_atom
    assert html_in(text, rss=True) == in_rss
    assert html_in(text, rss=True, referenced=True) == (in_atom if "</" in in_atom else "")
    assert looks_like_html(text) == bool(in_atom)


@pytest.mark.parametrize(("text", "in_atom", "in_rss", "written"), _TEXTS)
def test_write_rss_text_writes(text: str, in_atom: str, in_rss: str, written: str) -> None:
    element = etree.Element("title")
    write_rss_text(element, text)
    assert etree.tostring(element, encoding="unicode") == f"<title>{written}</title>"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        pytest.param("5 < 6 & AT&T", "5 < 6 & AT&T", id="harmless text"),
        pytest.param("<b> & </b>", f"<{_J}b> & <{_J}/b>", id="tags"),
        pytest.param("<!-- <?", f"<{_J}!-- <{_J}?", id="comments and instructions"),
        pytest.param("&lt; AT&T", f"&{_J}lt; AT&{_J}T", id="references"),
        pytest.param("Desk <1@example.org>", f"Desk <{_J}1@example.org>", id="address"),
    ],
)
def test_defuse_puts_a_word_joiner_where_html_would_begin(text: str, wanted: str) -> None:
    assert defuse(text) == wanted
    assert defuse(wanted) == wanted


def _seen(text: str | None) -> str:
    return (text or "").replace(_J, "")


def _seen_as_html(text: str | None) -> str:
    fragment = html5lib.parseFragment(text or "")
    return _seen("".join(fragment.itertext()))


def _seen_in_atom(element: etree._Element | None) -> str:
    assert element is not None
    show = _seen_as_html if element.get("type") == "html" else _seen
    return show(element.text)


@settings(max_examples=settings().max_examples // 2)
@example("&\u00a0")
@example("<1@example.org>")
@example("\u2060 \u2060")
@given(HOSTILE_LINE)
def test_text_is_seen_as_written_and_never_taken_for_html(text: str) -> None:
    text = text.replace(_J, "")
    text = text if _seen(text).strip() else "x"
    seen = _seen(text)
    related = Related(text, "https://other.example.com/")
    image = Image("https://images.example.com/a.jpg", title=text, cached=True)
    item = make_item(title=text, excerpt=text, topics=(text,), related=(related,))
    item = replace(item, provider=Provider(text, "example.com"), images=(image,))
    site = replace(RENDER_SITE, title=text, rights=text, author_name=text)
    site = replace(site, logo="https://www.example.org/logo.png")
    documents = render_items(item, site=site, title=text, description=text)
    for extension, data in documents.items():
        assert findings(f"all.{extension}", data, site.base_url) == []

    atom = etree.fromstring(documents["atom"])
    for path in ("title", "subtitle", "rights", "entry/atom:title", "entry/atom:summary"):
        assert _seen_in_atom(atom.find(f"atom:{path}", NAMESPACES)) == seen, path
    names = [name.text for name in atom.iterfind(".//atom:name", NAMESPACES)]
    titles = [
        link.get("title") for link in atom.iterfind("atom:entry/atom:link[@title]", NAMESPACES)
    ]
    assert [_seen(one) for one in names + titles] == [seen] * 4
    assert atom.xpath("//@term") == [text]

    channel = etree.fromstring(documents["rss"])[0]
    paths = ("title", "description", "copyright", "image/title", "item/title", "item/category")
    for path in (*paths, f"item/{{{NAMESPACES['dc']}}}creator"):
        assert _seen(channel.findtext(path)) == seen, path
    assert _seen_as_html(channel.findtext("item/description")) == seen

    opml = render_opml(site, [select_items([item], title=text).summary()])
    assert findings("feeds.opml", opml.data, site.base_url) == []
    outline = etree.fromstring(opml.data).find("body/outline")
    assert outline is not None
    assert _seen_as_html(outline.get("text")) == _seen_as_html(outline.get("title")) == seen


@given(HOSTILE_LINE)
def test_defuse_twice_is_defuse_once(text: str) -> None:
    once = defuse(text)
    assert defuse(once) == once
    assert html_in(once) == ""


def test_topics_are_plain_beside_a_plain_title() -> None:
    data = render_items(make_item(topics=("R&amp;D", "<b>", "</i>")))["rss"]
    assert findings("all.rss", data, RENDER_SITE.base_url) == []


def test_word_joiner_is_put_only_where_it_is_needed() -> None:
    documents = render_items(make_item(title="5 < 6 & AT&T", excerpt=escape("plain")))
    assert not [name for name, data in documents.items() if WORD_JOINER.encode() in data]


_GUESSED = [
    *("AT&T &amp; R&D", "&copy; 2026", "&copy 2026", "A &#169; B", "A &#169 B", "A &#xA9; B"),
    *("&lt;b&gt;", "<b>x</b>", "a </b>", "&apos;q&apos;", "&hellip;", "?a=1&region=2", "&check;"),
    *("&#xa9 <i>", "&NotEqualTilde;", "<br/> &amp;", "R&D, AT&T & Q&A", "5 < 6", "The <b> tag"),
]


@pytest.mark.parametrize("title", _GUESSED)
def test_title_is_text_to_readers_that_guess(title: str) -> None:
    documents = render_items(make_item(title=title), title=title)
    for extension in ("atom", "rss"):
        data = documents[extension]
        assert findings(f"all.{extension}", data, RENDER_SITE.base_url) == []
        parsed = feedparser.parse(data)
        for detail in (parsed.feed.title_detail, parsed.entries[0].title_detail):
            assert (detail.type, _seen(detail.value)) == ("text/plain", title), extension
    entry = atoma.parse_atom_bytes(documents["atom"]).entries[0].title
    assert (entry.text_type.value, _seen(entry.value)) == ("text", title)
    assert _seen(atoma.parse_rss_bytes(documents["rss"]).items[0].title) == title


@pytest.mark.parametrize("title", ["AT&T, R&D & Q&A", "5 < 6 <3", "The <b> tag", "Q&A; x"])
def test_title_without_end_tags_and_references_has_no_word_joiner(title: str) -> None:
    documents = render_items(make_item(title=title), title=title)
    assert not [name for name, data in documents.items() if WORD_JOINER.encode() in data]
