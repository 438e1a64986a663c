"""feeds.seeds.markdown: Markdown to HTML that no reader is harmed by."""

from __future__ import annotations

import re
import time
import unicodedata
from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from lxml import etree

from feeds.common.text import clean_block
from feeds.seeds.limits import MAX_BODY_LINES, MAX_BODY_MARKS
from feeds.seeds.markdown import CostlyBodyError, render_body

_BASE = "https://news.example/2021/story.html?a=b"
_ALLOWED = {"a": {"href", "title"}, "img": {"src", "alt", "title"}, "ol": {"start"}}
_VOID = {"br", "hr", "img"}
_PIECES = (
    *("<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<b>", "</p>", "<!--", "-->"),
    *("<![CDATA[", "]]>", "<?php", "[a](", "![a](", ")", "<", ">", '"', "'", "&", "&lt;", "&#60;"),
    *("javascript:alert(1)", "data:text/html,x", "//evil.example", "../b", "#c", "http://u:p@h.d/"),
    *("&#12;", "&#0;", "&#xD800;", "&#xFFFE;", "&#x80;", "&Tab;", "&NewLine;", "e&#x301;", "`"),
    *("*", "**", "_", "~~", "# ", "\n", "\n\n", "> ", "- ", "1. ", "    ", "```\n", "\\", "\t"),
    *(
        "|a|b|\n|-|-|\n",
        "[a]: ",
        "[a]",
        ' "t"',
        " ",
        "a",
        "é",
        "e\u0301",
        "\u202e",
        "\xa0",
        "---\n",
    ),
)
_MARKDOWN = st.lists(st.sampled_from(_PIECES), max_size=16).map("".join)


class _Reader(HTMLParser):
    """Collects elements, and checks that each is closed where it was opened."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs)
        self.found.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    def handle_decl(self, decl: str) -> None:
        raise AssertionError(decl)

    handle_pi = unknown_decl = handle_comment


@pytest.mark.parametrize(
    ("markdown", "html"),
    [
        ("", ""),
        (" \n\t\n", ""),
        ("Text", "<p>Text</p>"),
        ("a\nb", "<p>a\nb</p>"),
        ("a  \nb\\\nc", "<p>a<br>\nb<br>\nc</p>"),
        ("*a* **b** `c<d`", "<p><em>a</em> <strong>b</strong> <code>c&lt;d</code></p>"),
        ("~~a~~", "<p><s>a</s></p>"),
        ("# a\n## b\n###### c", "<h2>a</h2>\n<h2>b</h2>\n<h6>c</h6>"),
        ("a\n===\nb\n---", "<h2>a</h2>\n<h2>b</h2>"),
        ("> a\n\n---", "<blockquote>\n<p>a</p>\n</blockquote>\n<hr>"),
        ("- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>"),
        ("3. a", '<ol start="3">\n<li>a</li>\n</ol>'),
        ("```js\na\n```", "<pre><code>a\n</code></pre>"),
        ("    a", "<pre><code>a\n</code></pre>"),
        ("a & b < c", "<p>a &amp; b &lt; c</p>"),
        ("<b>a</b>", "<p>&lt;b&gt;a&lt;/b&gt;</p>"),
        ("<div>\na\n</div>", "<p>&lt;div&gt;\na\n&lt;/div&gt;</p>"),
        ("http://a.example www.a.example", "<p>http://a.example www.a.example</p>"),
        pytest.param(
            "|a|b|\n|:-|-:|\n|c|d|",
            "<table>\n<thead>\n<tr>\n<th>a</th>\n<th>b</th>\n</tr>\n</thead>\n"
            "<tbody>\n<tr>\n<td>c</td>\n<td>d</td>\n</tr>\n</tbody>\n</table>",
            id="table",
        ),
    ],
)
def test_body_is_markdown_with_raw_html_shown_as_text(markdown: str, html: str) -> None:
    assert render_body(markdown, _BASE) == html


@pytest.mark.parametrize(
    ("target", "href"),
    [
        ("http://a.example/b?c&d", "http://a.example/b?c&d"),
        ("b", "https://news.example/2021/b"),
        ("./b", "https://news.example/2021/b"),
        ("/b", "https://news.example/b"),
        ("../../../b", "https://news.example/b"),
        ("?b", "https://news.example/2021/story.html?b"),
        ("#b", "https://news.example/2021/story.html?a=b#b"),
        ("//a.example/b", "https://a.example/b"),
        ("", _BASE),
        ("é", "https://news.example/2021/%C3%A9"),
        ("http://bücher.example/", "http://xn--bcher-kva.example/"),
        ("<a b>", "https://news.example/2021/a%20b"),
        ("mailto:desk@news.example", "mailto:desk@news.example"),
        ("data:image/png;base64,AAAA", None),
        ("ftp://a.example/b", None),
        ("http://[bad/", None),
        ("http://user:secret@a.example/", None),
        ("http:///b", None),
        ("tel:+1", None),
    ],
)
def test_body_links_are_absolute_or_lead_nowhere(target: str, href: str | None) -> None:
    ((_, attributes),) = _Reader(render_body(f"[x]({target})", _BASE)).found[1:]
    assert attributes.get("href") == href
    if href and href.startswith("http"):
        ((_, attributes),) = _Reader(render_body(f"![x]({target})", _BASE)).found[1:]
        assert attributes == {"src": href, "alt": "x"}


@pytest.mark.parametrize(
    "markdown",
    r"""
    [x](javascript:alert(1))
    [x](JAVASCRIPT:alert(1))
    [x](java&#115;cript:alert(1))
    [x](vbscript:x) [x](file:///etc/passwd) [x](data:,x) <javascript:x>
    [x](http://a.example/"onmouseover=alert(1))
    [x](/ "\"onmouseover=\"alert(1)")
    ![x](javascript:alert(1))
    ![x](data:image/svg+xml;base64,PHN2Zz4=)
    ![<b>](/ '<i>')
    [<img>](<b>)
    <a href=javascript:alert(1)> <a href='x' style=y>
    <script>alert(1)</script> <SCRIPT SRC=//x>
    <svg/onload=x> <iframe src=//x> <style>*{}</style> <object> <form> <meta http-equiv=refresh>
    <p style='position:fixed'>
    <math><mi//xlink:href='data:x,<script>'>
    <!-- x -->
    <?php x ?>
    <![CDATA[x]]>
    <!DOCTYPE html>
    </body>
    ```<img src=x onerror=y>
    """.strip().split("\n"),
)
def test_body_holds_nothing_that_runs(markdown: str) -> None:
    _assert_harmless(render_body(markdown, _BASE))


def _assert_harmless(html: str) -> None:
    for tag, attributes in _Reader(html).found:
        assert tag not in {"script", "style", "iframe", "svg", "object", "form", "meta", "math"}
        assert set(attributes) <= _ALLOWED.get(tag, set())
        url = attributes.get("href") or attributes.get("src")
        if url:
            assert urlsplit(url).scheme in {"http", "https", "mailto"}
            assert url.isascii()


@example("a&#12;b")
@example('[a](/ "b&#12;")')
@example("![a&#12;b](/c)")
@example("`&#0;` &#xFFFE; &#x80;")
@example("caf e&#x301;")
@given(markdown=_MARKDOWN)
def test_body_of_any_markdown_is_harmless_html_fit_for_every_document(markdown: str) -> None:
    html = render_body(unicodedata.normalize("NFC", markdown), _BASE)
    _assert_harmless(html)
    etree.Element("e").text = html  # raises for what XML 1.0 forbids
    assert not re.search("[\x7f-\x9f\ufffd]", html)
    assert all(unicodedata.is_normalized("NFC", text) for text in _Reader(html).texts)


@pytest.mark.parametrize(
    "piece",
    [
        *("[", "![", "](", "[a](b ", "*", "*a ", "a_*", "`", "<", "<a@b.c>", "&", "&#", "> ", "- "),
        *("1. ", "|", "\\", "[a]: b\n", "[a][", "~~", "# ", "\n", "a|", "((", "<a ", "<!--", '"'),
    ],
)
def test_body_of_one_sign_over_and_over_ends_soon(piece: str) -> None:
    began = time.process_time()
    render_body(piece * (16_000 // len(piece)), _BASE)
    assert time.process_time() - began < 10


@pytest.mark.parametrize(
    "markdown",
    [
        "> " * 5000 + "a",
        "- " * 5000 + "a",
        "*a " * 5000 + "b*" * 5000,
        "![" * 3000 + "a" + "](b)" * 3000,
        "[" * 3000 + "a" + "](b)" * 3000,
        "".join(f"{'  ' * depth}- a\n" for depth in range(300)),
    ],
    ids=["quotes", "lists", "emphasis", "images", "links", "indented-lists"],
)
def test_body_nested_deeper_than_the_stack_is_no_crash(markdown: str) -> None:
    _assert_harmless(render_body(markdown, _BASE))


def _repaired(text: str) -> str:
    return clean_block(text, repair=True)


@pytest.mark.parametrize(
    ("markdown", "html"),
    [
        pytest.param("â€œx", "<p>“x</p>", id="text"),
        pytest.param(
            "# CafÃ©\n\n- *Ã©*", "<h2>Café</h2>\n<ul>\n<li><em>é</em></li>\n</ul>", id="in"
        ),
        pytest.param("`â€œ` â€œ", "<p><code>â€œ</code> “</p>", id="inline code"),
        pytest.param("`` ` â€œ `` â€œ", "<p><code>` â€œ</code> “</p>", id="two backticks"),
        pytest.param("    â€œ", "<pre><code>â€œ\n</code></pre>", id="indented"),
        pytest.param("```\nâ€œ\n```", "<pre><code>â€œ\n</code></pre>", id="fenced"),
        pytest.param(
            "> ~~~\n> â€œ", "<blockquote>\n<pre><code>â€œ</code></pre>\n</blockquote>", id="q"
        ),
        pytest.param(
            "<code>â€œ *â€œ*</code> â€œ",
            "<p>&lt;code&gt;â€œ <em>â€œ</em>&lt;/code&gt; “</p>",
            id="HTML code",
        ),
        pytest.param(
            "<PRE class=x>â€œ\n\nâ€œ</pre> â€œ",
            "<p>&lt;PRE class=x&gt;â€œ</p>\n<p>â€œ&lt;/pre&gt; “</p>",
            id="HTML pre",
        ),
        pytest.param("â\x80\x9cx `â\x80\x9c`", "<p>“x <code>â</code></p>", id="raw controls"),
        pytest.param("\ufeffx", "<p>x</p>", id="byte order mark"),
    ],
)
def test_body_is_repaired_but_its_code(markdown: str, html: str) -> None:
    assert render_body(markdown, _BASE, _repaired) == html


def test_largest_body_of_tags_of_code_takes_time_in_proportion() -> None:
    tags = "<code>Ã©</code> "
    largest = MAX_BODY_MARKS // 4  # each pair of tags has four angle brackets
    began = time.process_time()
    html = render_body(tags * largest, _BASE, _repaired)
    assert time.process_time() - began < 10
    assert html.count("Ã©") == largest
    with pytest.raises(CostlyBodyError, match="20,000 characters that mean something"):
        render_body(tags * (largest + 1), _BASE, _repaired)


def test_body_of_very_many_lines_is_not_rendered() -> None:
    with pytest.raises(CostlyBodyError, match=f"more than {MAX_BODY_LINES:,} lines"):
        render_body("\n" * (MAX_BODY_LINES + 1) + "x", _BASE)
