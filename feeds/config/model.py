"""Every key of config.toml. The reference of configuration is tested against these models."""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from feeds.common.slugs import slug
from feeds.common.times import named_weekdays
from feeds.config.types import (
    Address,
    Alias,
    BaseUrl,
    Count,
    Domain,
    Duration,
    Email,
    FilePath,
    Host,
    Language,
    Line,
    Name,
    Network,
    Port,
    Quality,
    ServedUrl,
    Share,
    SiteId,
    Size,
    Slug,
    Timezone,
    Url,
    Whole,
)


class Section(BaseModel):
    """A table of config.toml: unknown keys are errors, and nothing changes once it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Author(Section):
    """[site.author]: who publishes the feeds."""

    name: Line = ""
    email: Email = ""
    url: Url = ""


class SiteConfig(Section):
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
    hub: tuple[Url, ...] = ()
    pages: bool = True
    query_link: bool = False
    max_feeds: Whole = Field(default=200_000, ge=1)

    @field_validator("hub", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return ((value,) if value else ()) if isinstance(value, str) else value

    @property
    def home(self) -> str:
        """The page to which the feeds belong."""
        return self.url or self.base_url


class Paths(Section):
    """[paths]: files and folders; relative paths start at the folder of config.toml."""

    seeds: tuple[FilePath, ...] = Field(default=(Path("seeds"),), min_length=1)
    out: FilePath = Path("out")
    state: FilePath = Path(".feeds/state.db")
    templates: FilePath | None = None
    max_gone: Share = 0.5

    @field_validator("templates", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return value or None


class TextConfig(Section):
    """[text]: how the text of seeds is cleaned."""

    repair: bool = True


class ContentConfig(Section):
    """[content]: the contents of an entry."""

    related: Whole = Field(default=5, ge=0, le=50)


class ImagesConfig(Section):
    """[images]: the image cache, and how it is filled."""

    cache: FilePath = Path(".feeds/images")
    fetch: Literal["off", "cached", "all"] = "cached"
    publish: bool = True
    base_url: ServedUrl = ""
    max_bytes: Size = 8 << 20
    max_pixels: Whole = Field(default=40_000_000, ge=1)
    timeout: Duration = timedelta(seconds=20)
    concurrency: Whole = Field(default=8, ge=1, le=64)
    refresh: Duration = timedelta(days=30)
    max_width: Whole = Field(default=0, ge=0, le=65_535)
    keep_metadata: bool = False
    allow_hosts: tuple[Host, ...] = ()

    @field_validator("timeout", "refresh")
    @classmethod
    def _takes_time(cls, value: timedelta) -> timedelta:
        if value < timedelta(seconds=1):
            raise ValueError('wanted at least "1s"')
        return value

    def media_url(self, site_base_url: str) -> str:
        """Returns the start of the URLs of published images, "" if none is published."""
        return self.base_url or (site_base_url if self.publish else "")


class SelectionConfig(Section):
    """[selection]: which items the feeds hold, unless another table says more."""

    min_quality: Quality = 40
    min_heat: Whole = Field(default=-1, ge=-1)
    max_items: Count = 50
    max_age: Duration | None = None
    exposure: Duration = timedelta(hours=48)
    max_exposed: Whole = Field(default=200, ge=0, le=10_000)


class Named(Section):
    """[topics."NAME"] and [providers."DOMAIN"]: settings of one topic or provider."""

    min_quality: Quality | None = None
    max_items: Count | None = None
    title: Line = ""
    description: Line = ""
    slug: Slug = ""
    exclude: bool = False


class NamedTopic(Named):
    """[topics."NAME"]: its aliases are its former slugs."""

    aliases: tuple[Alias, ...] = ()


class NamedProvider(Named):
    """[providers."DOMAIN"]: its aliases are its former domains."""

    aliases: tuple[Domain, ...] = ()


class Rule(Section):
    """[[rules]]: the threshold, or the exclusion, of one topic from one provider."""

    topic: Name
    provider: Domain
    min_quality: Quality | None = None
    exclude: bool = False

    @model_validator(mode="after")
    def _decides(self) -> Self:
        if self.exclude == (self.min_quality is not None):
            raise ValueError("wanted either min_quality or exclude = true")
        return self


class CustomFeed(Section):
    """[[feeds]]: a feed that the site defines."""

    name: Name
    title: Line = ""
    description: Line = ""
    slug: Slug = ""
    aliases: tuple[Alias, ...] = ()
    topics: tuple[Name, ...] = ()
    providers: tuple[Domain, ...] = ()
    categories: tuple[Name, ...] = ()
    min_quality: Quality | None = None
    max_items: Count | None = None

    @property
    def address(self) -> str:
        """The address of the feed below out/, without extension."""
        return f"custom/{self.slug or slug(self.name)}"

    @property
    def key(self) -> str:
        """The name of the feed in the state file: its oldest address."""
        return f"custom/{self.aliases[-1]}" if self.aliases else self.address


class Schedule(Section):
    """[schedule]: when the daemon runs a pass."""

    every: Duration = timedelta(minutes=15)
    cron: Line = ""
    jitter: Duration = timedelta(0)
    watch: bool = False
    timeout: Duration = timedelta(minutes=30)

    @field_validator("every")
    @classmethod
    def _not_too_often(cls, value: timedelta) -> timedelta:
        if value < timedelta(seconds=1):
            raise ValueError('wanted at least "1s"')
        if value > timedelta(days=366):
            raise ValueError('wanted at most "366d"')
        return value

    @field_validator("cron")
    @classmethod
    def _is_cron(cls, value: str) -> str:
        if value:
            # Imported on demand: it costs 150 ms, and few configurations have a cron line.
            from apscheduler.triggers.cron import CronTrigger

            try:
                CronTrigger.from_crontab(named_weekdays(value))
            except ValueError as error:
                raise ValueError(
                    f'wanted five cron fields such as "*/10 6-22 * * mon-fri" ({error})'
                ) from None
        return value

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if self.cron and "every" in self.model_fields_set:
            raise ValueError("wanted either every or cron, not both")
        return self


class Publish(Section):
    """[publish]: how documents are written to out/."""

    precompress: bool = False


class Serve(Section):
    """[serve]: the web server for out/."""

    host: Name = "127.0.0.1"
    port: Port = 8000
    metrics: Address = ""
    delta_window: Duration = timedelta(days=7)
    query: bool = True
    trusted_proxies: tuple[Network, ...] = ()
    memory: Size = 256 << 20


class Config(Section):
    """The whole of config.toml."""

    site: SiteConfig = SiteConfig()
    paths: Paths = Paths()
    text: TextConfig = TextConfig()
    content: ContentConfig = ContentConfig()
    images: ImagesConfig = ImagesConfig()
    selection: SelectionConfig = SelectionConfig()
    schedule: Schedule = Schedule()
    publish: Publish = Publish()
    serve: Serve = Serve()
    topics: dict[Name, NamedTopic] = {}
    providers: dict[Domain, NamedProvider] = {}
    rules: tuple[Rule, ...] = ()
    feeds: tuple[CustomFeed, ...] = ()

    @cached_property
    def former_domains(self) -> dict[str, str]:
        """The present domain of a provider by each of its former ones."""
        return {
            alias: domain for domain, named in self.providers.items() for alias in named.aliases
        }

    def provider(self, domain: str) -> str:
        """Returns the present domain of a provider by its present or a former one."""
        return self.former_domains.get(domain, domain)
