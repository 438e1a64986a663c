"""Turns the Markdown body of a seed into HTML that is safe in every reader."""

from __future__ import annotations

import re
from collections.abc import Callable, MutableMapping
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from feeds.common.text import clean_block, clean_source
from feeds.common.urls import normal_url
from feeds.seeds.limits import MAX_BODY_CHARACTERS, MAX_BODY_LINES, MAX_BODY_MARKS, MAX_BODY_TOKENS

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

# The tags that a news story needs; validators know each of them. There is no div, class, style or
# id, because the design is the reader's.
_TAGS = {
    *("a", "b", "blockquote", "br", "code", "del", "em", "h2", "h3", "h4", "h5", "h6", "hr", "i"),
    *("img", "li", "ol", "p", "pre", "s", "strong", "table", "tbody", "td", "th", "thead", "tr"),
    "ul",
}
_ATTRIBUTES = {"a": {"href", "title"}, "img": {"src", "alt", "title"}, "ol": {"start"}}
_TEXTS = {"text", "text_special"}
_CODE = {"code_inline", "code_block", "fence"}
# HTML is shown as text; text between its tags `code` and `pre` is code.
_CODE_TAG = re.compile(r"(</?(?:code|pre)\b[^<>]*>)", re.IGNORECASE)
_LINKS = {"link_open": "href", "image": "src"}

# The characters at which the Markdown parser stops, from its own list.
_MARKS = re.compile(r"[$%&*+\-:<=>@\[\\\]^_`{}~!|#()]")


class CostlyBodyError(Exception):
    """A body would cost too much time or memory; the message names the limit."""


def _clean(text: str) -> str:
    return clean_block(text, repair=False)


def render_body(markdown: str, base: str, clean: Callable[[str], str] = _clean) -> str:
    """Returns the body as sanitised HTML, ``""`` if it is empty.

    The body is CommonMark with tables and strikethrough; raw HTML is shown as text. Links are made
    absolute against `base`, the story's own URL, and lose their target if that gives no http(s) or
    mailto URL. `clean` is applied to all texts but code, and may repair them.

    Raises:
        CostlyBodyError: the body is over one of the limits above.
    """
    markdown = clean_source(markdown)
    if not markdown.strip():
        return ""
    import nh3

    check_size(markdown)
    parser = _parser()
    tokens = _parse(markdown)
    _Tidying(base, clean).tidy(tokens)
    html = parser.renderer.render(tokens, parser.options, {})
    return nh3.clean(
        html,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes={"http", "https", "mailto"},
        link_rel=None,
    ).strip()


def check_size(markdown: str) -> None:
    """Raises CostlyBodyError if a body is too long to be parsed."""
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
    """The blocks of a body, counted, because a table makes many out of few characters."""

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


class _Tidying:
    """Cleans the texts and links of one body, token by token, in their order."""

    def __init__(self, base: str, clean: Callable[[str], str]) -> None:
        self._base = base
        self._clean = clean
        self._open: set[str] = set()  # the tags of code that are open in the text

    def tidy(self, tokens: list[Token]) -> None:
        """Cleans these tokens and their children."""
        for token in tokens:
            # Character references are decoded by now, and may be any character.
            if token.type in _TEXTS:
                token.content = self._text(token.content)
            elif token.type in _CODE:
                token.content = _clean(token.content)
            attribute = _LINKS.get(token.type)
            if attribute:
                self._link(token.attrs, attribute)
            elif token.type in {"heading_open", "heading_close"} and token.tag == "h1":
                token.tag = "h2"  # the entry's title is the h1
            if token.children:
                self.tidy(token.children)

    def _text(self, text: str) -> str:
        if "<" not in text and not self._open:
            return self._clean(text)
        pieces = _CODE_TAG.split(text)
        for number, piece in enumerate(pieces):
            if number % 2:
                self._follow(piece.lower().strip("<>"))
            else:
                pieces[number] = _clean(piece) if self._open else self._clean(piece)
        return "".join(pieces)

    def _follow(self, tag: str) -> None:
        name = tag.split()[0]
        if name.startswith("/"):
            self._open.discard(name[1:])
        else:
            self._open.add(name)

    def _link(self, attrs: MutableMapping[str, Any], name: str) -> None:
        if "title" in attrs:
            attrs["title"] = self._clean(str(attrs["title"]))
        target = str(attrs.pop(name, ""))
        if target.startswith("mailto:"):
            attrs[name] = target
            return
        try:
            url = normal_url(urljoin(self._base, target))
        except ValueError:
            url = None
        if url is not None:
            attrs[name] = url
