"""The tables of config.toml about topics, providers, and feeds and digests of the site's own."""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from datetime import timedelta
from typing import Annotated, ClassVar

from feeds.common.slugs import slug
from feeds.config.schema import Table
from feeds.config.types import (
    Alias,
    Domain,
    Flag,
    Language,
    Line,
    MaybeCount,
    MaybeDuration,
    MaybeFlag,
    MaybeQuality,
    Name,
    Slug,
    duration,
    one_of,
    whole,
)

Show = Annotated[str, one_of("full", "excerpt", "link")]
_WITHDRAWN = one_of("drop", "notice", "tombstone")
Withdrawn = Annotated[str, _WITHDRAWN]
MaybeWithdrawn = Annotated[str | None, _WITHDRAWN]
MaybeShow = Annotated[str | None, one_of("full", "excerpt", "link")]
ArchivePeriod = Annotated[str, one_of("month", "year", "off")]
MaybeArchivePeriod = Annotated[str | None, one_of("month", "year", "off")]
ArchiveKeep = Annotated[timedelta | None, duration(timedelta(days=1))]

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)


def _clock(value: object) -> str:
    if isinstance(value, str) and _CLOCK.fullmatch(value):
        return value
    raise ValueError('wanted a time of day such as "07:00"')


class FeedTable(Table, frozen=True):
    """What every table about a feed may set; None stands for the setting of [site]."""

    min_quality: MaybeQuality = None
    max_items: MaybeCount = None
    title: Line = ""
    description: Line = ""
    slug: Slug = ""
    show: MaybeShow = None
    show_images: MaybeFlag = None
    noindex: MaybeFlag = None
    withdrawn: MaybeWithdrawn = None


class Named(FeedTable, frozen=True):
    """[topics."NAME"] and [providers."DOMAIN"]: settings of one topic or provider."""

    exclude: Flag = False
    archive: MaybeArchivePeriod = None
    archive_keep: ArchiveKeep = None
    withdrawn_keep: MaybeDuration = None


class NamedTopic(Named, frozen=True):
    """[topics."NAME"]: its aliases are its former slugs."""

    aliases: tuple[Alias, ...] = ()


class NamedProvider(Named, frozen=True):
    """[providers."DOMAIN"]: its aliases are its former domains."""

    aliases: tuple[Domain, ...] = ()


class Rule(Table, frozen=True):
    """[[rules]]: the threshold, or the exclusion, of one topic from one provider."""

    topic: Name
    provider: Domain
    min_quality: MaybeQuality = None
    exclude: Flag = False

    def clash(self, written: AbstractSet[str]) -> str:
        """Returns what is wrong with a rule that decides nothing, or two things."""
        del written
        decides = self.exclude != (self.min_quality is not None)
        return "" if decides else "wanted either min_quality or exclude = true"


class OwnFeed(FeedTable, frozen=True, kw_only=True):
    """What [[feeds]] and [[digests]] share: which stories are meant, and where the feed stands."""

    # The folder below out/, and the name of the tables in config.toml.
    folder: ClassVar[str]
    section: ClassVar[str]

    name: Name
    aliases: tuple[Alias, ...] = ()
    topics: tuple[Name, ...] = ()
    providers: tuple[Domain, ...] = ()
    categories: tuple[Name, ...] = ()
    tags: tuple[Name, ...] = ()
    locales: tuple[Language, ...] = ()

    @property
    def address(self) -> str:
        """The address of the feed below out/, without extension."""
        return f"{self.folder}/{self.slug or slug(self.name)}"

    @property
    def key(self) -> str:
        """The name of the feed in the state file: its oldest address."""
        return f"{self.folder}/{self.aliases[-1]}" if self.aliases else self.address


class CustomFeed(OwnFeed, frozen=True, kw_only=True):
    """[[feeds]]: a feed that the site defines."""

    folder = "custom"
    section = "feeds"

    archive: MaybeArchivePeriod = None
    archive_keep: ArchiveKeep = None
    withdrawn_keep: MaybeDuration = None


class DigestFeed(OwnFeed, frozen=True, kw_only=True):
    """[[digests]]: a feed of digests, of which each has the `limit` best stories of a period.

    Periods end `at` a time of day, in `site.timezone`; those of a week `on` a weekday, Monday
    unless it is set. The feed shows the last `max_items` digests.
    """

    folder = "digests"
    section = "digests"
    # A digest is fixed, and no reader needs more of them than the feed shows.
    archive: ClassVar[str] = "off"

    max_items: MaybeCount = 20
    every: Annotated[str, one_of("day", "week")] = "day"
    at: Annotated[str, _clock] = "07:00"
    on: Annotated[str | None, one_of(*WEEKDAYS)] = None
    limit: Annotated[int, whole(1, 100)] = 10

    @property
    def weekday(self) -> str:
        """The day on which weeks end, ``*`` for periods of a day."""
        return (self.on or WEEKDAYS[0]) if self.every == "week" else "*"

    def clash(self, written: AbstractSet[str]) -> str:
        """Returns what is wrong with a weekday for digests of a day."""
        del written
        return 'on: wanted only with every = "week"' if self.on and self.every == "day" else ""
