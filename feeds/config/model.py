"""Every key of config.toml. The reference of configuration is tested against these models."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Set as AbstractSet
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar
from urllib.parse import urlsplit

import msgspec

from feeds.common.model import FeedRef
from feeds.config import feed_tables, types
from feeds.config.schema import Many, Table

_SECOND = timedelta(seconds=1)
_YEAR = timedelta(days=366)
TLS_FILES = ("tls_ca", "tls_cert", "tls_key")


class Author(Table, frozen=True):
    """[site.author]: who publishes the feeds."""

    name: types.Line = ""
    email: types.Email = ""
    url: types.Url = ""


class SiteConfig(Table, frozen=True):
    """[site]: the site as its feeds introduce it."""

    title: types.Name = "Feeds"
    description: types.Line = ""
    base_url: types.BaseUrl = "http://localhost:8000/"
    url: types.Url = ""
    id: types.SiteId = ""
    language: types.Language = "en"
    timezone: types.Timezone = "UTC"
    author: Author = Author()
    rights: types.Line = ""
    icon: types.Url = ""
    favicon: types.Url = ""
    logo: types.Url = ""
    hub: Annotated[tuple[types.Url, ...], Many(or_one=True)] = ()
    pages: types.Flag = True
    show: feed_tables.Show = "full"
    show_images: types.Flag = True
    noindex: types.Flag = False
    withdrawn: feed_tables.Withdrawn = "drop"
    withdrawn_keep: types.Duration = timedelta(days=30)
    query_link: types.Flag = False
    show_quality: types.Flag = True
    show_heat: types.Flag = True
    max_feeds: Annotated[int, types.whole(1)] = 200_000
    archive: feed_tables.ArchivePeriod = "off"
    archive_keep: feed_tables.ArchiveKeep | None = None
    readers: tuple[feed_tables.Reader, ...] = ()

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

    seeds: Annotated[tuple[types.Source, ...], Many(least=1)] = (Path("seeds"),)
    out: types.Place = Path("out")
    objects: types.Word = ""
    state: types.FilePath = Path(".feeds/state.db")
    templates: types.MaybePath = None
    max_gone: types.Share = 0.5

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

    backup: types.Backup = None


class TextConfig(Table, frozen=True):
    """[text]: how the text of seeds is cleaned."""

    repair: types.Flag = True


class ContentConfig(Table, frozen=True):
    """[content]: the contents of an entry."""

    related: Annotated[int, types.whole(0, 50)] = 5


class ImagesConfig(Table, frozen=True):
    """[images]: the image cache, and how it is filled."""

    cache: types.FilePath = Path(".feeds/images")
    fetch: Annotated[str, types.one_of("off", "cached", "all")] = "cached"
    publish: types.Flag = True
    base_url: types.ServedUrl = ""
    max_bytes: types.Size = 8 << 20
    max_pixels: Annotated[int, types.whole(1)] = 40_000_000
    timeout: Annotated[timedelta, types.duration(_SECOND)] = timedelta(seconds=20)
    concurrency: Annotated[int, types.whole(1, 64)] = 8
    refresh: Annotated[timedelta, types.duration(_SECOND)] = timedelta(days=30)
    max_width: Annotated[int, types.whole(0, 65_535)] = 0
    widths: tuple[Annotated[int, types.whole(16, 16_383)], ...] = (208, 416, 832, 1280)
    keep_metadata: types.Flag = False
    allow_hosts: tuple[types.Host, ...] = ()

    def media_url(self, site_base_url: str) -> str:
        """Returns the start of the URLs of published images, "" if none is published."""
        return self.base_url or (site_base_url if self.publish else "")


class SelectionConfig(Table, frozen=True):
    """[selection]: which items the feeds hold, unless another table says more."""

    min_quality: types.Quality = 40
    min_heat: Annotated[int, types.whole(-1)] = -1
    max_items: types.Count = 50
    max_age: types.Duration | None = None
    exposure: types.Duration = timedelta(hours=48)
    max_exposed: Annotated[int, types.whole(0, 10_000)] = 200


class Schedule(Table, frozen=True):
    """[schedule]: when the daemon runs a pass."""

    every: Annotated[timedelta, types.duration(_SECOND, _YEAR)] = timedelta(minutes=15)
    cron: Annotated[str, types.cron] = ""
    jitter: types.Duration = timedelta(0)
    watch: types.Flag = False
    timeout: types.Duration = timedelta(minutes=30)

    def clash(self, written: AbstractSet[str]) -> str:
        """Returns what is wrong with two schedules."""
        both = self.cron and "every" in written
        return "wanted either every or cron, not both" if both else ""


class Publish(Table, frozen=True):
    """[publish]: how documents are written to out/."""

    precompress: types.Flag = False


class HooksConfig(Table, frozen=True):
    """[hooks]: the operator's own commands, each a list of words, without a shell."""

    after_publish: tuple[Annotated[tuple[types.Word, ...], Many(least=1)], ...] = ()


class Serve(Table, frozen=True):
    """[serve]: the web server for out/."""

    host: types.Name = "127.0.0.1"
    port: types.Port = 8000
    metrics: types.Address = ""
    delta_window: types.Duration = timedelta(days=7)
    query: types.Flag = True
    trusted_proxies: tuple[types.Network, ...] = ()
    memory: types.Size = 256 << 20
    access_log: types.Name = "off"
    access_format: Annotated[str, types.one_of("combined", "json")] = "combined"
    log_addresses: types.Flag = False


class EngineConfig(Table, frozen=True):
    """[engine]: where seeds are read and feeds are rendered."""

    kind: Annotated[str, types.one_of("processes", "dask")] = "processes"
    address: types.Word = ""
    tls_ca: types.MaybePath = None
    tls_cert: types.MaybePath = None
    tls_key: types.MaybePath = None
    no_workers: types.Duration = timedelta(seconds=60)

    def clash(self, written: AbstractSet[str]) -> str:
        """Returns what is wrong with the address, or with the files of TLS.

        A scheduler runs whatever code it is sent, so nobody on the way may put in some.
        """
        if self.kind != "dask":
            return ""
        url = urlsplit(self.address)
        try:
            has_port = bool(url.hostname and url.port)
        except ValueError:
            has_port = False
        if url.scheme not in {"tls", "tcp"} or not has_port or "@" in url.netloc:
            return (
                'address: wanted that of a Dask scheduler, such as "tls://scheduler.example:8786"'
            )
        missing = [name for name in TLS_FILES if getattr(self, name) is None]
        if url.scheme == "tls":
            return f"{missing[0]}: wanted a file of TLS for a tls:// address" if missing else ""
        if len(missing) < len(TLS_FILES):
            return "address: wanted one with tls://, since files of TLS are given"
        if not _is_this_machine(str(url.hostname)):
            return "address: wanted tls:// for a scheduler on another machine (it runs any code)"
        return ""


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
    topics: dict[types.Name, feed_tables.NamedTopic] = msgspec.field(default_factory=dict)
    providers: dict[types.Domain, feed_tables.NamedProvider] = msgspec.field(default_factory=dict)
    rules: tuple[feed_tables.Rule, ...] = ()
    feeds: tuple[feed_tables.CustomFeed, ...] = ()
    digests: tuple[feed_tables.DigestFeed, ...] = ()

    def setting(self, own: feed_tables.FeedTable | None, name: str) -> Any:
        """Returns a setting of a feed: that of its own table, or else the one of [site]."""
        value = getattr(own, name, None)
        return getattr(self.site, name) if value is None else value

    @property
    def own_feeds(self) -> dict[FeedRef, feed_tables.OwnFeed]:
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


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
