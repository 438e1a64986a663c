"""Requests in, answers out: the two values that everything here is about."""

from __future__ import annotations

from typing import NamedTuple

Headers = list[tuple[str, str]]

NOSNIFF = ("x-content-type-options", "nosniff")
_PLAIN = ("content-type", "text/plain; charset=utf-8")
ALLOWED = "GET, HEAD, OPTIONS"


class Request(NamedTuple):
    """What of a request decides its answer: all of it, since ready answers are found by this.

    Headers that were not sent are None; several lines of one are joined with commas (RFC 9110,
    section 5.3). `browser` says that it comes from one, and not from a reader (see
    `negotiation.is_browser`), `host` that its Host header is as it must be (see `hosts.is_valid`).
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


class Tally:
    """How many answers of one sort were given, and how many bytes of body with them."""

    __slots__ = ("bytes", "requests")

    def __init__(self) -> None:
        self.requests = 0
        self.bytes = 0


class Answer:
    """An answer that can be given again and again.

    `form` and `coding` say what was sent, for the metrics; `tally` is set by who counts. One that
    is not `lasting` is made again for the next who asks: memory has no room for its body, or it
    tells how things stand at this moment.
    """

    __slots__ = ("body", "coding", "form", "headers", "lasting", "size", "status", "tally")

    def __init__(
        self, status: int, headers: Headers, body: bytes, *, form: str = "", coding: str = ""
    ) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.size = len(body)
        self.form = form
        self.coding = coding
        self.lasting = True
        self.tally = Tally()


def plain(status: int, text: str, *headers: tuple[str, str]) -> Answer:
    """Returns an answer of one line for people."""
    return Answer(status, [_PLAIN, NOSNIFF, *headers], f"{text}\n".encode())


NOT_FOUND = plain(404, "There is nothing here.", ("cache-control", "public, max-age=60"))
GONE = plain(
    410,
    "This feed is not published any more. Please unsubscribe from it.",
    ("cache-control", "public, max-age=60"),
    ("access-control-allow-origin", "*"),
)
BAD_HOST = plain(400, "Wanted one Host header, with the name or address of this server.")
PRECONDITION_FAILED = plain(
    412,
    "This is not what If-Match or If-Unmodified-Since ask for.",
    ("cache-control", "no-store"),
    ("access-control-allow-origin", "*"),
)
WRONG_METHOD = plain(405, f"Only {ALLOWED} here.", ("allow", ALLOWED))
URI_TOO_LONG = plain(414, "That address is too long.")
NOT_ACCEPTABLE = plain(
    406,
    "Accept-Encoding refuses all there is: gzip, br, zstd, identity.",
    ("vary", "Accept-Encoding"),
)
BUSY = plain(503, "Too much to do just now. Please try again.", ("retry-after", "5"))
BROKEN = plain(500, "Something went wrong here; the log says what.")
# What a browser asks before a script of another site may send conditional requests.
OPTIONS = Answer(
    204,
    [
        ("allow", ALLOWED),
        ("access-control-allow-origin", "*"),
        ("access-control-allow-methods", "GET, HEAD"),
        (
            "access-control-allow-headers",
            "A-IM, If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since",
        ),
        ("access-control-max-age", "86400"),
    ],
    b"",
)


def moved(location: str) -> Answer:
    """Returns the answer at a former address: from now on ask there (RFC 9110, 15.4.2)."""
    return plain(
        301,
        f"This feed has moved to {location}",
        ("location", location),
        ("cache-control", "public, max-age=3600"),
        ("access-control-allow-origin", "*"),
    )
