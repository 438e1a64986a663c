"""The rules of WebSub: how long a hub may take, when to ask again, and what its answer means.

WebSub (W3C Recommendation of 23 January 2018, section 6) leaves open how a publisher tells a hub.
Hubs take what PubSubHubbub 0.3 (section 7.1) said: a POST with ``hub.mode=publish`` and the topic's
URL, which some of them call ``hub.url`` and some ``hub.topic``; both are sent. One URL a request:
for several, every hub has a notation of its own, or none.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from http import HTTPStatus
from typing import Literal, NamedTuple
from urllib.parse import urljoin

from feeds.common.text import clean_line
from feeds.common.times import retry_after
from feeds.common.urls import normal_url, shown_url

# A hub fetches the document after it has answered, so this is ample. So many pings are under way
# at once, and of an answer no more is read.
ANSWER_SECONDS = 10.0
AT_ONCE = 4
MAX_ANSWER_BYTES = 2000
# A failed attempt is repeated after about so many seconds, then twice as many, and so on.
FIRST_WAIT = 5
LONGEST_WAIT = 15 * 60
# After so many days a ping is dropped: the next change of the document makes another.
GIVE_UP_DAYS = 3
_MAX_WORDS = 200

# Not the hub's last word on this URL (RFC 9110, sections 15.5.9 and 15.6; RFC 6585, section 4).
# Some of these are not about the URL at all: the hub, or what stands before it, has no time now.
_LATER = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
_OVERLOADED = {
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
}

_MOVED = {HTTPStatus.MOVED_PERMANENTLY, HTTPStatus.PERMANENT_REDIRECT}

Kind = Literal["taken", "refused", "failed", "away"]


class HubAnswer(NamedTuple):
    """The result of a ping.

    The hub has `taken` it; `refused` it for good; `failed` on it, so that it is worth another try;
    or is `away`, so that other pings would fare no better. `words` tell people why. `wait` is the
    number of seconds that the hub asked for, None if it asked for none.
    """

    kind: Kind
    words: str = ""
    wait: int | None = None


def classify(status: int, headers: Mapping[str, str], body: bytes, now: int) -> HubAnswer:
    """Returns what an HTTP answer means; `now` is in seconds since 1970."""
    if HTTPStatus(200) <= status < HTTPStatus.MULTIPLE_CHOICES:
        return HubAnswer("taken")
    words = _words(status, headers, body)
    if status in _LATER or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        kind: Kind = "away" if status in _OVERLOADED else "failed"
        return HubAnswer(kind, words, retry_after(headers.get("retry-after", ""), now))
    return HubAnswer("refused", words)


def moved_to(status: int, headers: Mapping[str, str], hub: str) -> str | None:
    """Returns the address that a hub has moved to for good, if we follow to such an address.

    That is another one by https (RFC 9110, sections 15.4.2 and 15.4.9), without user info.
    """
    if status not in _MOVED:
        return None
    try:
        url = normal_url(urljoin(hub, headers.get("location", "")))
    except ValueError:
        return None
    return url if url and url.startswith("https:") and url != hub else None


def next_wait(failures: int, asked: int | None) -> int:
    """Returns how many seconds to wait after `failures` in a row, from 1.

    Exponential, with jitter, so that what failed together does not come back together; never less
    than the hub `asked` for.
    """
    longest = min(LONGEST_WAIT, FIRST_WAIT << min(failures - 1, 20))
    wait = math.ceil(longest * random.uniform(0.5, 1))  # noqa: S311 (no secret)
    return max(wait, asked or 0)


def _words(status: int, headers: Mapping[str, str], body: bytes) -> str:
    try:
        words = f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        words = str(status)
    if status < HTTPStatus.BAD_REQUEST and "location" in headers:
        return f"{words}: moved to {_line(shown_url(headers['location']))}"
    text = _line(body.decode(errors="replace"))
    return f"{words}: {text}" if text else words


def _line(text: str) -> str:
    line = clean_line(text, repair=False)
    return line if len(line) <= _MAX_WORDS else f"{line[:_MAX_WORDS]}…"
