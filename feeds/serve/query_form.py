"""The page at /query: a form whose buttons lead to query feeds. It needs no script."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from feeds.common.model import Feed
from feeds.config import Config
from feeds.serve.body_cache import digest_of
from feeds.serve.query import DEFAULT_LIMIT, MAX_LIMIT, MAX_TEXT
from feeds.serve.responses import TextFile

_PATH = "query.html"
_STYLE = "query.css"


class _Limits(NamedTuple):
    """What the form accepts: characters of text, stories, and stories unless said otherwise."""

    text: int = MAX_TEXT
    stories: int = MAX_LIMIT
    default_stories: int = DEFAULT_LIMIT


class _Choice(NamedTuple):
    """A topic or provider: what the query says, and what people are shown."""

    value: str
    name: str


def query_form(config: Config, feeds: Sequence[Feed]) -> TextFile:
    """Returns the form, which offers the topics and providers of these feeds."""
    # Imported on demand: most servers are never asked for it.
    from feeds.render.environment import render_page

    variables: dict[str, object] = {
        "title": config.site.title,
        "has_pages": config.site.pages,
        "topics": sorted(_Choice(feed.name, feed.name) for feed in feeds if feed.kind == "topic"),
        "providers": sorted(
            _Choice(feed.key, feed.name) for feed in feeds if feed.kind == "provider"
        ),
        "limits": _Limits(),
    }
    data = render_page((), _PATH, variables)
    style = hashlib.sha256(render_page((), _STYLE, {})).digest()
    policy = (
        f"default-src 'none'; style-src 'sha256-{base64.b64encode(style).decode()}'; "
        "img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    headers = (("content-security-policy", policy), ("referrer-policy", "no-referrer"))
    return TextFile(_PATH, digest_of(data), None, "", lambda: data, headers=headers)
