"""A fetch that is killed, again and again: the cache holds whole files, and the work gets done."""

from __future__ import annotations

import io
import random
import time
from collections.abc import Iterator

import pytest
from PIL import Image

from tests.imaging import Behaviour, Request, Server, configure, picture, seed_with, serving
from tests.processes import Forks
from tests.site import Site

IMAGES = 40
KILLS = 12


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


def slowly(data: bytes) -> Behaviour:
    """Returns a behaviour that sends an image in pieces."""

    def behave(request: Request) -> None:
        request.send(
            b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(data)
        )
        for at in range(0, len(data), 1 + len(data) // 4):
            request.send(data[at : at + 1 + len(data) // 4])
            time.sleep(0.001)

    return behave


def test_fetch_that_is_killed_leaves_whole_files_only(site: Site, server: Server) -> None:
    # Every image is asked for again whenever it was answered: there is always something to kill.
    configure(site, images='refresh = "1s"')
    wanted = {}
    for number in range(1, IMAGES + 1):
        data = picture("jpg", (200 + number, 150))
        url = server.behave(f"/{number}.jpg", slowly(data))
        wanted[url] = data
        seed_with(site, number, url)
    dice = random.Random(4)  # noqa: S311 (when to kill)
    media = site.root / ".feeds/images/media"
    seen = 0
    with Forks(site) as forks:
        for _ in range(KILLS):
            pid = forks.start("images", "fetch")
            time.sleep(dice.uniform(0.05, 0.8))
            forks.kill(pid)
            for path in media.rglob("*"):
                if path.is_file():
                    seen += 1
                    assert path.read_bytes() in wanted.values()
        assert forks.errors() == []
    assert seen
    site.run("images", "fetch")
    assert site.run("export").code == 0
    copies = [path for path in (site.out / "media").rglob("*") if path.is_file()]
    assert sorted(path.read_bytes() for path in copies) == sorted(wanted.values())
    assert not list((site.root / ".feeds/images/tmp").iterdir())
    for path in copies:
        Image.open(io.BytesIO(path.read_bytes())).load()
