"""The answer to a request for a text: negotiated, conditional, whole or only what is new in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from feeds.common.media_types import Kind, is_immutable, kind_of
from feeds.common.times import http_date
from feeds.serve.body_cache import Bodies, digest_of
from feeds.serve.cache_policy import Terms
from feeds.serve.conditions import FAILED, UNCHANGED, listed_tags, status_of
from feeds.serve.delta import Delta, Deltas, accepts_deltas
from feeds.serve.messages import (
    NOSNIFF,
    NOT_ACCEPTABLE,
    PRECONDITION_FAILED,
    Answer,
    Headers,
    Request,
)
from feeds.serve.negotiation import IDENTITY, choose

_YEAR = 31_536_000


class TextFile(NamedTuple):
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
        """What its versions are remembered by: short, however long a query is."""
        return f"{self.path}?{digest_of(self.query.encode())}" if self.query else self.path


def answer_text(
    request: Request, text: TextFile, terms: Terms, bodies: Bodies, deltas: Deltas
) -> Answer:
    """Returns the answer to a GET or HEAD for a text."""
    coding = choose(request.encodings)
    if coding is None:
        return NOT_ACCEPTABLE
    kind = kind_of(text.path)
    media_type = kind.browser if request.browser and kind.browser else kind.media_type
    tag = tag_of(text.digest, coding, variant="" if media_type == kind.media_type else "xml")
    headers = _headers(text, tag, terms)
    vary = "Accept-Encoding, Accept" if kind.browser else "Accept-Encoding"
    condition = status_of(request, tag, text.modified)
    if condition == FAILED:
        return PRECONDITION_FAILED
    if condition == UNCHANGED:
        return Answer(304, [("vary", vary), *headers], b"", form=text.extension)
    digest, read, status = text.digest, text.read, 200
    delta = _delta(request, text, deltas) if kind.feed else None
    if delta is not None:
        digest, read, status = delta.digest, lambda: delta.data, 226
        # For caches that know of deltas (RFC 3229, section 10.8.2); no other may keep it.
        headers = [pair for pair in headers if pair[0] != "cache-control"]
        headers += [("im", "feed"), ("cache-control", "no-store, im")]
        vary += ", A-IM, If-None-Match"
    headers += [("vary", vary), ("content-type", media_type)]
    if coding != IDENTITY:
        headers.append(("content-encoding", coding))
    body = bodies.get(digest, coding, read)
    answer = Answer(status, headers, body, form=text.extension, coding=coding)
    answer.lasting = bodies.look(digest, coding) is not None
    return answer


def _delta(request: Request, text: TextFile, deltas: Deltas) -> Delta | None:
    if request.none_match is None or not accepts_deltas(request.a_im):
        return None
    for tag in listed_tags(request.none_match):
        delta = deltas.cut(text.versions, text.extension, plain_tag(tag), text.digest, text.read)
        if delta is not None:
            return delta
    return None


def plain_tag(tag: str) -> str:
    """Returns the digest in an entity tag: the same for every variant and coding."""
    return tag.partition("-")[0]


def tag_of(digest: str, coding: str, variant: str = "") -> str:
    """Returns the entity tag, without quotes, of a body in a coding, of a type called a variant."""
    return "-".join(filter(None, (digest, variant, coding)))


def cache_control(path: str, max_age: int) -> str:
    """Returns for how long a file below out/ may be kept."""
    if is_immutable(path):
        return f"public, max-age={_YEAR}, immutable"
    return f"public, max-age={max_age}"


def shared_headers(kind: Kind, path: str) -> Headers:
    """Returns what does not depend on the request: scripts of other sites may read feeds."""
    if kind.feed or path.endswith(".opml"):
        return [
            NOSNIFF,
            ("access-control-allow-origin", "*"),
            ("access-control-expose-headers", "ETag, IM, Link"),
        ]
    return [NOSNIFF]


def _headers(text: TextFile, tag: str, terms: Terms) -> Headers:
    kind = kind_of(text.path)
    headers = [
        ("etag", f'"{tag}"'),
        ("last-modified", http_date(text.modified)),
        ("cache-control", cache_control(text.path, terms.max_age)),
        *shared_headers(kind, text.path),
    ]
    if kind.feed:
        links = [f'<{text.url}>; rel="self"', *(f'<{hub}>; rel="hub"' for hub in terms.hubs)]
        headers.append(("link", ", ".join(links)))
    return headers
