"""HTTP requests and answers as values, headers that many answers share, and bodies in memory."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from granian._granian import RSGIHTTPProtocol

from feeds.publish.compression import compress

Headers = list[tuple[str, str]]

# The coding of a body that has none.
IDENTITY = ""
# The bytes that Python and the table need for each body, besides its own.
_OVERHEAD = 200

NOSNIFF = ("x-content-type-options", "nosniff")
NO_STORE = ("cache-control", "no-store")
# Scripts of all sites may read the answer (CORS).
ANYONE = ("access-control-allow-origin", "*")
# For pages: no script and no style but those of the site's files, and no frame of another site.
# Pages say the same of themselves, except frames, and are stricter about pictures.
_POLICY = (
    "default-src 'self'; img-src 'self' https: http:; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'; object-src 'none'"
)
PAGE_HEADERS = [("content-security-policy", _POLICY), ("referrer-policy", "strict-origin")]
_PLAIN = ("content-type", "text/plain; charset=utf-8")
ALLOWED = "GET, HEAD, OPTIONS"
CONDITIONS = "If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since"


class Request(NamedTuple):
    """Everything in a request that its answer depends on; the key of ready answers.

    Headers that were not sent are None; several lines of one are joined with commas (RFC 9110,
    section 5.3). `browser` tells browsers from feed readers (see `negotiation.is_browser`), `host`
    says that the Host header is valid (see `negotiation.is_valid_host`).
    """

    method: str
    path: str
    query: str = ""
    encodings: str | None = None
    match: str | None = None
    none_match: str | None = None
    since: str | None = None
    unmodified_since: str | None = None
    range: str | None = None
    if_range: str | None = None
    a_im: str | None = None
    browser: bool = False
    host: bool = True


@dataclass(slots=True, eq=False)
class Answer:
    """An answer whose body is in memory; it can be sent many times.

    `format_name` and `coding` say what is sent, for the metrics. An answer that is not `lasting` is
    made for one request only: its body is too large to be kept, or it describes the present moment.
    """

    status: int
    headers: Headers
    body: bytes
    format_name: str = ""
    coding: str = ""
    lasting: bool = True

    @property
    def size(self) -> int:
        """The bytes of the body."""
        return len(self.body)


class Stream(NamedTuple):
    """An answer whose body is a file, or the bytes of it that are in `part`."""

    status: int
    headers: Headers
    file: str
    size: int
    part: range | None
    format_name: str = "media"
    coding: str = ""


def send(answer: Answer | Stream, request: Request, protocol: RSGIHTTPProtocol) -> None:
    """Sends an answer from memory or from the disk."""
    status, headers = answer.status, answer.headers
    if isinstance(answer, Answer) and answer.size:
        protocol.response_bytes(status, headers, answer.body)
    elif isinstance(answer, Answer) or request.method == "HEAD":
        protocol.response_empty(status, headers)
    elif answer.part is None:
        protocol.response_file(status, headers, answer.file)
    else:
        start, stop = answer.part.start, answer.part.stop
        protocol.response_file_range(status, headers, answer.file, start, stop)


def text_answer(status: int, text: str, *headers: tuple[str, str]) -> Answer:
    """Returns an answer of one line of plain text."""
    return Answer(status, [_PLAIN, NOSNIFF, *headers], f"{text}\n".encode())


_MINUTE, _HOUR = (("cache-control", f"public, max-age={age_s}") for age_s in (60, 3600))
_LOST = [_MINUTE, ("vary", "Accept")]
NOT_FOUND = text_answer(404, "There is nothing here.", *_LOST)
# A query can name an image a moment before its copy is in out/: no cache may keep that answer.
NO_IMAGE = text_answer(404, "There is nothing here.", NO_STORE)
_GONE = "This feed is not published any more. Please unsubscribe from it."
GONE = text_answer(410, _GONE, _MINUTE, ANYONE)
BAD_HOST = text_answer(400, "Wanted one Host header, with the name or address of this server.")
_FAILED = "This is not what If-Match or If-Unmodified-Since ask for."
PRECONDITION_FAILED = text_answer(412, _FAILED, NO_STORE, ANYONE)
WRONG_METHOD = text_answer(405, f"Only {ALLOWED} here.", ("allow", ALLOWED))
URI_TOO_LONG = text_answer(414, "That address is too long.")
_REFUSED = "Accept-Encoding refuses every coding of this server: gzip, br, zstd, identity."
NOT_ACCEPTABLE = text_answer(406, _REFUSED, ("vary", "Accept-Encoding"))
BUSY = text_answer(503, "Too much to do just now. Please try again.", ("retry-after", "5"))
TOO_LONG = text_answer(503, "That search took too long.", NO_STORE, ("retry-after", "60"))
BROKEN = text_answer(500, "Something went wrong here; the log says what.")
# Browsers ask for this before a script of another site may send conditional requests (CORS).
OPTIONS = Answer(
    204,
    [
        ("allow", ALLOWED),
        ANYONE,
        ("access-control-allow-methods", "GET, HEAD"),
        ("access-control-allow-headers", f"A-IM, {CONDITIONS}"),
        ("access-control-max-age", "86400"),
    ],
    b"",
)


def lost(body: bytes) -> Answer:
    """Returns the answer to a browser at an address where there is nothing, with a page."""
    return page(404, body, *_LOST)


def page(status: int, body: bytes, *headers: tuple[str, str]) -> Answer:
    """Returns an answer to a browser with a page."""
    html = ("content-type", "text/html; charset=utf-8")
    return Answer(status, [html, NOSNIFF, *PAGE_HEADERS, *headers], body)


def redirect(location: str) -> Answer:
    """Returns the answer at another spelling of an address (302; RFC 9110, section 15.4.3)."""
    there = ("location", location)
    return text_answer(302, f"This is at {location}", there, _HOUR, ("vary", "Accept"))


def moved(location: str) -> Answer:
    """Returns the answer at a former address (301; RFC 9110, section 15.4.2)."""
    there = ("location", location)
    return text_answer(301, f"This feed has moved to {location}", there, _HOUR, ANYONE)


def digest_of(data: bytes) -> str:
    """Returns a digest of a body, which is its key here and its entity tag."""
    return hashlib.blake2b(data, digest_size=12).hexdigest()


class BodyCache:
    """Bodies by digest and content coding, of at most `limit` bytes together.

    Calls `on_evict` after it dropped a body for lack of room, since ready answers still hold it.
    Safe to use from several threads.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.size = 0
        self.on_evict: Callable[[], None] = lambda: None
        self._held: OrderedDict[tuple[str, str], bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, digest: str, coding: str, read: Callable[[], bytes]) -> bytes:
        """Returns a body in a coding; if it is missing, it is made of what `read` returns."""
        found = self.look(digest, coding)
        if found is None:
            plain = self.look(digest, IDENTITY) or read()
            found = plain if coding == IDENTITY else compress(coding, plain)
            self.put(digest, coding, found)
        return found

    def look(self, digest: str, coding: str) -> bytes | None:
        """Returns a body in a coding, None if it is missing."""
        with self._lock:
            found = self._held.get((digest, coding))
            if found is not None:
                self._held.move_to_end((digest, coding))
            return found

    def put(self, digest: str, coding: str, body: bytes) -> None:
        """Keeps a body, unless it alone is larger than the limit."""
        with self._lock:
            self._remove((digest, coding))
            if len(body) + _OVERHEAD > self.limit:
                return
            self._held[digest, coding] = body
            self.size += len(body) + _OVERHEAD
            evicts = self.size > self.limit
            while self.size > self.limit:
                self._remove(next(iter(self._held)))
        if evicts:
            self.on_evict()

    def drop(self, digests: set[str]) -> None:
        """Drops the bodies with these digests."""
        with self._lock:
            for key in [key for key in self._held if key[0] in digests]:
                self._remove(key)

    def _remove(self, key: tuple[str, str]) -> None:
        if key in self._held:
            self.size -= len(self._held.pop(key)) + _OVERHEAD
