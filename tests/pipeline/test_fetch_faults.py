"""Faults of one image that are that image's alone, and those that are of the whole fetch."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest

from feeds.common.errors import ImageCacheError
from feeds.common.media import MEDIA, image_key
from feeds.images import cache, download
from feeds.images.decode import prepare
from tests.support.imaging import (
    QUICK,
    Request,
    Server,
    configure,
    fetch,
    known_images,
    picture,
    seed_with,
    serving,
)
from tests.support.site import Site

DATA = picture()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


def odd_redirect(server: Server) -> str:
    return server.redirect("/odd", "about:blank")


def odd_host(_: Server) -> str:
    return "http://xn--zzzzzz.example/odd.jpg"


def odd_headers(server: Server) -> str:
    def behave(request: Request) -> None:
        request.send(b"HTTP/1.1 200 \xff\xfe\r\nContent-Length: 9999999999999999999999\r\n\r\nx")

    return server.behave("/odd", behave)


@pytest.mark.parametrize("odd", [odd_redirect, odd_host, odd_headers])
def test_fault_of_one_image_lets_the_others_be_fetched(
    site: Site, server: Server, odd: object
) -> None:
    bad = odd(server)  # type: ignore[operator]
    configure(site)
    good = [server.serve(f"/good{number}.jpg", DATA) for number in range(4)]
    for number, url in enumerate([*good[:2], bad, *good[2:]], 1):
        seed_with(site, number, url)
    site.publish()
    report = fetch(site)
    assert (report.asked, report.fetched) == (5, 4)
    image = known_images(site)[bad]
    assert (image.name, image.due > 0, bool(image.reason)) == ("", True, True)
    assert image.reason.isprintable()


def test_decoder_that_raises_what_nobody_knows_is_a_fault_of_its_image(
    site: Site, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def choosy(data: bytes, *rest: object) -> object:
        if data == other:
            raise RuntimeError("a surprise\x1b[2J\udcff")
        return prepare(data, *rest)  # type: ignore[arg-type]

    other = picture("png")
    monkeypatch.setattr(download, "prepare", choosy)
    configure(site)
    seed_with(site, 1, server.serve("/surprise.png", other))
    seed_with(site, 2, server.serve("/fine.jpg", DATA))
    site.publish()
    report = fetch(site)
    assert (report.fetched, report.missing) == (1, 1)
    reason = known_images(site)[server.url("/surprise.png")].reason
    assert reason == "cannot be looked at: RuntimeError: a surprise[2J"


def test_copy_whose_place_is_taken_is_a_fault_of_its_image(site: Site, server: Server) -> None:
    configure(site)
    taken = server.serve("/taken.jpg", DATA)
    seed_with(site, 1, taken)
    seed_with(site, 2, server.serve("/free.jpg", DATA))
    site.publish()
    key = image_key(taken)
    place = site.root / f".feeds/images/{MEDIA}/{key[:2]}/{key}.jpg/folder"
    place.mkdir(parents=True)
    report = fetch(site)
    assert (report.fetched, report.failed) == (1, 1)
    assert "cannot be written: Is a directory" in known_images(site)[taken].reason
    assert not list((site.root / ".feeds/images/tmp").iterdir())
    site.publish()
    assert len(list((site.out / MEDIA).rglob("*.jpg"))) == 1


def test_copy_that_cannot_be_read_is_fetched_anew(site: Site, server: Server) -> None:
    configure(site, images='refresh = "1h"')
    url = server.serve("/lost.jpg", DATA, ETag='"1"')
    seed_with(site, 1, url)
    site.publish()
    fetch(site)
    copy = next((site.root / ".feeds/images" / MEDIA).rglob("*.jpg"))
    copy.unlink()
    copy.mkdir()
    report = fetch(site)
    assert report.asked == 1
    assert "if-none-match" not in server.asked("/lost.jpg")[-1]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EIO])
@pytest.mark.parametrize("step", ["write_aside", "replace"])
def test_full_disk_is_a_fault_of_the_whole_fetch(
    site: Site, server: Server, monkeypatch: pytest.MonkeyPatch, number: int, step: str
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(number, "no room", "somewhere")

    configure(site)
    seed_with(site, 1, server.serve("/full.jpg", DATA))
    site.publish()
    if step == "write_aside":
        monkeypatch.setattr(cache, "write_aside", full)
    else:
        monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(ImageCacheError, match="cannot use the image cache: somewhere: no room"):
        fetch(site)
    monkeypatch.undo()
    assert fetch(site).fetched == 1


def test_fetch_that_has_no_more_time_leaves_the_rest_for_the_next(
    site: Site, server: Server
) -> None:
    configure(site, images="concurrency = 1")
    for number in range(1, 5):
        seed_with(site, number, server.drip(f"/slow{number}.jpg"))
    site.publish()
    # A busy machine may take all of a second, and of more, before it asks for anything.
    reports = (fetch(site, options=QUICK._replace(seconds=2**number)) for number in range(8))
    report = next(one for one in reports if one.asked)
    assert (report.asked, report.failed, report.postponed) == (1, 1, 3)
    for number in range(1, 5):
        server.serve(f"/slow{number}.jpg", DATA)
    assert fetch(site).fetched == 3
