"""``feeds images``: looks after the image cache."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, TypedDict

from feeds.cli.console import Console
from feeds.cli.main import add_config, add_flags, add_json
from feeds.common.errors import FeedsError
from feeds.common.times import from_unix, show_time, to_unix

if TYPE_CHECKING:
    from feeds.common.media import CachedImage, HostFailure
    from feeds.config import Loaded

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


class ImageStatus(TypedDict):
    """An image: `name` of its copy, ``""`` without one, and why the last fetch failed."""

    url: str
    state: str
    name: str
    reason: str
    next_fetch: datetime | None


class CacheStatus(TypedDict):
    """The image cache: where, what it holds, and the hosts that are left alone for a while."""

    cache: str
    copies: int
    bytes: int
    images: list[ImageStatus]
    hosts: list[HostFailure]


def add_arguments(parser: ArgumentParser) -> None:
    """Adds the actions and their options."""
    actions = parser.add_subparsers(required=True, metavar="ACTION")

    def add(
        name: str, action: Callable[[Namespace, Console, Loaded], None], text: str
    ) -> ArgumentParser:
        sub = actions.add_parser(name, help=text, description=text)
        sub.set_defaults(action=action)
        add_config(sub)
        return sub

    fetch = add("fetch", _fetch, "fetch the images that are due into the cache")
    damage = "read every copy, to find damage that left size and time as they were"
    add_flags(fetch, digests=damage)
    add_json(fetch)
    add_json(add("status", _status, "show what the cache holds, and what it could not get"))
    add_json(add("gc", _gc, "remove copies that no seed has named for 30 days"))
    path = add("path", _path, "print the name of an image's copy, below the cache as below out/")
    path.add_argument("url", metavar="URL", help="the image's URL, as in the seed")


def run(arguments: Namespace) -> int:
    """Does one of the actions."""
    from feeds.config import load_config

    console = Console.of(arguments)
    arguments.action(arguments, console, load_config(arguments.config))
    return 0


def _fetch(arguments: Namespace, console: Console, loaded: Loaded) -> None:
    from feeds.pipeline.fetch import FetchOptions, fetch_images

    if loaded.config.images.fetch == "off":
        console.warn('images.fetch is "off": nothing is fetched, what is in the cache is checked')
    with console.listening() as callbacks:
        report = fetch_images(loaded, FetchOptions(digests=arguments.digests), callbacks)
    console.fetched(report)
    if report.changed:
        console.say("the next pass publishes what changed: feeds export")
    if report.asked > report.fetched + report.same:
        console.say("why images are not there: feeds images status")
    console.report(report)


def _status(_: Namespace, console: Console, loaded: Loaded) -> None:
    from feeds.common.reports import utc_now

    images, hosts = _known(loaded)
    cache, now = loaded.config.images.cache, to_unix(utc_now())
    copies = [image for image in images if image.name]
    failing = [host for host in hosts if host.until > now]
    total = sum(image.length for image in copies)
    console.show(f"cache   {cache}: {len(copies)} copies, {_show_size(total)}")
    listed = [
        ImageStatus(
            url=image.url,
            state=_state(image),
            name=image.name,
            reason=image.reason,
            next_fetch=_time(image.due),
        )
        for image in images
    ]
    states = [one["state"] for one in listed]
    kinds = ("copy", "missing", "failed", "not fetched yet")
    counted = ", ".join(f"{states.count(kind)} {kind}" for kind in kinds)
    console.show(f"images  {len(images)} named by seeds: {counted}")
    for host in failing:
        until = show_time(from_unix(host.until))
        console.show(f"host    {host.host} is left alone until {until}: {host.reason}")
    rows = [
        (_state(one), one.url, show_time(from_unix(one.due)) if one.due else "now", one.reason)
        for one in images
        if one.reason
    ]
    if rows:
        console.table(("State", "Image", "Next", "Why"), rows)
    status = CacheStatus(
        cache=str(cache), copies=len(copies), bytes=total, images=listed, hosts=failing
    )
    console.report(status)


def _gc(_: Namespace, console: Console, loaded: Loaded) -> None:
    from feeds.pipeline.image_garbage import collect_garbage

    removed = collect_garbage(loaded, console.warn)
    for name in removed:
        console.say(f"removed {name}")
    console.say(f"{len(removed)} copies removed from {loaded.config.images.cache}")
    console.report({"removed": removed})


def _path(arguments: Namespace, console: Console, loaded: Loaded) -> None:
    from feeds.common.media import image_key, image_type
    from feeds.common.urls import normal_url, wanted_url
    from feeds.images.cache import likely_name
    from feeds.store import open_state

    url = normal_url(arguments.url)
    if url is None:
        raise FeedsError(f"{arguments.url!r} is no image's URL: wanted {wanted_url(arguments.url)}")
    key = image_key(url)
    with open_state(loaded.config.paths.state, "serve") as store:
        known = {image.key: image.name for image in store.images_in(key[:2])} if store else {}
    console.show(known.get(key) or likely_name(url, image_type(url)))


def _known(loaded: Loaded) -> tuple[list[CachedImage], list[HostFailure]]:
    from feeds.store import open_state

    with open_state(loaded.config.paths.state, "serve") as store:
        if store is None:
            return [], []
        return store.images(), list(store.host_failures().values())


def _state(image: CachedImage) -> str:
    if image.name:
        return "copy"
    if image.missing:
        return "missing"
    return "failed" if image.failures else "not fetched yet"


def _time(seconds: int) -> datetime | None:
    return from_unix(seconds) if seconds else None


def _show_size(size: float) -> str:
    for unit in _UNITS:
        if size < 1024 or unit == _UNITS[-1]:
            break
        size /= 1024
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
