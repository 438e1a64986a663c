"""The answer to a request for a text: negotiated, conditional, whole or only what is new in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from feeds.serve.answers import NOT_ACCEPTABLE, Answer, Headers, Request
from feeds.serve.bodies import Bodies
from feeds.serve.conditions import http_date, is_unchanged, listed_tags
from feeds.serve.delta import Delta, Deltas, accepts_deltas
from feeds.serve.encodings import CODINGS, IDENTITY, choose
from feeds.serve.kinds import Kind, is_immutable, kind_of
from feeds.serve.terms import Terms

_NOSNIFF = ("x-content-type-options", "nosniff")
_YEAR = 31_536_000
# What browsers say of a page that somebody opens (www.w3.org/TR/fetch-metadata).
_DOCUMENT = "document"


class Text(NamedTuple):
    """A text as it is now: its path below out/, its digest, its time (Unix seconds).

    `url` is its own address; `read` gives its bytes. A `query` makes one path many texts.
    """

    path: str
    digest: str
    modified: int
    url: str
    read: Callable[[], bytes]
    query: str = ""

    @property
    def extension(self) -> str:
        """The format, as paths name it."""
        return self.path.rpartition(".")[2]

    @property
    def versions(self) -> str:
        """What its versions are remembered by."""
        return f"{self.path}?{self.query}" if self.query else self.path


def answer_text(
    request: Request, text: Text, terms: Terms, bodies: Bodies, deltas: Deltas
) -> Answer:
    """Returns the answer to a GET or HEAD for a text.

    Somebody who opens a feed in a browser gets it with a type by which browsers style it. No shared
    cache may keep that answer, so that readers, who are many, need not be told apart by caches.
    """
    coding = choose(request.encodings)
    if coding is None:
        return NOT_ACCEPTABLE
    tag = tag_of(text.digest, coding)
    kind = kind_of(text.path)
    opened = bool(kind.opened) and request.destination == _DOCUMENT
    headers = _headers(text, tag, terms, opened=opened)
    vary = "Accept-Encoding, Sec-Fetch-Dest" if opened else "Accept-Encoding"
    if is_unchanged(request.none_match, request.since, tag, text.modified):
        return Answer(304, [("vary", vary), *headers], b"", form=text.extension)
    digest, read, status = text.digest, text.read, 200
    delta = _delta(request, text, deltas) if kind.feed else None
    if delta is not None:
        digest, read, status = delta.digest, lambda: delta.data, 226
        # For caches that know of deltas (RFC 3229, section 10.8.2); no other may keep it.
        headers = [pair for pair in headers if pair[0] != "cache-control"]
        headers += [("im", "feed"), ("cache-control", "no-store, im")]
        headers.append(("vary", "Accept-Encoding, A-IM, If-None-Match"))
    else:
        headers.append(("vary", vary))
    headers.append(("content-type", kind.opened if opened else kind.media_type))
    if coding != IDENTITY:
        headers.append(("content-encoding", coding))
    body = bodies.get(digest, coding, read)
    answer = Answer(status, headers, body, form=text.extension, coding=coding)
    answer.lasting = bodies.look(digest, coding) is not None
    return answer


def _delta(request: Request, text: Text, deltas: Deltas) -> Delta | None:
    if request.none_match is None or not accepts_deltas(request.a_im):
        return None
    for tag in listed_tags(request.none_match):
        delta = deltas.cut(text.versions, text.extension, plain_tag(tag), text.digest, text.read)
        if delta is not None:
            return delta
    return None


def plain_tag(tag: str) -> str:
    """Returns the digest in an entity tag: the same for every coding."""
    digest, _, coding = tag.partition("-")
    return digest if coding in CODINGS else tag


def tag_of(digest: str, coding: str) -> str:
    """Returns the entity tag, without quotes, of a body in a coding."""
    return f"{digest}-{coding}" if coding else digest


def cache_control(path: str, max_age: int) -> str:
    """Returns for how long a file below out/ may be kept."""
    if is_immutable(path):
        return f"public, max-age={_YEAR}, immutable"
    return f"public, max-age={max_age}"


def shared_headers(kind: Kind, path: str) -> Headers:
    """Returns what does not depend on the request: scripts of other sites may read feeds."""
    if kind.feed or path.endswith(".opml"):
        return [
            _NOSNIFF,
            ("access-control-allow-origin", "*"),
            ("access-control-expose-headers", "ETag, IM, Link"),
        ]
    return [_NOSNIFF]


def _headers(text: Text, tag: str, terms: Terms, *, opened: bool) -> Headers:
    kind = kind_of(text.path)
    caching = cache_control(text.path, terms.max_age)
    headers = [
        ("etag", f'"{tag}"'),
        ("last-modified", http_date(text.modified)),
        ("cache-control", caching.replace("public", "private") if opened else caching),
        *shared_headers(kind, text.path),
    ]
    if kind.feed:
        links = [f'<{text.url}>; rel="self"', *(f'<{hub}>; rel="hub"' for hub in terms.hubs)]
        headers.append(("link", ", ".join(links)))
    return headers
