"""Judges the front matter of a seed: makes an `Item` of it, and finds every problem in it.

A wrong required part makes the whole seed a problem; a wrong optional part is dropped with a
warning. Unknown keys are ignored, with a warning if one resembles a known key. `secured` is never
read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from feeds.common.languages import unregistered
from feeds.common.model import Image, Item, Problem, Provider, Related
from feeds.common.text import fold
from feeds.common.times import OLDEST_LIKELY, OLDEST_SHOWN
from feeds.common.urls import (
    WANTED_DOMAIN,
    WANTED_URL,
    has_dotted_host,
    host_of,
    item_id,
    normal_domain,
)
from feeds.seeds.fields import Fields, Note, is_null, suggestion
from feeds.seeds.frontmatter import FrontMatter
from feeds.seeds.limits import MAX_HEAT, MAX_MEMBERS, MAX_PIXELS
from feeds.seeds.markdown import CostlyBodyError, check_size, render_body
from feeds.seeds.schema import KNOWN_KEYS, LOCALE
from feeds.seeds.yaml_reader import Path

if TYPE_CHECKING:
    from feeds.config import Config

# The unknown keys that are compared with the known ones; each costs 0.2 ms.
_MAX_SLIPS = 100
_BODY: Path = ("body",)

Part = TypeVar("Part")


class ParseOptions(msgspec.Struct, frozen=True):
    """The settings that decide how a seed is read; with `drafts` unpublished items are selected."""

    timezone: str = "UTC"
    repair: bool = True
    drafts: bool = False

    @classmethod
    def of(cls, config: Config, *, drafts: bool = False) -> ParseOptions:
        """Returns what the configuration says of them."""
        return cls(config.site.timezone, config.text.repair, drafts)


def parse(
    path: str, front: FrontMatter, options: ParseOptions
) -> tuple[Item | None, list[Problem]]:
    """Returns the item of a seed and all its problems in file order.

    The item is None if a required part is wrong; problems name the file by `path`.
    """
    notes: list[Note] = []
    zone = ZoneInfo(options.timezone)
    mapping = front.mapping
    if is_null(mapping.get("title")) and front.is_bare(("title",)):
        mapping = {**mapping, "title": None}
    fields = Fields(mapping, notes, repair=options.repair, zone=zone)
    item = _item(fields, front.body)
    problems = [_problem(path, front, note) for note in notes]
    problems += _slips(path, front)
    return item, sorted(problems)


def _slips(path: str, front: FrontMatter) -> Iterator[Problem]:
    """Yields a warning for each key that is probably a slip."""
    unknown = (key for key in front.mapping if key not in KNOWN_KEYS)
    for key in islice(unknown, _MAX_SLIPS):
        meant = suggestion(key)
        if meant:
            line, column = front.place_of_key(key)
            reason = f"unknown key, did you mean {meant!r}?"
            yield Problem(path, line, column, key, reason, "warning")


def _problem(path: str, front: FrontMatter, note: Note) -> Problem:
    line, column = (front.body_line, 1) if note.path == _BODY else front.place(note.path)
    return Problem(path, line, column, dotted(note.path), note.reason, note.severity)


def dotted(path: Path) -> str:
    """Returns the path of a field as problems show it, for example ``images[0].url``."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def _item(fields: Fields, body: str) -> Item | None:
    # Every field is read before the verdict, so that all problems are found at once.
    title = fields.line("title", required=True)
    published = fields.date("publishedDateTime", "error")
    _doubt_before(OLDEST_LIKELY, fields, "publishedDateTime", published)
    updated = fields.date("updatedDateTime", "warning")
    _doubt_before(OLDEST_SHOWN, fields, "updatedDateTime", updated)
    quality = fields.integer("quality", 0, 100, "error")
    provider = _provider(fields)
    url, original_url = _urls(fields)
    heat = fields.integer("heat", -1, MAX_HEAT, "warning")
    is_published = fields.flag("published") or False
    excerpt, correction = fields.line("excerpt"), fields.line("correction")
    topics, tags = _names(fields, "topics"), _names(fields, "tags")
    category, kind = fields.line("category"), fields.line("type")
    locale = _locale(fields)
    amp_url = fields.url("ampWebUrl", "warning") or ""
    cdn_amp_url = fields.url("cdnAmpWebUrl", "warning") or ""
    images = _parts(fields, "images", _image)
    related = _parts(fields, "related", _related)
    if published is None or quality is None or provider is None or url is None:
        return None
    if _has_error(fields):
        return None
    return Item(
        id=_identity(fields),
        title=title,
        published=published,
        updated=updated,
        url=url,
        original_url=original_url or url,
        quality=quality,
        heat=-1 if heat is None else heat,
        is_published=is_published,
        provider=provider,
        excerpt=excerpt,
        correction=correction,
        withdrawn_reason=fields.line("withdrawnReason"),
        body=_body(fields, body, url),
        locale=locale,
        amp_url=amp_url,
        cdn_amp_url=cdn_amp_url,
        images=images,
        related=related,
        topics=topics,
        tags=tags,
        category=category,
        type=kind,
    )


def _urls(fields: Fields) -> tuple[str | None, str | None]:
    """Returns the story's URL and its original URL; one is enough, and none is an error."""
    original_url = fields.url("originalUrl", "error")
    web_url = fields.url("webUrl", "error")
    for name, url in (("originalUrl", original_url), ("webUrl", web_url)):
        if url and host_of(url).startswith("["):
            fields.note(name, "a host name, since validators refuse an IPv6 address", "warning")
    if not (web_url or original_url) and not _has_error(fields, "originalUrl", "webUrl"):
        fields.note("originalUrl", f"{WANTED_URL}, here or in webUrl", "error")
    return web_url or original_url, original_url


def _doubt_before(limit: datetime, fields: Fields, name: str, time: datetime | None) -> None:
    """Warns of a date before a limit, which readers doubt or cannot show."""
    if time is None or time >= limit:
        return
    wanted = "a date that readers believe (1990 or later)"
    if time < OLDEST_SHOWN:
        wanted = "a date that readers can show (1970 or later; validators want 1990 or later)"
    fields.note(name, wanted, "warning")


def _identity(fields: Fields) -> str:
    # The URL as the seed writes it: the id must not change when our normalisation does.
    name = fields.scalar("originalUrl") or fields.scalar("webUrl") or ""
    return item_id(name)


def _has_error(fields: Fields, *names: str) -> bool:
    return any(
        note.severity == "error" and (not names or note.path[0] in names) for note in fields.notes
    )


def _provider(fields: Fields) -> Provider | None:
    mapping = fields.mapping.get("provider")
    if not isinstance(mapping, dict):
        fields.note("provider", "a mapping with 'domain:' and perhaps 'name:'", "error")
        return None
    inner = fields.part(mapping, ("provider",))
    domain = inner.scalar("domain")
    normal = normal_domain(domain) if domain is not None else None
    if normal is None:
        inner.note("domain", WANTED_DOMAIN, "error")
        return None
    return Provider(inner.line("name") or normal, normal)


def _body(fields: Fields, body: str, url: str) -> str:
    """Returns the body as HTML; one that would cost too much gives ``""`` and a warning."""
    try:
        check_size(body)
        return render_body(body, url, fields.block)
    except CostlyBodyError as error:
        fields.notes.append(Note(_BODY, f"dropped, the story stays without it: {error}", "warning"))
        return ""


def _names(fields: Fields, name: str) -> tuple[str, ...]:
    names: dict[str, str] = {}
    for number, text in fields.lines(name):
        key = fold(text)
        if key not in names and len(names) == MAX_MEMBERS[name]:
            fields.note_excess(name, number, MAX_MEMBERS[name])
            break
        names.setdefault(key, text)
    return tuple(names.values())


def _locale(fields: Fields) -> str:
    text = fields.line("locale")
    if not text:
        return ""
    tag = text.replace("_", "-")
    wanted = "a language tag such as en-GB (RFC 5646)"
    fault = unregistered(tag) if LOCALE.fullmatch(text) else ""
    if fault or not LOCALE.fullmatch(text):
        fields.note("locale", f"{wanted}; {fault}" if fault else wanted, "warning")
        return ""
    return tag


def _parts(fields: Fields, name: str, build: Callable[[Fields], Part | None]) -> tuple[Part, ...]:
    """Builds the parts of a list up to its limit; wrong ones are left out, and count."""
    built: list[Part] = []
    for number, part in fields.parts(name):
        if number >= MAX_MEMBERS[name]:
            fields.note_excess(name, number, MAX_MEMBERS[name])
            break
        one = part.whole(build)
        if one is not None:
            built.append(one)
    return tuple(built)


def _image(fields: Fields) -> Image | None:
    url = fields.url("url", "warning")
    if url is None and fields.scalar("url") is None:
        fields.note("url", WANTED_URL, "warning")
    if url and not has_dotted_host(url):
        fields.note("url", "a URL on a host such as images.example.org", "warning")
    width = fields.integer("width", 0, MAX_PIXELS, "warning")
    height = fields.integer("height", 0, MAX_PIXELS, "warning")
    title = fields.line("title")
    cached = fields.flag("isCached")
    return Image(url, width or 0, height or 0, title, cached or False) if url else None


def _related(fields: Fields) -> Related | None:
    title = fields.line("title")
    url = fields.url("webUrl", "warning") or fields.url("originalUrl", "warning")
    if not title and isinstance(fields.mapping.get("title", ""), str):
        fields.note("title", "text", "warning")
    if url is None and fields.scalar("webUrl") is None:
        fields.note("webUrl", WANTED_URL, "warning")
    quality = fields.integer("quality", 0, 100, "warning")
    published = fields.date("publishedDateTime", "warning")
    provider = fields.mapping.get("provider")
    name = ""
    if isinstance(provider, dict):
        inner = fields.part(provider, ("provider",))
        name = inner.line("name") or inner.line("domain")
    elif provider:
        fields.note("provider", "a mapping with 'name:' and 'domain:'", "warning")
    return Related(title, url, quality or 0, published, name) if title and url else None
