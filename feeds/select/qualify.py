"""For which feeds an item qualifies, since when, and the times that readers see.

`candidates` names the feeds that an item could be in, `qualify` puts it into those whose threshold
it reaches, `build_feed` makes the contents of one feed. `feeds.pipeline.memberships` calls them for
what changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from feeds.common.model import (
    Entry,
    Feed,
    FeedContents,
    FeedKind,
    FeedRef,
    ItemHeader,
    ItemHistory,
    Membership,
    Problem,
)
from feeds.common.text import fold
from feeds.common.times import LATEST
from feeds.config import Config
from feeds.config.feed_tables import OwnFeed
from feeds.select.addresses import NOTHING_KNOWN, Known
from feeds.select.thresholds import (
    Threshold,
    Thresholds,
    exclusion_reasons,
    exposed_since,
    exposure_s,
)

# Raise it whenever the same items would be selected otherwise.
SELECTION_VERSION = 2

# Stands for the topic of an item that has none, and for the key of the feed of everything.
ANY = ""

# The kinds of feeds by the first character of their names in `ItemHistory.qualified`: so no topic
# can be named like a feed of another kind.
KINDS: dict[str, FeedKind] = {
    "": "all",
    "#": "topic",
    "@": "provider",
    "=": "custom",
    "~": "digest",
}
_SIGNS = {kind: sign for sign, kind in KINDS.items()}
_OWN: frozenset[FeedKind] = frozenset({"custom", "digest"})


def name_of(kind: FeedKind, key: str) -> str:
    """Returns the name that `ItemHistory.qualified` has for a feed."""
    return _SIGNS[kind] + key


def ref_of(name: str) -> FeedRef:
    """Returns kind and key of the feed that `ItemHistory.qualified` has under this name."""
    return KINDS[name[:1]], name[1:]


class Past(NamedTuple):
    """What selection knows of earlier passes.

    `first_pass`: the store is new, so every item counts as having qualified when it was published.
    `feeds`: the keys of the site's own feeds that were published before; the same goes for one that
    is new. `known`: who stood where. `ends` has the end of the last period of each digest, into
    which no item comes any more. `rejudges`: the rules may be others than in the last pass.
    """

    first_pass: bool = True
    feeds: frozenset[str] = frozenset()
    known: Known = NOTHING_KNOWN
    ends: Mapping[str, int] = {}
    rejudges: bool = False

    def since(self, feed: CandidateFeed, item: ItemHeader, history: ItemHistory) -> int:
        """Returns since when an item counts as having qualified for a feed that it is new to.

        Other rules let old items into a digest at once: these must not crowd out the news.
        """
        is_new = feed.kind in _OWN and feed.key not in self.feeds
        is_old = feed.kind == "digest" and self.rejudges and item.history is not None
        return history.published if self.first_pass or is_new or is_old else LATEST

    def latest(self, feed: CandidateFeed, now: int) -> int:
        """Returns the time of now, not before the end of a digest's last period."""
        return max(now, self.ends.get(feed.key, now)) if feed.kind == "digest" else now


class CandidateFeed(NamedTuple):
    """A feed that an item could be in, and the threshold that decides.

    `key` is the topic (folded), the provider's domain, or else the feed's oldest address.
    `formerly` are the keys that it had before.
    """

    kind: FeedKind
    key: str
    threshold: Threshold
    formerly: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name that `ItemHistory.qualified` has for the feed."""
        return name_of(self.kind, self.key)

    @property
    def names(self) -> list[str]:
        """The names that it may have there, former ones included."""
        return [name_of(self.kind, key) for key in (self.key, *self.formerly)]


class Qualified(NamedTuple):
    """The feeds an item is in, and its history after that; None if it never was in one."""

    history: ItemHistory | None
    memberships: list[Membership]


class Unique(NamedTuple):
    """One item per id, the duplicates that it beats, and their problems."""

    items: list[ItemHeader]
    beaten: list[ItemHeader]
    problems: tuple[Problem, ...]


def without_duplicates(items: Iterable[ItemHeader]) -> Unique:
    """Keeps one item per id: the later dated, then the better, then the first in path order."""
    best: dict[str, ItemHeader] = {}
    beaten: list[ItemHeader] = []
    for item in items:
        other = best.setdefault(item.id, item)
        if other is not item:
            better = (item.revised, item.quality) > (other.revised, other.quality)
            best[item.id] = item if better else other
            beaten.append(other if better else item)
    rule = "the later dated is used, then the one of higher quality, then the first by path"
    reason = f"a duplicate of {{}}; of two with one URL {rule}"
    problems = (
        Problem(one.path, 0, 0, "originalUrl", reason.format(best[one.id].path)) for one in beaten
    )
    return Unique(list(best.values()), beaten, tuple(sorted(problems)))


def candidates(item: ItemHeader, thresholds: Thresholds, config: Config) -> Iterator[CandidateFeed]:
    """Yields every feed that the item could be in: all, its topics, its provider, own ones."""
    domain = thresholds.provider(item.provider.domain)
    known = [(topic, thresholds.get(topic, domain)) for topic in map(fold, item.topics)]
    anywhere = _easiest(known) if known else thresholds.get(ANY, domain)
    yield CandidateFeed("all", ANY, anywhere)
    for topic, threshold in known:
        yield CandidateFeed("topic", topic, threshold)
    yield CandidateFeed("provider", domain, anywhere, thresholds.former_domains(domain))
    for (kind, key), feed in config.own_feeds.items():
        if _belongs(item, domain, feed, config):
            yield CandidateFeed(kind, key, _own_threshold(feed, known, anywhere))


def qualify(
    item: ItemHeader, config: Config, thresholds: Thresholds, past: Past, now: int
) -> Qualified:
    """Puts an item into the feeds that it qualifies for, at the time `now` (seconds since 1970)."""
    found: list[CandidateFeed] = []
    if not any(exclusion_reasons(item, config, now)):
        found = [
            feed
            for feed in candidates(item, thresholds, config)
            if not feed.threshold.rejection_reason(item.quality)
        ]
    if not found:
        return Qualified(_left(item.history), [])
    history = history_of(item, now)
    entry = Entry(item.number, item.id, history.published, history.updated, item.digest)
    before, qualified = history.qualified, dict[str, int]()
    memberships = []
    for feed in found:
        times = [before[name] for name in feed.names if name in before] if before else []
        since = min(times) if times else past.since(feed, item, history)
        since = min(since, past.latest(feed, now))  # the clock may have been ahead then
        qualified[feed.name] = since
        memberships.append(Membership(feed.kind, feed.key, entry, since))
    if qualified != before:
        history = msgspec.structs.replace(history, qualified=qualified)
    return Qualified(history, memberships)


def history_of(item: ItemHeader, now: int) -> ItemHistory:
    """Returns the history of an item that is shown at the time `now` (seconds since 1970).

    `published` and the id never move once an item has been shown. `updated` moves only for a change
    that a reader cares about, and then always forward: to the seed's own newer date, else to the
    time when the change was seen, and by one second at least, even if an earlier pass ran under a
    wrong clock. A digest of another version (its first byte) tells of no edit, so it is replaced
    and `updated` stays. If nothing changed for readers, the result is `item.history` itself.
    """
    history = item.history
    if history is None:
        # A date in the future would be doubted by every reader; the seed's first date is not.
        updated = item.revised if item.revised <= now else item.dated
        return ItemHistory(item.dated, updated, item.reader_digest, {})
    if history.digest == item.reader_digest:
        return history
    if history.digest[:1] != item.reader_digest[:1]:
        return msgspec.structs.replace(history, digest=item.reader_digest)
    # A clock that is behind what readers were shown long ago says nothing about the seed's date.
    believable = item.revised <= now or now < history.published
    newer = believable and history.updated < item.revised
    updated = item.revised if newer else max(now, min(history.updated + 1, LATEST))
    return ItemHistory(history.published, updated, item.reader_digest, history.qualified)


def build_feed(
    feed: Feed,
    newest: Sequence[Membership],
    recent: Sequence[Membership],
    config: Config,
    now: int,
) -> FeedContents:
    """Returns a feed with its newest items and, beyond them, those that qualified recently.

    Both sequences are in the order of feeds. `newest` begins with the newest items; `recent` holds
    at least all that qualified within `selection.exposure`.
    """
    since, newest = exposed_since(config, now), newest[: feed.max_items]
    shown = {one.entry.id for one in newest}
    recent = [one for one in recent if one.since >= since and one.entry.id not in shown]
    kept = recent[: config.selection.max_exposed]
    entries = tuple(one.entry for one in (*newest, *kept))
    until = min((one.since + exposure_s(config) for one in recent), default=None)
    return FeedContents(feed, entries, len(kept), len(recent) - len(kept), until)


def _easiest(known: list[tuple[str, Threshold]]) -> Threshold:
    # An item enters the feed of everything if it qualifies for at least one of its topics.
    return min((threshold for _, threshold in known), key=Threshold.strictness)


def _belongs(item: ItemHeader, domain: str, feed: OwnFeed, config: Config) -> bool:
    locale = item.locale or config.site.language
    return (
        (not feed.providers or domain in map(config.provider, feed.providers))
        and _has_any((item.category,), feed.categories)
        and _has_any(item.topics, feed.topics)
        and _has_any(item.tags, feed.tags)
        and (not feed.locales or any(_is_in(locale, wanted) for wanted in feed.locales))
    )


def _has_any(names: Iterable[str], wanted: Sequence[str]) -> bool:
    """Tells whether one of these names is wanted; all are, if nothing is said."""
    return not wanted or not set(map(fold, names)).isdisjoint(map(fold, wanted))


def _is_in(locale: str, wanted: str) -> bool:
    """Tells whether a language tag is in a range of tags, as ``en-GB`` in ``en`` (RFC 4647)."""
    return f"{locale}-".lower().startswith(f"{wanted}-".lower())


def _own_threshold(
    feed: OwnFeed, known: list[tuple[str, Threshold]], anywhere: Threshold
) -> Threshold:
    if feed.topics:
        wanted = set(map(fold, feed.topics))
        anywhere = _easiest([pair for pair in known if pair[0] in wanted])
    if feed.min_quality is None or anywhere.excluded:
        return anywhere
    return Threshold(feed.min_quality, own_source(feed))


def own_source(feed: OwnFeed) -> str:
    """Returns the name of a feed's table in config.toml, as messages have it."""
    return f'[[{feed.section}]] name = "{feed.name}"'


def _left(history: ItemHistory | None) -> ItemHistory | None:
    """Returns the history of an item that is in no feed: if it comes back, it is exposed again.

    Readers who missed it must not miss it for good; those who saw it know its id.
    """
    if history is None or not history.qualified:
        return history
    return msgspec.structs.replace(history, qualified={})
