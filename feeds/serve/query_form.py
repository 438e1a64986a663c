"""The page at /query: a form that writes the address of a query feed. It needs no script."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from html import escape

from feeds.common.model import Feed
from feeds.config import Config
from feeds.serve.body_cache import Bodies, digest_of
from feeds.serve.conditions import FAILED, UNCHANGED, status_of
from feeds.serve.messages import NOSNIFF, NOT_ACCEPTABLE, PRECONDITION_FAILED, Answer, Request
from feeds.serve.negotiation import choose
from feeds.serve.query import DEFAULT_LIMIT, MAX_LIMIT, MAX_TEXT
from feeds.serve.responses import tag_of

# The look of the pages in out/, as far as a form needs it: there may be no pages.
_STYLE = """
:root {
  color-scheme: light dark;
  --paper: #fbf9f4; --ink: #1d1b16; --quiet: #5d574c; --accent: #9a3412;
  background: var(--paper); color: var(--ink); overflow-wrap: anywhere;
  font: 100%/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #171512; --ink: #ece7dc; --quiet: #aea596; --accent: #f2a479;
  }
}
body { max-width: 34rem; margin: 2rem auto 3rem; padding: 0 1rem; }
h1 {
  margin: 1rem 0; padding-top: 1rem; border-top: 3px solid;
  font: 600 2rem/1.2 Charter, "Bitstream Charter", "Sitka Text", Cambria, "Noto Serif", serif;
}
a { color: var(--accent); text-underline-offset: .18em; }
label { display: block; margin-top: 1rem; font-weight: 600; }
small { font-weight: 400; color: var(--quiet); }
input, button {
  box-sizing: border-box; min-height: 2.5rem; padding: .25rem .75rem;
  border: 1px solid var(--quiet); border-radius: 4px;
  background: var(--paper); color: inherit; font: inherit;
}
input { width: 100%; margin-top: .25rem; }
button { margin: 1.5rem .5rem 0 0; font-weight: 600; cursor: pointer; }
button:hover, button:first-of-type {
  border-color: var(--accent); background: var(--accent); color: var(--paper);
}
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
"""
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_ROWS = 2
_ICON = '<link rel="icon" href="assets/icon.svg" type="image/svg+xml">\n'
_BACK = '<p><a href="index.html">All feeds</a></p>\n'


def answer_form(
    request: Request, config: Config, feeds: Sequence[Feed], bodies: Bodies, max_age: int
) -> Answer:
    """Returns the page, with the names of the topics and providers that there are."""
    data = _page(config, feeds).encode()
    coding = choose(request.encodings)
    if coding is None:
        return NOT_ACCEPTABLE
    digest = digest_of(data)
    tag = tag_of(digest, coding)
    headers = [
        ("etag", f'"{tag}"'),
        ("vary", "Accept-Encoding"),
        ("cache-control", f"public, max-age={max_age}"),
        ("content-security-policy", _POLICY),
        NOSNIFF,
        ("referrer-policy", "no-referrer"),
    ]
    condition = status_of(request, tag, None)
    if condition == FAILED:
        return PRECONDITION_FAILED
    if condition == UNCHANGED:
        return Answer(304, headers, b"", form="html")
    headers.append(("content-type", "text/html; charset=utf-8"))
    if coding:
        headers.append(("content-encoding", coding))
    body = bodies.get(digest, coding, lambda: data)
    return Answer(200, headers, body, form="html", coding=coding)


def _page(config: Config, feeds: Sequence[Feed]) -> str:
    topics = sorted((feed.name, feed.name) for feed in feeds if feed.kind == "topic")
    providers = sorted((feed.key, feed.name) for feed in feeds if feed.kind == "provider")
    title = escape(f"{config.site.title}: a feed of your own")
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
{_ICON if config.site.pages else ""}<style>{_STYLE}</style>
</head>
<body>
<main>
{_BACK if config.site.pages else ""}<h1>{title}</h1>
<p>Say what you want to read about. The address that you get is one to subscribe to in a reader.
What you leave empty does not matter.</p>
<form action="query.atom" method="get">
<label for="q">Words <small>all of them; "in quotes" as a phrase</small></label>
<input id="q" name="q" maxlength="{MAX_TEXT}" type="search">
{_inputs("topic", "Topic", topics)}
{_inputs("provider", "Provider", providers)}
<label for="min_quality">Quality <small>at least, from 0 to 100</small></label>
<input id="min_quality" name="min_quality" type="number" min="0" max="100">
<label for="limit">Stories <small>at most</small></label>
<input id="limit" name="limit" type="number" min="1" max="{MAX_LIMIT}"
placeholder="{DEFAULT_LIMIT}">
<button>Atom</button>
<button formaction="query.rss">RSS</button>
<button formaction="query.json">JSON Feed</button>
</form>
</main>
</body>
</html>
"""


def _inputs(name: str, label: str, choices: Sequence[tuple[str, str]]) -> str:
    options = "".join(
        f'<option value="{escape(value)}">{escape(text)}</option>\n' for value, text in choices
    )
    rows = "\n".join(
        f'<label for="{name}{row}">{"or " + label.lower() if row > 1 else label}</label>\n'
        f'<input id="{name}{row}" name="{name}" list="{name}s">'
        for row in range(1, _ROWS + 1)
    )
    return f'{rows}\n<datalist id="{name}s">\n{options}</datalist>'
