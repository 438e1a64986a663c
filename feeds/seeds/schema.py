"""The schema of a seed as types, and the item of a usual seed.

A usual seed has known keys alone, nothing is wrong with it, and its values are written as most are:
numbers as numbers, dates with their zones, addresses in ASCII. `feeds.seeds.parse` judges all
others, and words what is wrong with them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, TypeVar

from msgspec import Meta, Struct
from msgspec.structs import fields

from feeds.common.languages import unregistered
from feeds.common.model import Image, Item, Provider, Related
from feeds.common.text import clean_line, fold
from feeds.common.times import OLDEST_LIKELY, OLDEST_SHOWN
from feeds.common.urls import has_dotted_host, item_id, normal_domain, normal_url
from feeds.seeds.limits import MAX_HEAT, MAX_MEMBERS, MAX_PIXELS

LOCALE = re.compile(r"[a-z]{1,8}(?:[-_][a-z0-9]{1,8})*", re.IGNORECASE | re.ASCII)

_Member = TypeVar("_Member")
_Quality = Annotated[int, Meta(ge=0, le=100)]
_Pixels = Annotated[int, Meta(ge=0, le=MAX_PIXELS)]
_Heat = Annotated[int, Meta(ge=-1, le=MAX_HEAT)]
_Date = Annotated[datetime, Meta(tz=True)]
_Names = list[str] | None
Clean = Callable[[str], str]


class SeedProvider(Struct, kw_only=True, gc=False):
    """The provider of a seed, or of a related story."""

    name: str | None = None
    domain: str


class SeedImage(Struct, rename="camel", gc=False):
    """An image of a seed, or of a related story."""

    url: str
    width: _Pixels | None = None
    height: _Pixels | None = None
    title: str | None = None
    is_cached: bool | None = None


class SeedRelated(Struct, rename="camel", gc=False):
    """A related story: the keys that we read, and those that usually stand beside them."""

    title: str
    web_url: str | None = None
    quality: _Quality | None = None
    published_date_time: _Date | None = None
    original_url: str | None = None
    provider: SeedProvider | None = None
    excerpt: str | None = None
    type: str | None = None
    amp_web_url: str | None = None
    cdn_amp_web_url: str | None = None
    images: list[SeedImage] | None = None


class Seed(Struct, rename="camel", kw_only=True, gc=False):
    """The front matter of a seed."""

    title: str
    published_date_time: _Date
    updated_date_time: _Date | None = None
    web_url: str | None = None
    original_url: str | None = None
    quality: _Quality
    heat: _Heat | None = None
    published: bool | None = None
    provider: SeedProvider
    excerpt: str | None = None
    topics: _Names = None
    tags: _Names = None
    category: str | None = None
    type: str | None = None
    locale: str | None = None
    amp_web_url: str | None = None
    cdn_amp_web_url: str | None = None
    images: list[SeedImage] | None = None
    related: list[SeedRelated] | None = None
    correction: str | None = None
    withdrawn_reason: str | None = None
    secured: str | None = None


KNOWN_KEYS = {field.encode_name for field in fields(Seed)}


class _UnusualError(Exception):
    """`parse` must judge the seed."""


def parts_of(seed: Seed) -> list[Struct]:
    """Returns all mappings of a seed."""
    parts: list[Struct] = [seed, seed.provider, *(seed.images or ())]
    for story in seed.related or ():
        parts.append(story)
        if story.provider:
            parts.append(story.provider)
        parts += story.images or ()
    return parts


def usual_item(seed: Seed, *, repair: bool) -> Item | None:
    """Returns the item of a seed without a body, None if `parse` must judge the seed.

    No text of the seed may be one that YAML takes for a null if it has no quotes.
    """
    try:
        return _item(seed, partial(clean_line, repair=repair))
    except (_UnusualError, OverflowError):  # of a date whose zone leads out of all years
        return None


def _item(seed: Seed, clean: Clean) -> Item:
    original_url, web_url = _url(seed.original_url), _url(seed.web_url)
    url = web_url or original_url
    title = clean(seed.title)
    published = seed.published_date_time.astimezone(UTC)
    updated = _time(seed.updated_date_time)
    if not title or not url or published < OLDEST_LIKELY or (updated and updated < OLDEST_SHOWN):
        raise _UnusualError
    domain = _domain(seed.provider.domain)
    return Item(
        id=item_id((seed.original_url or seed.web_url or "").strip()),
        title=title,
        published=published.replace(microsecond=0),
        updated=updated,
        url=url,
        original_url=original_url or url,
        quality=seed.quality,
        heat=-1 if seed.heat is None else seed.heat,
        is_published=seed.published or False,
        provider=Provider(_line(seed.provider.name, clean) or domain, domain),
        excerpt=_line(seed.excerpt, clean),
        correction=_line(seed.correction, clean),
        withdrawn_reason=_line(seed.withdrawn_reason, clean),
        locale=_locale(seed.locale),
        amp_url=_url(seed.amp_web_url) or "",
        cdn_amp_url=_url(seed.cdn_amp_web_url) or "",
        images=tuple([_image(image, clean) for image in _members(seed.images, "images")]),
        related=tuple([_related(story, clean) for story in _members(seed.related, "related")]),
        topics=_names(seed.topics, "topics", clean),
        tags=_names(seed.tags, "tags", clean),
        category=_line(seed.category, clean),
        type=_line(seed.type, clean),
    )


def _line(text: str | None, clean: Clean) -> str:
    return clean(text) if text else ""


def _time(time: datetime | None) -> datetime | None:
    if time is None or (time.tzinfo is UTC and not time.microsecond):
        return time
    return time.astimezone(UTC).replace(microsecond=0)


def _url(text: str | None) -> str | None:
    if not text:
        return None
    url = normal_url(text.strip()) if text.isascii() else None
    if url is None or "[" in url:  # of an IPv6 address
        raise _UnusualError
    return url


def _domain(text: str) -> str:
    domain = normal_domain(text) if text.isascii() else None
    if domain is None:
        raise _UnusualError
    return domain


def _locale(text: str | None) -> str:
    tag = (text or "").replace("_", "-")
    if text and (not LOCALE.fullmatch(text) or unregistered(tag)):
        raise _UnusualError
    return tag


def _names(names: list[str] | None, kind: str, clean: Clean) -> tuple[str, ...]:
    found: dict[str, str] = {}
    for name in names or ():
        if text := clean(name):
            found.setdefault(fold(text), text)
    return tuple(_members(list(found.values()), kind))


def _members(members: list[_Member] | None, kind: str) -> list[_Member]:
    if members and len(members) > MAX_MEMBERS[kind]:
        raise _UnusualError
    return members or []


def _image(image: SeedImage, clean: Clean) -> Image:
    url = _url(image.url)
    if not url or not has_dotted_host(url):
        raise _UnusualError
    title = _line(image.title, clean)
    return Image(url, image.width or 0, image.height or 0, title, image.is_cached or False)


def _related(story: SeedRelated, clean: Clean) -> Related:
    title = clean(story.title)
    url = _url(story.web_url) or _url(story.original_url)
    if not title or not url:
        raise _UnusualError
    provider, name = story.provider, ""
    if provider:
        name = _line(provider.name, clean) or _line(provider.domain, clean)
    return Related(title, url, story.quality or 0, _time(story.published_date_time), name)
