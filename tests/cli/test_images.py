"""``feeds images`` and ``feeds export --fetch-images``, as people call them."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator

import pytest
from PIL import Image

from feeds.common.media import HostFailure, image_key
from feeds.store import open_state
from tests.support.imaging import Server, configure, encoded, picture, seed_with, serving
from tests.support.site import Site

URL = "https://images.example.com/a.png"
KEY = image_key(URL)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.mark.parametrize(
    ("url", "name"),
    [
        (URL, f"media/{KEY[:2]}/{KEY}.png"),
        (" HTTPS://images.EXAMPLE.com/a.png", f"media/{KEY[:2]}/{KEY}.png"),
        (f"{URL}?w=1", "media/4a/4abcee77e411f36a4ee47c3c12e6f1ba.png"),
        ("https://images.example.com/a.svg", ".jpg"),
        ("https://images.example.com/a", ".jpg"),
    ],
)
def test_path_prints_the_name_of_a_copy(site: Site, url: str, name: str) -> None:
    ran = site.run("images", "path", url)
    assert (ran.code, ran.err) == (0, "")
    printed = ran.out.strip()
    assert printed.endswith(name) if name.startswith(".") else printed.count("/") == 2
    assert printed.startswith("media/")
    if "?" not in url:
        assert printed.endswith(name)


def test_path_is_the_digest_of_the_url(site: Site) -> None:
    # printf %s https://images.example.com/a.png | sha256sum
    assert site.run("images", "path", URL).out == f"media/{KEY[:2]}/{KEY}.png\n"
    assert len(KEY) == 32


def test_path_tells_the_true_name_of_a_copy_that_is_there(site: Site) -> None:
    site.configure('[images]\nfetch = "off"\n')
    seed_with(site, 1, URL)
    path = site.root / f".feeds/images/media/{KEY[:2]}/{KEY}.png"
    path.parent.mkdir(parents=True)
    path.write_bytes(picture("webp"))
    site.publish()
    assert site.run("images", "path", URL).out == f"media/{KEY[:2]}/{KEY}.webp\n"


def test_path_refuses_what_is_no_url(site: Site) -> None:
    ran = site.run("images", "path", "camera.jpg")
    assert (ran.code, ran.out) == (2, "")
    assert "'camera.jpg' is no image's URL: wanted an absolute http" in ran.err


def test_export_fetches_and_publishes_in_one_go(site: Site, server: Server) -> None:
    configure(site)
    seed_with(site, 1, server.serve("/one.jpg", picture()))
    ran = site.run("export", "--fetch-images", "--json")
    report = ran.report()
    assert (ran.code, report["images_added"], report["read"]) == (0, 1, 1)
    assert "1 images asked for: 1 fetched" in ran.err
    assert len(report["written"]) == 27
    assert b"/media/" in site.read("all.atom")
    again = site.run("export", "--fetch-images")
    assert "no image is due" in again.out


def test_export_alone_asks_nobody(site: Site, server: Server) -> None:
    configure(site)
    seed_with(site, 1, server.serve("/unasked.jpg", picture()))
    assert site.run("export").code == 0
    assert site.run("export", "--fetch-images", "--dry-run").code == 0
    assert server.asked("/unasked.jpg") == []
    assert not (site.root / ".feeds/images").exists()


def test_status_tells_of_every_image(site: Site, server: Server) -> None:
    configure(site)
    urls = [server.serve("/good.jpg", picture()), server.url("/none.jpg")]
    seed_with(site, 1, *urls)
    empty = site.run("images", "status", "--json").report()
    assert (empty["copies"], empty["images"]) == (0, [])
    site.run("export")
    before = site.run("images", "status")
    assert "2 not fetched yet" in before.out
    fetched = site.run("images", "fetch", "--json").report()
    assert (fetched["fetched"], fetched["missing"], fetched["changed"]) == (1, 1, True)
    report = site.run("images", "status", "--json").report()
    states = {image["url"]: (image["state"], image["reason"]) for image in report["images"]}
    assert states == {urls[0]: ("copy", ""), urls[1]: ("missing", "answered 404 Not Found")}
    assert report["bytes"] == len(picture())
    assert json.dumps(report).count("next_fetch") == 2


def test_status_tells_of_hosts_that_are_left_alone_and_how_large_the_cache_is(
    site: Site, server: Server
) -> None:
    configure(site)
    noise = Image.frombytes("L", (50, 50), random.Random(1).randbytes(2500))  # noqa: S311
    seed_with(site, 1, server.serve("/large.png", encoded(noise, "png")))
    site.run("export", "--fetch-images")
    with open_state(site.state, "pass", pytest.fail) as store, store.transaction():
        store.keep_host_failures([HostFailure("down.example", 3, 4_000_000_000, "no answer")])
    told = site.run("images", "status").out
    assert re.search(r"^cache   .*: 1 copies, [\d.]+ KiB$", told, re.MULTILINE)
    assert "host    down.example is left alone until 2096-10-02 07:06 UTC: no answer" in told


def test_fetch_that_is_off_says_so(site: Site) -> None:
    site.configure('[images]\nfetch = "off"\n')
    seed_with(site, 1, URL)
    site.run("export")
    ran = site.run("images", "fetch")
    assert (ran.code, "no image is due" in ran.out) == (0, True)
    assert 'images.fetch is "off"' in ran.err


@pytest.mark.parametrize(
    ("toml", "wanted"),
    [
        ('max_bytes = "8MB"', 'wanted a number of bytes, such as "8MiB" or 500000'),
        ("max_bytes = 0", "at least 1"),
        ('fetch = "some"', "'off', 'cached' or 'all'"),
        ('timeout = "0s"', 'wanted at least "1s"'),
        ('allow_hosts = ["a:1"]', "or an address, without a port"),
        ('cache = "out"', "is the same as paths.out"),
        ("concurrency = 65", "64"),
    ],
)
def test_wrong_configuration_is_told(site: Site, toml: str, wanted: str) -> None:
    site.configure(f"[images]\n{toml}\n")
    ran = site.run("images", "status")
    assert ran.code == 2
    assert wanted in ran.err
    assert "config.toml:5: images." in ran.err
