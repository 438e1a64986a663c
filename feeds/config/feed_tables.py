"""The tables of config.toml about topics, providers and feeds of the site's own."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from datetime import timedelta
from typing import Annotated

from feeds.common.slugs import slug
from feeds.config.schema import Table
from feeds.config.types import (
    Alias,
    Domain,
    Flag,
    Line,
    MaybeCount,
    MaybeDuration,
    MaybeFlag,
    MaybeQuality,
    Name,
    Slug,
    duration,
    one_of,
)

Show = Annotated[str, one_of("full", "excerpt", "link")]
Withdrawn = Annotated[str, one_of("drop", "notice")]
MaybeWithdrawn = Annotated[str | None, one_of("drop", "notice")]
MaybeShow = Annotated[str | None, one_of("full", "excerpt", "link")]
ArchivePeriod = Annotated[str, one_of("month", "year", "off")]
MaybeArchivePeriod = Annotated[str | None, one_of("month", "year", "off")]
ArchiveKeep = Annotated[timedelta | None, duration(timedelta(days=1))]


class Named(Table, frozen=True):
    """[topics."NAME"] and [providers."DOMAIN"]: settings of one topic or provider."""

    min_quality: MaybeQuality = None
    max_items: MaybeCount = None
    title: Line = ""
    description: Line = ""
    slug: Slug = ""
    exclude: Flag = False
    show: MaybeShow = None
    show_images: MaybeFlag = None
    noindex: MaybeFlag = None
    archive: MaybeArchivePeriod = None
    archive_keep: ArchiveKeep = None
    withdrawn: MaybeWithdrawn = None
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


class CustomFeed(Table, frozen=True):
    """[[feeds]]: a feed that the site defines."""

    name: Name
    title: Line = ""
    description: Line = ""
    slug: Slug = ""
    aliases: tuple[Alias, ...] = ()
    topics: tuple[Name, ...] = ()
    providers: tuple[Domain, ...] = ()
    categories: tuple[Name, ...] = ()
    min_quality: MaybeQuality = None
    max_items: MaybeCount = None
    show: MaybeShow = None
    show_images: MaybeFlag = None
    noindex: MaybeFlag = None
    archive: MaybeArchivePeriod = None
    archive_keep: ArchiveKeep = None
    withdrawn: MaybeWithdrawn = None
    withdrawn_keep: MaybeDuration = None

    @property
    def address(self) -> str:
        """The address of the feed below out/, without extension."""
        return f"custom/{self.slug or slug(self.name)}"

    @property
    def key(self) -> str:
        """The name of the feed in the state file: its oldest address."""
        return f"custom/{self.aliases[-1]}" if self.aliases else self.address
