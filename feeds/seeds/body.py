"""A seed's Markdown body to HTML that is safe in every reader."""

from __future__ import annotations

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


def render_body(markdown: str, base: str) -> str:
    """Returns the body as sanitised HTML; ``""`` where there is none.

    CommonMark with tables and strikethrough, raw HTML shown as text. Links are made absolute
    against `base`, the story's own URL; a link that leads nowhere sensible loses its target.
    """
    if not markdown.strip():
        return ""
    import nh3

    parser = _parser()
    tokens = parser.parse(markdown)
    _tidy(tokens, base)
    html = parser.renderer.render(tokens, parser.options, {})
    return nh3.clean(
        html,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes={"http", "https", "mailto"},
        link_rel=None,
    ).strip()


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
