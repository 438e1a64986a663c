"""What a pass is given and what it reports: options, callbacks, reports, and what doctor finds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Literal, NamedTuple

import msgspec

from feeds.common.buckets import is_object
from feeds.common.model import FeedSummary, Problem
from feeds.common.times import from_unix
from feeds.common.urls import hide_secrets, shown_url

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The clock of all that is not a test."""
    return datetime.now(UTC)


class Options(NamedTuple):
    """The options of a pass; `wait` is for how many seconds it waits for another run on out/.

    `changed` are the paths of seeds to look at, with what is below them; None for everything. With
    `drafts` unpublished stories count as published.
    """

    full: bool = False
    allow_empty: bool = False
    dry_run: bool = False
    wait: float = 600.0
    changed: frozenset[str] | None = None
    drafts: bool = False


class Callbacks(NamedTuple):
    """Callbacks of a running pass: `progress(stage, done, total)`, `warn(message)`."""

    progress: Callable[[str, int, int], None] = lambda *_: None
    warn: Callable[[str], None] = lambda _: None


DEFAULTS = Options()
NO_CALLBACKS = Callbacks()


class FeedReport(msgspec.Struct, frozen=True):
    """One feed: `newest` is when its newest entry was published, `url` its Atom address.

    `exposed` entries stand there only because they qualified recently; `left_out` more of that kind
    did not fit (`selection.max_exposed`).
    """

    address: str
    title: str
    entries: int
    newest: datetime | None
    url: str
    exposed: int = 0
    left_out: int = 0


class HubReport(msgspec.Struct, frozen=True):
    """A hub with `pending` pings to send, the oldest since `oldest`.

    `error` is why the last try failed, ``""`` if there was none.
    """

    hub: str
    pending: int
    oldest: datetime
    next_try: datetime
    error: str

    def shown(self) -> HubReport:
        """Returns what people may see of it: no credentials in the hub's address."""
        error = hide_secrets(self.error, self.hub)
        return msgspec.structs.replace(self, hub=shown_url(self.hub), error=error)


class HeldReport(msgspec.Struct, frozen=True):
    """A folder that lost too many stories at once: `stories` stay although their files are gone."""

    folder: str
    stories: int

    def __str__(self) -> str:
        is_bucket = is_object(self.folder)
        doubt = "is this still the right bucket?" if is_bucket else "is a disk not mounted?"
        return (
            f"{self.folder}: the files of too many stories are gone at once ({self.stories}): "
            f"{doubt} Their removal is pending, and they stay in the feeds, until the "
            "files are back. If it is meant, run 'feeds export --allow-empty' once."
        )


class FetchReport(msgspec.Struct, kw_only=True, frozen=True):
    """One fetch of images.

    Counts: `asked` for, `fetched` new ones, `same` as the copy, `missing` (none there, or no
    image), `refused` (not to be had like this), `failed` (perhaps another time), `left_alone` with
    their hosts, `postponed` since the fetch had gone on for long; `removed` copies that nobody
    needs any more, `narrowed` images that got narrower copies. `changed` says that a pass has
    something to publish. `seconds` is wall time.
    """

    started: datetime
    seconds: float
    asked: int = 0
    fetched: int = 0
    same: int = 0
    missing: int = 0
    refused: int = 0
    failed: int = 0
    left_alone: int = 0
    postponed: int = 0
    removed: int = 0
    narrowed: int = 0
    changed: bool = False


class PassReport(msgspec.Struct, kw_only=True, frozen=True):
    """One pass.

    Counts: `seeds` files found, `read` of them read, `changed` of these with other content than
    before, `gone` no longer there, `bad` not usable as they are (an older good item may still be
    in the feeds), `items` in use; `unchanged` documents left alone; `images_added` copies of images
    that came to out/, `images_removed` those that left it. `seconds` is wall time. `next_fetch` is
    when images are to be fetched next, in seconds since 1970, None for never. `held` are stories
    without files that stay in the feeds. `workers` says how many seeds and feeds each worker of the
    engine did, by its name; nothing of processes of this machine.

    What passes that were cut short had read counts for the pass that publishes it.
    """

    started: datetime
    seconds: float
    out: str
    dry_run: bool
    seeds: int
    read: int
    changed: int
    gone: int
    bad: int
    items: int
    unchanged: int
    written: list[str]
    removed: list[str]
    feeds: list[FeedReport]
    problems: list[Problem]
    pings: int = 0
    images_added: int = 0
    images_removed: int = 0
    next_fetch: int | None = None
    held: list[HeldReport] = []
    workers: dict[str, dict[str, int]] = {}

    @property
    def changed_out(self) -> bool:
        """Whether the pass changed documents in out/."""
        return not self.dry_run and bool(self.written or self.removed)

    @property
    def warnings(self) -> int:
        """How many problems cost a seed only a part of it."""
        return sum(problem.severity == "warning" for problem in self.problems)


def feed_report(summary: FeedSummary, base_url: str) -> FeedReport:
    """Returns the report of one feed."""
    newest = from_unix(summary.newest) if summary.newest is not None else None
    feed = summary.feed
    url = f"{base_url}{feed.address}.atom"
    return FeedReport(
        feed.address, feed.title, summary.entries, newest, url, summary.exposed, summary.left_out
    )


def both_reports(first: PassReport, second: PassReport) -> PassReport:
    """Returns the report of two passes in a row, as of one."""
    written = sorted({*first.written, *second.written})
    return msgspec.structs.replace(
        second,
        started=first.started,
        seconds=round(first.seconds + second.seconds, 3),
        read=first.read + second.read,
        changed=first.changed + second.changed,
        gone=first.gone + second.gone,
        written=written,
        removed=sorted({*first.removed, *second.removed} - set(written)),
        unchanged=max(0, second.unchanged - len(set(first.written) - set(second.written))),
        images_added=first.images_added + second.images_added,
        images_removed=first.images_removed + second.images_removed,
    )


Severity = Literal["ok", "warning", "error"]


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at: `subject` in a word or two, what is so, and what to do.

    `advice` is "" if all is well.
    """

    severity: Severity
    subject: str
    text: str
    advice: str = ""


# Something is as it should be; works, and could be better for some; or does not work.
good = partial(Finding, "ok")
odd = partial(Finding, "warning")
bad = partial(Finding, "error")
