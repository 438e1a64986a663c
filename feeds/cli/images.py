"""``feeds images``: looks after the image cache."""

from __future__ import annotations

from argparse import Namespace

from feeds.cli.console import Console
from feeds.common.errors import FeedsError
from feeds.common.media import CachedImage, image_key, image_type
from feeds.common.reports import utc_now
from feeds.common.times import from_unix, show_time, to_unix
from feeds.common.urls import normal_url, wanted_url
from feeds.config import load_config
from feeds.images.cache import likely_name
from feeds.pipeline.fetch import FetchOptions, fetch_images
from feeds.pipeline.image_cache import collect_garbage
from feeds.store import open_state

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def run_images_fetch(arguments: Namespace, console: Console) -> None:
    """Fetches the images that are due."""
    loaded = load_config(arguments.config)
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


def run_images_status(arguments: Namespace, console: Console) -> None:
    """Shows what the cache holds, what it could not get, and why."""
    config, now = load_config(arguments.config).config, to_unix(utc_now())
    with open_state(config.paths.state, "serve") as store:
        images = store.images() if store else []
        hosts = [one for one in store.host_failures().values() if one.until > now] if store else []
    known = [
        {
            "url": image.url,
            "state": _state(image),
            "name": image.name,
            "reason": image.reason,
            "next_fetch": from_unix(image.due) if image.due else None,
        }
        for image in images
    ]
    cache, copies = config.images.cache, [image.length for image in images if image.name]
    console.show(f"cache   {cache}: {len(copies)} copies, {_show_size(sum(copies))}")
    states = [one["state"] for one in known]
    kinds = ("copy", "missing", "failed", "not fetched yet")
    counted = ", ".join(f"{states.count(kind)} {kind}" for kind in kinds)
    console.show(f"images  {len(images)} named by seeds: {counted}")
    for host in hosts:
        until = show_time(from_unix(host.until))
        console.show(f"host    {host.host} is left alone until {until}: {host.reason}")
    rows = [
        (one["state"], one["url"], one["next_fetch"] or "now", one["reason"])
        for one in known
        if one["reason"]
    ]
    if rows:
        console.table(("State", "Image", "Next", "Why"), rows)
    numbers = {"cache": str(cache), "copies": len(copies), "bytes": sum(copies)}
    console.report({**numbers, "images": known, "hosts": hosts})


def run_images_gc(arguments: Namespace, console: Console) -> None:
    """Removes copies that no seed has named for long."""
    loaded = load_config(arguments.config)
    removed = collect_garbage(loaded, console.warn)
    for name in removed:
        console.say(f"removed {name}")
    console.say(f"{len(removed)} copies removed from {loaded.config.images.cache}")
    console.report({"removed": removed})


def run_images_path(arguments: Namespace, console: Console) -> None:
    """Prints the name of an image's copy.

    Raises:
        FeedsError: the argument is no URL of an image.
    """
    config = load_config(arguments.config).config
    url = normal_url(arguments.url)
    if url is None:
        raise FeedsError(f"{arguments.url!r} is no image's URL: wanted {wanted_url(arguments.url)}")
    key = image_key(url)
    with open_state(config.paths.state, "serve") as store:
        known = {image.key: image.name for image in store.images_in(key[:2])} if store else {}
    console.show(known.get(key) or likely_name(url, image_type(url)))


def _state(image: CachedImage) -> str:
    if image.name:
        return "copy"
    if image.missing:
        return "missing"
    return "failed" if image.failures else "not fetched yet"


def _show_size(size: float) -> str:
    power = next((n for n in range(4) if size < 1 << 10 * (n + 1)), 4)
    return f"{size / (1 << 10 * power):.{min(power, 1)}f} {_UNITS[power]}"
