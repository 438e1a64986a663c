"""Every key of config.toml. The reference of configuration is tested against these models."""

from __future__ import annotations

import os
import re
from collections.abc import Set as AbstractSet
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar

import msgspec

from feeds.common.model import FeedRef
from feeds.config.engine import EngineConfig
from feeds.config.feed_tables import (
    ArchiveKeep,
    ArchivePeriod,
    CustomFeed,
    DigestFeed,
    FeedTable,
    NamedProvider,
    NamedTopic,
    OwnFeed,
    Rule,
    Show,
    Withdrawn,
)
from feeds.config.schema import Many, Table
from feeds.config.sources import Backup, Place, Source
from feeds.config.types import (
    Address,
    BaseUrl,
    Count,
    Domain,
    Duration,
    Email,
    FilePath,
    Flag,
    Host,
    Language,
    Line,
    MaybeDuration,
    MaybePath,
    Name,
    Network,
    Port,
    Quality,
    ServedUrl,
    Share,
    SiteId,
    Size,
    Timezone,
    Url,
    Word,
    cron,
    duration,
    one_of,
    whole,
)

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*", re.ASCII)
_SCRIPTS = {"javascript", "data", "vbscript"}  # as schemes of addresses
_SECOND = timedelta(seconds=1)


class Author(Table, frozen=True):
    """[site.author]: who publishes the feeds."""

    name: Line = ""
    email: Email = ""
    url: Url = ""


class Reader(Table, frozen=True):
    """[[site.readers]]: a reader for following feeds, and the address that makes it do so."""

    name: Name
    platforms: Line = ""
    subscribe: Word = "feed:{raw}"

    def clash(self, written: AbstractSet[str]) -> str:
        """Returns what is wrong with the address."""
        del written
        address = self.subscribe.replace("{url}", "x").replace("{raw}", "x")
        scheme, _, rest = address.partition(":")
        is_named = address != self.subscribe and _SCHEME.fullmatch(scheme) and rest
        if is_named and scheme not in _SCRIPTS and not set(rest) & set('{} "<>\\'):
            return ""
        return (
            'subscribe: wanted an address with {url}, such as "https://reader.example/?add={url}"'
        )


class SiteConfig(Table, frozen=True):
    """[site]: the site as its feeds introduce it."""

    title: Name = "Feeds"
    description: Line = ""
    base_url: BaseUrl = "http://localhost:8000/"
    url: Url = ""
    id: SiteId = ""
    language: Language = "en"
    timezone: Timezone = "UTC"
    author: Author = Author()
    rights: Line = ""
    icon: Url = ""
    favicon: Url = ""
    logo: Url = ""
    hub: Annotated[tuple[Url, ...], Many(or_one=True)] = ()
    pages: Flag = True
    show: Show = "full"
    show_images: Flag = True
    noindex: Flag = False
    withdrawn: Withdrawn = "drop"
    withdrawn_keep: Duration = timedelta(days=30)
    query_link: Flag = False
    show_quality: Flag = True
    show_heat: Flag = True
    max_feeds: Annotated[int, whole(1)] = 200_000
    archive: ArchivePeriod = "off"
    archive_keep: ArchiveKeep = None
    readers: tuple[Reader, ...] = ()

    @property
    def home(self) -> str:
        """The page to which the feeds belong."""
        return self.url or self.base_url


class Paths(Table, frozen=True):
    """[paths]: files and folders; relative paths start at the folder of config.toml.

    With an address as the key `out`, `objects` is that address, and `out` the folder in which a
    pass makes the documents before it puts them there.
    """

    derived: ClassVar[frozenset[str]] = frozenset({"objects"})

    seeds: Annotated[tuple[Source, ...], Many(least=1)] = (Path("seeds"),)
    out: Place = Path("out")
    objects: Word = ""
    state: FilePath = Path(".feeds/state.db")
    templates: MaybePath = None
    max_gone: Share = 0.5

    @property
    def folders(self) -> list[Path]:
        """The folders among `seeds`."""
        return [one for one in self.seeds if isinstance(one, Path)]

    @property
    def prefixes(self) -> list[str]:
        """The addresses of objects among `seeds`."""
        return [one for one in self.seeds if isinstance(one, str)]

    @property
    def published_to(self) -> str:
        """Where readers find the documents: the address of objects, or the folder."""
        return self.objects or os.fsencode(self.out).decode(errors="backslashreplace")


class StateConfig(Table, frozen=True):
    """[state]: what happens to the state file, `paths.state`."""

    backup: Backup = None


class TextConfig(Table, frozen=True):
    """[text]: how the text of seeds is cleaned."""

    repair: Flag = True


class ContentConfig(Table, frozen=True):
    """[content]: the contents of an entry."""

    related: Annotated[int, whole(0, 50)] = 5


class ImagesConfig(Table, frozen=True):
    """[images]: the image cache, and how it is filled."""

    cache: FilePath = Path(".feeds/images")
    fetch: Annotated[str, one_of("off", "cached", "all")] = "cached"
    publish: Flag = True
    base_url: ServedUrl = ""
    max_bytes: Size = 8 << 20
    max_pixels: Annotated[int, whole(1)] = 40_000_000
    timeout: Annotated[timedelta, duration(_SECOND)] = timedelta(seconds=20)
    concurrency: Annotated[int, whole(1, 64)] = 8
    refresh: Annotated[timedelta, duration(_SECOND)] = timedelta(days=30)
    max_width: Annotated[int, whole(0, 65_535)] = 0
    widths: tuple[Annotated[int, whole(16, 16_383)], ...] = (208, 416, 832, 1280)
    keep_metadata: Flag = False
    allow_hosts: tuple[Host, ...] = ()

    def media_url(self, site_base_url: str) -> str:
        """Returns the start of the URLs of published images, "" if none is published."""
        return self.base_url or (site_base_url if self.publish else "")


class SelectionConfig(Table, frozen=True):
    """[selection]: which items the feeds hold, unless another table says more."""

    min_quality: Quality = 40
    min_heat: Annotated[int, whole(-1)] = -1
    max_items: Count = 50
    max_age: MaybeDuration = None
    exposure: Duration = timedelta(hours=48)
    max_exposed: Annotated[int, whole(0, 10_000)] = 200


class Schedule(Table, frozen=True):
    """[schedule]: when the daemon runs a pass."""

    every: Annotated[timedelta, duration(_SECOND, timedelta(days=366))] = timedelta(minutes=15)
    cron: Annotated[str, cron] = ""
    jitter: Duration = timedelta(0)
    watch: Flag = False
    timeout: Duration = timedelta(minutes=30)

    def clash(self, written: AbstractSet[str]) -> str:
        """Returns what is wrong with two schedules."""
        both = self.cron and "every" in written
        return "wanted either every or cron, not both" if both else ""


class Publish(Table, frozen=True):
    """[publish]: how documents are written to out/."""

    precompress: Flag = False


class HooksConfig(Table, frozen=True):
    """[hooks]: the operator's own commands, each a list of words, without a shell."""

    after_publish: tuple[Annotated[tuple[Word, ...], Many(least=1)], ...] = ()


class Serve(Table, frozen=True):
    """[serve]: the web server for out/."""

    host: Name = "127.0.0.1"
    port: Port = 8000
    metrics: Address = ""
    delta_window: Duration = timedelta(days=7)
    query: Flag = True
    trusted_proxies: tuple[Network, ...] = ()
    memory: Size = 256 << 20
    access_log: Name = "off"
    access_format: Annotated[str, one_of("combined", "json")] = "combined"
    log_addresses: Flag = False


class Config(Table, frozen=True):
    """The whole of config.toml."""

    site: SiteConfig = SiteConfig()
    paths: Paths = Paths()
    state: StateConfig = StateConfig()
    text: TextConfig = TextConfig()
    content: ContentConfig = ContentConfig()
    images: ImagesConfig = ImagesConfig()
    selection: SelectionConfig = SelectionConfig()
    schedule: Schedule = Schedule()
    engine: EngineConfig = EngineConfig()
    publish: Publish = Publish()
    hooks: HooksConfig = HooksConfig()
    serve: Serve = Serve()
    topics: dict[Name, NamedTopic] = msgspec.field(default_factory=dict)
    providers: dict[Domain, NamedProvider] = msgspec.field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    feeds: tuple[CustomFeed, ...] = ()
    digests: tuple[DigestFeed, ...] = ()

    def setting(self, own: FeedTable | None, name: str) -> Any:
        """Returns a setting of a feed: that of its own table, or else the one of [site]."""
        value = getattr(own, name, None)
        return getattr(self.site, name) if value is None else value

    @property
    def own_feeds(self) -> dict[FeedRef, OwnFeed]:
        """The feeds of the site's own and its digests, by kind and key, in their order."""
        return {
            **{("custom", one.key): one for one in self.feeds},
            **{("digest", one.key): one for one in self.digests},
        }

    @cached_property
    def former_domains(self) -> dict[str, str]:
        """The present domain of a provider by each of its former ones."""
        return {
            alias: domain for domain, named in self.providers.items() for alias in named.aliases
        }

    def provider(self, domain: str) -> str:
        """Returns the present domain of a provider by its present or a former one."""
        return self.former_domains.get(domain, domain)
