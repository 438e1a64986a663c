"""A site whose images come from a server that behaves well, and from one that does not."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from feeds.common.errors import BusyError, ImageCacheError
from feeds.common.lock import acquire_lock
from feeds.common.media import MEDIA, image_key
from feeds.common.reports import FetchReport
from tests.support.imaging import (
    FORMATS,
    HIDDEN,
    QUICK,
    Behaviour,
    Request,
    Server,
    configure,
    encoded,
    exif,
    fetch,
    known_images,
    picture,
    seed_with,
    serving,
)
from tests.support.site import NOW, Site

DATA = picture()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


def copies(folder: Path) -> list[Path]:
    """Returns all files in a cache, or in out/, that are images or become ones."""
    found = (folder / MEDIA).rglob("*"), (folder / "tmp").rglob("*")
    return sorted(path for some in found for path in some if path.is_file())


def items(site: Site) -> dict[str, Any]:
    """Returns the items of the feed of everything, by title."""
    return {item["title"]: item for item in json.loads(site.read("all.json"))["items"]}


def try_image(site: Site, *urls: str, seconds: int = 20) -> tuple[dict[str, Any], FetchReport]:
    """Publishes a story with these images, fetches, publishes; returns its JSON item."""
    configure(site, images=f'max_bytes = "200KiB"\ntimeout = "{seconds}s"')
    seed_with(site, 1, *urls)
    site.publish()
    report = fetch(site)
    site.publish()
    for path in [*copies(site.root / ".feeds/images"), *copies(site.out)]:
        with Image.open(path) as image:
            image.load()
        assert path.name.startswith(image_key(urls[0]))
    return items(site)["Story 1"], report


@pytest.mark.parametrize("extension", FORMATS)
def test_fetched_image_is_published_as_it_is(site: Site, server: Server, extension: str) -> None:
    data = picture(extension, (80, 60))
    url = server.serve(f"/one.{extension}", data, Content_Type="text/plain")
    item, report = try_image(site, url)
    key = image_key(url)
    name = f"media/{key[:2]}/{key}.{extension}"
    assert item["attachments"] == [
        {
            "url": f"https://feeds.example.org/{name}",
            "mime_type": FORMATS[extension][1],
            "title": "Story 1",
            "size_in_bytes": len(site.read(name)),
        }
    ]
    assert 'width="80" height="60"' in item["content_html"]
    assert (report.asked, report.fetched, report.changed) == (1, 1, True)


BAD: dict[str, tuple[Callable[[Server], str], str, str]] = {
    "drip": (lambda server: server.drip("/b"), "failed", "images.timeout"),
    "flood": (lambda server: server.flood("/b"), "refused", "images.max_bytes"),
    "bomb": (lambda server: server.bomb("/b"), "refused", "images.max_bytes"),
    "reset": (lambda server: server.break_off("/b"), "failed", "connection"),
    "too short": (
        lambda server: server.serve("/b", DATA, Content_Length="99999"),
        "failed",
        "connection",
    ),
    "cut off": (lambda server: server.serve("/b", DATA[:300]), "missing", "cut off"),
    "html": (
        lambda server: server.serve("/b", b"<html>No", Content_Type="image/jpeg"),
        "missing",
        "markup",
    ),
    "svg": (lambda server: server.serve("/b", b"<svg/>"), "missing", "markup"),
    "empty": (lambda server: server.serve("/b", b""), "missing", "not a JPEG"),
    "404": (lambda server: server.url("/none"), "missing", "answered 404"),
    "403": (
        lambda server: server.behave("/b", lambda one: one.answer("403 Forbidden")),
        "refused",
        "answered 403",
    ),
    "500": (
        lambda server: server.behave("/b", lambda one: one.answer("500 Oh")),
        "failed",
        "answered 500",
    ),
    "429": (
        lambda server: server.behave("/b", lambda one: one.answer("429 Hey", Retry_After="99")),
        "failed",
        "answered 429",
    ),
    "circle": (lambda server: server.redirect("/b", "/b"), "refused", "more than 5 redirects"),
    "inwards": (
        lambda server: server.redirect("/b", "http://10.0.0.1/"),
        "refused",
        "not a public address",
    ),
    "pixels": (
        lambda server: server.serve("/b", encoded(Image.new("1", (9000, 9000)), "png")),
        "missing",
        "images.max_pixels",
    ),
}


@pytest.mark.parametrize("way", BAD)
def test_bad_answer_harms_nothing_and_is_told(site: Site, server: Server, way: str) -> None:
    behave, kind, reason = BAD[way]
    url = behave(server)
    item, report = try_image(site, url, seconds=1 if way == "drip" else 20)
    assert (report.asked, getattr(report, kind)) == (1, 1)
    assert reason in known_images(site)[url].reason
    assert copies(site.root / ".feeds/images") == copies(site.out) == []
    if kind == "missing":
        assert not {"image", "attachments"} & item.keys()
        assert "<img" not in item["content_html"]
    else:
        assert item["attachments"][0]["url"] == url
        assert "size_in_bytes" not in item["attachments"][0]
    status = site.run("images", "status")
    assert reason in status.out


def test_missing_image_gives_way_to_the_next(site: Site, server: Server) -> None:
    good = server.serve("/next.jpg", DATA)
    configure(site)
    seed_with(site, 1, server.url("/none"), good)
    site.publish()
    fetch(site)
    site.publish()
    assert items(site)["Story 1"]["image"].endswith(f"{image_key(good)}.jpg")


@pytest.mark.parametrize("mode", ["off", "cached", "all"])
def test_mode_says_which_images_are_fetched_and_shown(
    site: Site, server: Server, mode: str
) -> None:
    configure(site, images=f'fetch = "{mode}"')
    for number, cached in ((1, True), (2, False)):
        url = server.serve(f"/mode{number}-{mode}.jpg", DATA)
        seed_with(site, number, url, cached=cached)
    site.publish()
    assert fetch(site).fetched == {"off": 0, "cached": 1, "all": 2}[mode]
    site.publish()
    ours = {title for title, item in items(site).items() if "feeds" in item.get("image", "")}
    assert ours == {"off": set(), "cached": {"Story 1"}, "all": {"Story 1", "Story 2"}}[mode]
    assert ("image" in items(site)["Story 2"]) == (mode == "all")


def test_late_image_moves_no_date(site: Site, server: Server) -> None:
    configure(site)
    seed_with(site, 1, server.serve("/late.jpg", DATA))
    site.publish()
    before, atom = site.entries(), site.read("all.atom")
    fetch(site, NOW + timedelta(days=1))
    report = site.publish(NOW + timedelta(days=1))
    assert site.entries() == before
    assert site.read("all.atom") != atom
    assert (report.images_added, report.read) == (1, 0)


def _next_of(answers: list[Behaviour]) -> Behaviour:
    """Returns what behaves as these do, one after the other."""

    def behave(request: Request) -> None:
        answers.pop(0)(request)

    return behave


def test_refresh_asks_whether_the_image_is_the_same(site: Site, server: Server) -> None:
    answers: list[Behaviour] = [
        lambda one: one.answer(
            body=DATA, ETag='"1"', Last_Modified="Mon, 02 Feb 2026 08:00:00 GMT"
        ),
        lambda one: one.answer("304 Not Modified"),
        lambda one: one.answer(body=picture("png", (20, 10))),
    ]
    url = server.behave("/refresh", _next_of(answers))
    configure(site)
    seed_with(site, 1, url)
    site.publish()
    fetch(site)
    site.publish()
    first = site.tree()
    assert fetch(site, NOW + timedelta(days=29)).asked == 0

    report = fetch(site, NOW + timedelta(days=31))
    assert (report.asked, report.same, report.changed) == (1, 1, False)
    headers = server.asked("/refresh")[1]
    assert headers["if-none-match"] == '"1"'
    assert headers["if-modified-since"] == "Mon, 02 Feb 2026 08:00:00 GMT"
    site.publish()
    assert site.tree() == first

    assert fetch(site, NOW + timedelta(days=62)).changed
    assert site.publish().images_removed == 1
    (path,) = copies(site.out)
    assert path.suffix == ".png"
    assert items(site)["Story 1"]["attachments"][0]["mime_type"] == "image/png"


@pytest.mark.parametrize("body", [None, b"<html>moved"], ids=["404", "no image"])
def test_copy_outlives_the_original(site: Site, server: Server, body: bytes | None) -> None:
    url = server.serve("/moves", DATA)
    configure(site)
    seed_with(site, 1, url)
    site.publish()
    fetch(site)
    site.publish()
    before = site.tree()
    server.serve("/moves", body) if body else server.behaviours.pop("/moves")
    fetch(site, NOW + timedelta(days=31))
    site.publish()
    assert site.tree() == before
    assert known_images(site)[url].reason
    assert fetch(site, NOW + timedelta(days=31, hours=23)).asked == 0
    assert fetch(site, NOW + timedelta(days=32, hours=1)).asked == 1


def test_host_that_keeps_failing_is_left_alone_for_a_while(site: Site, server: Server) -> None:
    configure(site)
    for number in range(1, 9):
        server.behave(f"/bad{number}", lambda one: one.answer("500 Oh"))
        seed_with(site, number, server.url(f"/bad{number}"))
    site.publish()
    report = fetch(site)
    assert (report.failed + report.left_alone, report.failed <= 4) == (8, True)
    requests = len(server.requests)
    assert fetch(site, NOW + timedelta(minutes=9)).asked == 0
    assert len(server.requests) == requests
    # Then it is tried again, and left alone for longer.
    later = fetch(site, NOW + timedelta(minutes=21))
    assert (later.failed + later.left_alone, later.failed <= 2) == (8, True)
    requests = len(server.requests)
    assert fetch(site, NOW + timedelta(minutes=40)).failed == 0
    assert len(server.requests) == requests


def test_fetched_image_tells_nobody_where_it_was_taken(site: Site, server: Server) -> None:
    data = picture("jpg", exif=exif())
    assert HIDDEN.encode() in data
    try_image(site, server.serve("/gps.jpg", data))
    (path,) = copies(site.out)
    assert HIDDEN.encode() not in path.read_bytes()
    with Image.open(path) as image:
        assert not image.getexif().get_ifd(0x8825)


def test_metadata_goes_and_comes_with_the_configuration(site: Site, server: Server) -> None:
    url = server.serve("/meta.jpg", picture("jpg", exif=exif()))
    seed_with(site, 1, url)

    def run(keep: str) -> bool:
        configure(site, images=f"keep_metadata = {keep}")
        site.publish()
        fetch(site)
        site.publish()
        (path,) = copies(site.out)
        with Image.open(io.BytesIO(path.read_bytes())) as image:
            return bool(image.getexif().get_ifd(0x8825))

    assert [run(keep) for keep in ("true", "false", "true")] == [True, False, True]
    configure(site, images="keep_metadata = false")
    site.publish()  # without a fetch: what may not be published any more goes at once
    assert HIDDEN.encode() not in b"".join(path.read_bytes() for path in copies(site.out))


def test_width_can_be_bounded_and_set_free(site: Site, server: Server) -> None:
    seed_with(site, 1, server.serve("/wide.png", picture("png", (400, 200))))
    widths = []
    for width in (0, 100, 50, 200, 0):
        configure(site, images=f"max_width = {width}")
        site.publish()
        fetch(site)
        site.publish()
        (path,) = (path for path in copies(site.out) if path.suffix == ".png")
        with Image.open(path) as image:
            widths.append(image.width)
    assert widths == [400, 100, 50, 200, 400]


def test_name_that_changes_its_mind_reaches_nothing_inside(site: Site, server: Server) -> None:
    seed_with(site, 1, f"http://rebind.example.com:{server.port}/secret.jpg")
    seed_with(site, 2, "http://rebind.example.com/secret.jpg")
    server.serve("/secret.jpg", DATA)
    asked: list[str] = []

    async def look_up(host: str, _: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]  # the public address was given to whoever asked before

    site.publish()
    report = fetch(site, options=QUICK._replace(look_up=look_up))
    site.publish()
    assert (report.asked, report.refused, len(asked)) == (2, 2, 2)
    assert server.asked("/secret.jpg") == []
    assert copies(site.out) == []


def test_one_fetch_at_a_time(site: Site) -> None:
    configure(site)
    cache = site.root / ".feeds/images"
    with (
        acquire_lock(cache, "process 1", wait=1, on_wait=lambda _: None, name=".feeds-images.lock"),
        pytest.raises(BusyError, match="process 1 is fetching images"),
    ):
        fetch(site)


def test_cache_that_cannot_be_written_is_told(site: Site) -> None:
    configure(site, images='cache = "file"')
    (site.root / "file").touch()
    site.publish()
    with pytest.raises(ImageCacheError, match="file"):
        fetch(site)
    ran = site.run("images", "fetch")
    assert (ran.code, "Traceback" in ran.err) == (3, False)


def test_cache_that_has_no_room_is_told(site: Site, server: Server) -> None:
    configure(site)
    seed_with(site, 1, server.serve("/no-room.jpg", DATA))
    site.publish()
    (site.root / ".feeds/images").mkdir()
    (site.root / ".feeds/images/tmp").touch()  # where copies are written first
    ran = site.run("images", "fetch")
    assert (ran.code, "Traceback" in ran.err) == (3, False)
    assert "cannot use the image cache" in ran.err


def test_image_that_is_too_large_for_memory_is_fetched_through_a_file(
    site: Site, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feeds.images.download._IN_MEMORY", len(DATA) - 1)
    item, report = try_image(site, server.serve("/large.jpg", DATA))
    assert (report.fetched, item["attachments"][0]["size_in_bytes"]) == (1, len(DATA))
