"""Answers with files, and how long these may be cached.

Texts are negotiated, and may hold new entries only; media may be sent in part.

Both decide about conditions, and so about 304 and 412, in one place: `_answer_condition`.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from feeds.common.files import Fingerprint
from feeds.common.media import kind_of
from feeds.common.slugs import QUERY
from feeds.common.times import http_date
from feeds.config import Config
from feeds.publish.caching import cache_control, max_age_s
from feeds.serve import messages, negotiation
from feeds.serve.access_log import Proxies
from feeds.serve.messages import IDENTITY, Answer, Headers, Request, Stream, digest_of
from feeds.serve.publication import Deltas

# The page of a search; at its address readers get a feed.
_SEARCH = f"{QUERY}.html"
_NANOSECONDS = 1_000_000_000
# For search engines (developers.google.com/search/docs/crawling-indexing/robots-meta-tag).
ROBOTS = (("x-robots-tag", "noindex"),)


class CachePolicy:
    """The properties that all answers of a site share.

    `max_age_s` is for how many seconds documents stay fresh, `hubs` are the site's WebSub hubs.
    `prefix` is the path of `site.base_url`: requests may come with it or, through a proxy, without.
    X-Forwarded-For is trusted if it comes from `proxies`.
    """

    def __init__(self, config: Config) -> None:
        self.max_age_s = max_age_s(config)
        self.hubs = config.site.hub
        self.prefix = unquote(urlsplit(config.site.base_url).path)
        self.proxies = Proxies(config.serve.trusted_proxies)


class TextFile(NamedTuple):
    """The present version of a text: its path below out/, and the digest of its bytes.

    `modified_unix` is its Last-Modified, None if it has none; `url` is its own address, for feeds;
    `read` returns its bytes. A `query` distinguishes texts that have one path. `headers` are sent
    besides those that every text has, `links` are relation and URL of documents beside it.
    """

    path: str
    digest: str
    modified_unix: int | None
    url: str
    read: Callable[[], bytes]
    query: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    links: tuple[tuple[str, str], ...] = ()

    @property
    def versions_key(self) -> str:
        """The key of its versions: short, however long a query is."""
        return f"{self.path}?{digest_of(self.query.encode())}" if self.query else self.path


def answer_text(request: Request, text: TextFile, policy: CachePolicy, deltas: Deltas) -> Answer:
    """Returns the answer to a GET or HEAD for a text: whole (200), a delta (226), 304, 406 or 412.

    `deltas` knows the versions that clients may have, and the bodies in memory.
    """
    if text.modified_unix is None or text.modified_unix < int(time.time()):
        return _answer_version(request, text, policy, deltas)
    # Another version can follow in this second. Clients that trust Last-Modified would never see
    # it, even where the entity tags differ, so it is left out (RFC 9110, section 8.8.2.2).
    answer = _answer_version(request, text._replace(modified_unix=None), policy, deltas)
    return dataclasses.replace(answer, lasting=False)


def _answer_version(
    request: Request, text: TextFile, policy: CachePolicy, deltas: Deltas
) -> Answer:
    coding = negotiation.choose_coding(request.encodings)
    if coding is None:
        return messages.NOT_ACCEPTABLE
    kind = kind_of(text.path)
    variant = "xml" if kind.browser and request.browser else ""
    tag = tag_of(text.digest, coding, variant)
    vary = "Accept-Encoding, Accept" if kind.browser or text.path == _SEARCH else "Accept-Encoding"
    caching = cache_control(text.path, policy.max_age_s)
    extension = text.path.rpartition(".")[2]
    headers = _text_headers(text, tag, policy.hubs)
    cached = [*headers, ("cache-control", caching), ("vary", vary)]
    conditional = _answer_condition(request, tag, text.modified_unix, cached, extension)
    if conditional is not None:
        return conditional
    digest, read, status = text.digest, text.read, 200
    delta = _find_delta(request, text, deltas) if kind.feed else None
    if delta is not None:
        digest, read, status = digest_of(delta), lambda: delta, 226
        # For caches that know of deltas (RFC 3229, section 10.8.2); no other may keep it.
        caching, vary = "no-store, im", f"{vary}, A-IM, If-None-Match"
        headers.append(("im", "feed"))
    content_type = kind.browser if variant else kind.content_type
    headers += [("cache-control", caching), ("vary", vary), ("content-type", content_type)]
    if coding != IDENTITY:
        headers.append(("content-encoding", coding))
    body = deltas.bodies.get(digest, coding, read)
    lasting = deltas.bodies.look(digest, coding) is not None
    return Answer(status, headers, body, extension, coding, lasting)


def answer_media(out: Path, path: str, request: Request, max_age_s: int) -> Answer | Stream:
    """Returns the answer to a GET or HEAD for a file: whole (200), a part (206), 304, 412 or 416.

    The entity tag is made of what changes whenever the file is replaced: size, mtime and inode.
    Ranges are for GET only (RFC 9110, section 14.2).
    """
    fingerprint = Fingerprint.of(f"{out}/{path}")
    if fingerprint is None or (out / path).is_symlink():
        return messages.NO_IMAGE
    tag = "-".join(f"{one:x}" for one in fingerprint)
    size, modified_unix = fingerprint.size, fingerprint.mtime_ns // _NANOSECONDS
    headers = [
        ("etag", f'"{tag}"'),
        ("last-modified", http_date(modified_unix)),
        ("cache-control", cache_control(path, max_age_s)),
        ("accept-ranges", "bytes"),
        *_file_headers(path),
    ]
    conditional = _answer_condition(request, tag, modified_unix, headers, "media")
    if conditional is not None:
        return conditional
    allowed = negotiation.allows_range(request.if_range, tag, modified_unix)
    wanted = request.range if allowed and request.method == "GET" else None
    try:
        part = negotiation.byte_range(wanted, size)
    except ValueError:
        within = ("content-range", f"bytes */{size}")
        return messages.text_answer(416, "There are no such bytes.", within)
    length = size if part is None else len(part)
    content_type = kind_of(path).content_type
    headers += [("content-type", content_type), ("content-length", str(length))]
    if part is not None:
        headers.append(("content-range", f"bytes {part.start}-{part[-1]}/{size}"))
    return Stream(206 if part else 200, headers, str(out / path), length, part)


def _answer_condition(
    request: Request, tag: str, modified_unix: int | None, headers: Headers, format_name: str
) -> Answer | None:
    """Returns the answer that the conditions of a request ask for; None to send the file."""
    status = negotiation.condition_status(request, tag, modified_unix)
    if status == 304:
        return Answer(304, headers, b"", format_name=format_name)
    return messages.PRECONDITION_FAILED if status == 412 else None


def _find_delta(request: Request, text: TextFile, deltas: Deltas) -> bytes | None:
    if not negotiation.accepts_deltas(request.a_im):
        return None
    for tag in negotiation.listed_tags(request.none_match or ""):
        delta = deltas.delta(text.versions_key, digest_in(tag), text.digest, text.read)
        if delta is not None:
            return delta
    return None


def tag_of(digest: str, coding: str, variant: str = "") -> str:
    """Returns the entity tag, without quotes, of a body in a coding.

    `variant` tells one media type of a body from another.
    """
    return "-".join(filter(None, (digest, variant, coding)))


def digest_in(tag: str) -> str:
    """Returns the digest in an entity tag of `tag_of`: the same for every variant and coding."""
    return tag.partition("-")[0]


def _text_headers(text: TextFile, tag: str, hubs: tuple[str, ...]) -> Headers:
    headers = [("etag", f'"{tag}"'), *_file_headers(text.path), *text.headers]
    if text.modified_unix is not None:
        headers.append(("last-modified", http_date(text.modified_unix)))
    if kind_of(text.path).feed:
        links = [f'<{text.url}>; rel="self"', *(f'<{hub}>; rel="hub"' for hub in hubs)]
        links += (f'<{url}>; rel="{rel}"' for rel, url in text.links)
        headers.append(("link", ", ".join(links)))
    return headers


def _file_headers(path: str) -> Headers:
    """Returns the headers that depend on the path alone; scripts of all sites may read feeds."""
    if path.endswith(".html"):
        return [messages.NOSNIFF, *messages.PAGE_HEADERS]
    if not kind_of(path).feed and not path.endswith(".opml"):
        return [messages.NOSNIFF]
    exposed = ("access-control-expose-headers", "ETag, IM, Link")
    return [messages.NOSNIFF, messages.ANYONE, exposed]
