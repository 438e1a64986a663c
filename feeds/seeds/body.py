"""A seed's Markdown body to HTML that is safe in every reader."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from feeds.text import clean_block
from feeds.urls import normal_url

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

# What a news story needs; validators know each of these. No div, class, style or id: a reader's own
# design decides how it looks.
_TAGS = {
    *("a", "b", "blockquote", "br", "code", "del", "em", "h2", "h3", "h4", "h5", "h6", "hr", "i"),
    *("img", "li", "ol", "p", "pre", "s", "strong", "table", "tbody", "td", "th", "thead", "tr"),
    "ul",
}
_ATTRIBUTES = {"a": {"href", "title"}, "img": {"src", "alt", "title"}, "ol": {"start"}}
_TEXTS = {"text", "text_special", "code_inline", "code_block", "fence"}
_LINKS = {"link_open": "href", "image": "src"}

# What a body may cost. With these, whatever is in it, it takes less than half a second and 60 MB;
# long reports with hundreds of links are far below.
MAX_BODY_CHARACTERS = 100_000
MAX_BODY_LINES = 5_000
MAX_BODY_MARKS = 20_000
MAX_BODY_TOKENS = 60_000
# Where the parser of Markdown stops and looks: its own list of characters that may mean something.
_MARKS = re.compile(r"[$%&*+\-:<=>@\[\\\]^_`{}~!|#()]")


class CostlyBodyError(Exception):
    """A body would cost too much time or memory; the text says which limit it is over."""


def render_body(markdown: str, base: str) -> str:
    """Returns the body as sanitised HTML; ``""`` where there is none.

    CommonMark with tables and strikethrough, raw HTML shown as text. Links are made absolute
    against `base`, the story's own URL; a link that leads nowhere sensible loses its target.

    Raises:
        CostlyBodyError: the body is over one of the limits above.
    """
    if not markdown.strip():
        return ""
    import nh3

    check_size(markdown)
    parser = _parser()
    tokens = _parse(markdown)
    _tidy(tokens, base)
    html = parser.renderer.render(tokens, parser.options, {})
    return nh3.clean(
        html,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes={"http", "https", "mailto"},
        link_rel=None,
    ).strip()


def check_size(markdown: str) -> None:
    """Raises CostlyBodyError where a body is too long to be looked at."""
    if len(markdown) > MAX_BODY_CHARACTERS:
        raise CostlyBodyError(f"more than {MAX_BODY_CHARACTERS:,} characters")


def _parse(markdown: str) -> list[Token]:
    from markdown_it.rules_core import StateCore

    if markdown.count("\n") > MAX_BODY_LINES:
        raise CostlyBodyError(f"more than {MAX_BODY_LINES:,} lines")
    if sum(1 for _ in _MARKS.finditer(markdown)) > MAX_BODY_MARKS:
        raise CostlyBodyError(
            f"more than {MAX_BODY_MARKS:,} characters that mean something in Markdown"
        )
    parser = _parser()
    state = StateCore(markdown, parser, {})
    tokens = state.tokens = _Tokens()
    try:
        parser.core.process(state)
    except RecursionError:
        raise CostlyBodyError("nested too deep") from None
    return tokens


class _Tokens(list["Token"]):
    """The blocks of a body; a table makes many of few characters, so they are counted."""

    def append(self, token: Token) -> None:
        if len(self) >= MAX_BODY_TOKENS:
            raise CostlyBodyError(f"more than {MAX_BODY_TOKENS:,} cells, items and other blocks")
        super().append(token)


@cache
def _parser() -> MarkdownIt:
    # Imported on demand: it costs 100 ms, and many sites have seeds without a body.
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False})
    return parser.enable(["table", "strikethrough"])


def _tidy(tokens: list[Token], base: str) -> None:
    for token in tokens:
        if token.type in _TEXTS:
            # Character references are decoded by now, and may stand for anything.
            token.content = clean_block(token.content, repair=False)
        attribute = _LINKS.get(token.type)
        if attribute:
            _tidy_link(token.attrs, attribute, base)
        elif token.type in {"heading_open", "heading_close"} and token.tag == "h1":
            token.tag = "h2"  # the entry's title is the h1
        if token.children:
            _tidy(token.children, base)


def _tidy_link(attrs: MutableMapping[str, Any], name: str, base: str) -> None:
    if "title" in attrs:
        attrs["title"] = clean_block(str(attrs["title"]), repair=False)
    target = str(attrs.pop(name, ""))
    if target.startswith("mailto:"):
        attrs[name] = target
        return
    try:
        url = normal_url(urljoin(base, target))
    except ValueError:
        url = None
    if url is not None:
        attrs[name] = url
