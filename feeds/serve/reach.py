"""How many read each feed, counted from an access log without keeping an address.

Feed services say in their User-Agent for how many subscribers they ask. Readers that poll by
themselves are told apart by a digest of address and User-Agent, with a salt that is thrown away
with the day: so they can be counted for one day only, and nobody can be found again.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections import Counter, defaultdict
from collections.abc import Iterable
from functools import lru_cache
from threading import Lock
from typing import NamedTuple

import msgspec

from feeds.common.media import kind_of
from feeds.serve.access_log import Hit

_DAY_S = 86_400
_POLLS = {200, 226, 304}
_SUBSCRIBERS = re.compile(
    r"(\d{1,3}(?:,\d{3}){1,2}|\d{1,9})\s+(?:subscriber|reader|user)s?\b", re.IGNORECASE
)
_COMPATIBLE = re.compile(r"\(compatible;\s*\+?([^;/)]+)")
_PRODUCT = re.compile(r"([A-Za-z][\w.+-]*)/[\d.]+")
_WORDS = re.compile(r"[\w.+-]+(?: [\w.+-]+)?")
_ROBOT = re.compile(r"bot\b|spider|crawl", re.IGNORECASE)
# The products in the User-Agents of browsers.
_BROWSER = {
    *("Mozilla", "AppleWebKit", "Gecko", "KHTML", "Chrome", "Chromium", "Firefox", "Safari"),
    *("Version", "Mobile", "Edg", "EdgA", "OPR", "Opera", "HeadlessChrome", "CriOS", "FxiOS"),
}
_LONGEST_NAME = 40
# So many readers of a feed are told apart in a day, and so many programs by name.
_MOST_READERS, _MOST_PROGRAMS = 200_000, 200


class FeedReach(msgspec.Struct, frozen=True):
    """The reach of one feed.

    `subscribers` are those that services report, `services` each of them; `readers` are those that
    poll by themselves on the day with most of them, `programs` by what they use.
    """

    address: str
    subscribers: int
    readers: int
    polls: int
    unchanged: int
    deltas: int
    services: dict[str, int]
    programs: dict[str, int]


class Program(NamedTuple):
    """Who asks: its name, "" for browsers and robots; its subscribers, None if it reports none."""

    name: str
    subscribers: int | None = None


class _Feed:
    """The counts of one feed. A service asks for each of its addresses on its own."""

    def __init__(self) -> None:
        self.answers: Counter[int] = Counter()
        self.services: dict[tuple[str, str], int] = {}
        self.today: defaultdict[str, set[bytes]] = defaultdict(set)
        self.most: dict[str, int] = {}

    def add(self, hit: Hit, program: Program, reader: bytes) -> None:
        self.answers[hit.status] += 1
        known = program.name in self.today or len(self.today) < _MOST_PROGRAMS
        name = program.name if known else "other"
        if program.subscribers is not None:
            path = hit.target.partition("?")[0]
            self.services[name, path] = program.subscribers
        elif len(self.today[name]) < _MOST_READERS:
            self.today[name].add(reader)

    def counts(self) -> dict[str, int]:
        """Returns how many there were of each program, on the day with most of them."""
        today = {name: len(readers) for name, readers in self.today.items()}
        return max(today, self.most, key=lambda some: sum(some.values()))

    def end_day(self) -> None:
        self.most = self.counts()
        self.today.clear()

    def reach(self, address: str) -> FeedReach:
        services: Counter[str] = Counter()
        for (name, _), count in self.services.items():
            services[name] += count
        programs = Counter(self.counts())
        polls, unchanged, deltas = self.answers.total(), self.answers[304], self.answers[226]
        return FeedReach(
            *(address, services.total(), programs.total(), polls, unchanged, deltas),
            services=dict(services.most_common()),
            programs=dict(programs.most_common()),
        )


class Reach:
    """Counts the hits of feeds below `prefix`, in the order of time; any thread may ask for it."""

    def __init__(self, prefix: str = "/") -> None:
        self._prefix = prefix
        self._feeds: defaultdict[str, _Feed] = defaultdict(_Feed)
        self._day = -1
        self._salt = b""
        self._lock = Lock()

    def add(self, hits: Iterable[Hit]) -> None:
        """Counts hits; all but polls of feeds are passed over."""
        with self._lock:
            for hit in hits:
                address = _address_of(hit.target, self._prefix)
                if not address or hit.method != "GET" or hit.status not in _POLLS:
                    continue
                program = program_of(hit.agent)
                if not program.name:
                    continue
                if hit.unix // _DAY_S != self._day:
                    self._day, self._salt = hit.unix // _DAY_S, secrets.token_bytes(16)
                    for feed in self._feeds.values():
                        feed.end_day()
                key = f"{hit.client} {hit.agent}".encode("utf-8", "replace")
                reader = hashlib.blake2b(key, digest_size=8, key=self._salt).digest()
                self._feeds[address].add(hit, program, reader)

    def report(self) -> list[FeedReach]:
        """Returns the reach of each feed, the most read first."""
        with self._lock:
            found = [feed.reach(address) for address, feed in self._feeds.items()]
        return sorted(found, key=lambda one: (-one.subscribers - one.readers, one.address))


@lru_cache(maxsize=4096)
def program_of(agent: str) -> Program:
    """Returns who asks, by the User-Agent."""
    subscribers = _SUBSCRIBERS.search(agent)
    count = int(subscribers[1].replace(",", "")) if subscribers else None
    compatible = _COMPATIBLE.search(agent)
    if compatible:
        name = compatible[1].strip()
    elif agent.startswith("Mozilla/"):
        products = [one for one in _PRODUCT.findall(agent) if one not in _BROWSER]
        name = products[-1] if products else ""
    else:
        words = _WORDS.match(agent)
        name = words[0] if words else "unknown"
    # `feeds doctor` is no reader.
    if count is None and (_ROBOT.search(name) or agent.startswith("feeds/")):
        return Program("")
    return Program(name[:_LONGEST_NAME], count)


@lru_cache(maxsize=16_384)
def _address_of(target: str, prefix: str) -> str:
    """Returns the address of the feed that a target names, "" if it names none."""
    path = target.partition("?")[0]
    if prefix != "/" and path.startswith(prefix):
        path = path[len(prefix) - 1 :]
    address, _, _ = path.lstrip("/").rpartition(".")
    return address if kind_of(path).feed else ""
