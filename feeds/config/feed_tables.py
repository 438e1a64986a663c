"""The tables of config.toml of which there may be many: of readers, rules and kinds of feeds."""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from datetime import timedelta
from typing import Annotated, ClassVar

from feeds.common.slugs import slug
from feeds.config import types
from feeds.config.schema import Table

Show = Annotated[str, types.one_of("full", "excerpt", "link")]
Withdrawn = Annotated[str, types.one_of("drop", "notice", "tombstone")]
ArchivePeriod = Annotated[str, types.one_of("month", "year", "off")]
ArchiveKeep = Annotated[timedelta, types.duration(timedelta(days=1))]

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*", re.ASCII)
_SCRIPTS = {"javascript", "data", "vbscript"}  # as schemes of addresses
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)


def _clock(value: object) -> str:
    if isinstance(value, str) and _CLOCK.fullmatch(value):
        return value
    raise ValueError('wanted a time of day such as "07:00"')


class Reader(Table, frozen=True):
    """[[site.readers]]: a reader for following feeds, and the address that makes it do so."""

    name: types.Name
    platforms: types.Line = ""
    subscribe: types.Word = "feed:{raw}"

    def clash(self, written: AbstractSet[str]) -> str:
        """Returns what is wrong with the address."""
        address = self.subscribe.replace("{url}", "x").replace("{raw}", "x")
        scheme, _, rest = address.partition(":")
        is_named = address != self.subscribe and _SCHEME.fullmatch(scheme) and rest
        if is_named and scheme not in _SCRIPTS and not set(rest) & set('{} "<>\\'):
            return ""
        return (
            'subscribe: wanted an address with {url}, such as "https://reader.example/?add={url}"'
        )


class FeedTable(Table, frozen=True):
    """What every table about a feed may set; None stands for the setting of [site]."""

    min_quality: types.Quality | None = None
    max_items: types.Count | None = None
    title: types.Line = ""
    description: types.Line = ""
    slug: types.Slug = ""
    show: Show | None = None
    show_images: types.Flag | None = None
    noindex: types.Flag | None = None
    withdrawn: Withdrawn | None = None


class Named(FeedTable, frozen=True):
    """[topics."NAME"] and [providers."DOMAIN"]: settings of one topic or provider."""

    exclude: types.Flag = False
    archive: ArchivePeriod | None = None
    archive_keep: ArchiveKeep | None = None
    withdrawn_keep: types.Duration | None = None


class NamedTopic(Named, frozen=True):
    """[topics."NAME"]: its aliases are its former slugs."""

    aliases: tuple[types.Alias, ...] = ()


class NamedProvider(Named, frozen=True):
    """[providers."DOMAIN"]: its aliases are its former domains."""

    aliases: tuple[types.Domain, ...] = ()


class Rule(Table, frozen=True):
    """[[rules]]: the threshold, or the exclusion, of one topic from one provider."""

    topic: types.Name
    provider: types.Domain
    min_quality: types.Quality | None = None
    exclude: types.Flag = False

    def clash(self, written: AbstractSet[str]) -> str:
        """Returns what is wrong with a rule that decides nothing, or two things."""
        decides = self.exclude != (self.min_quality is not None)
        return "" if decides else "wanted either min_quality or exclude = true"


class OwnFeed(FeedTable, frozen=True, kw_only=True):
    """What [[feeds]] and [[digests]] share: which stories are meant, and where the feed stands."""

    # The folder below out/, and the name of the tables in config.toml.
    folder: ClassVar[str]
    section: ClassVar[str]

    name: types.Name
    aliases: tuple[types.Alias, ...] = ()
    topics: tuple[types.Name, ...] = ()
    providers: tuple[types.Domain, ...] = ()
    categories: tuple[types.Name, ...] = ()
    tags: tuple[types.Name, ...] = ()
    locales: tuple[types.Language, ...] = ()

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

    archive: ArchivePeriod | None = None
    archive_keep: ArchiveKeep | None = None
    withdrawn_keep: types.Duration | None = None


class DigestFeed(OwnFeed, frozen=True, kw_only=True):
    """[[digests]]: a feed of digests, of which each has the `limit` best stories of a period.

    Periods end `at` a time of day, in `site.timezone`; those of a week `on` a weekday, Monday
    unless it is set. The feed shows the last `max_items` digests.
    """

    folder = "digests"
    section = "digests"
    # A digest is fixed, and no reader needs more of them than the feed shows.
    archive: ClassVar[str] = "off"

    max_items: types.Count | None = 20
    every: Annotated[str, types.one_of("day", "week")] = "day"
    at: Annotated[str, _clock] = "07:00"
    on: Annotated[str, types.one_of(*WEEKDAYS)] | None = None
    limit: Annotated[int, types.whole(1, 100)] = 10

    @property
    def weekday(self) -> str:
        """The day on which weeks end, ``*`` for periods of a day."""
        return (self.on or WEEKDAYS[0]) if self.every == "week" else "*"

    def clash(self, written: AbstractSet[str]) -> str:
        """Returns what is wrong with a weekday for digests of a day."""
        return 'on: wanted only with every = "week"' if self.on and self.every == "day" else ""
