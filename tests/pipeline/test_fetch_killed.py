"""A fetch that is killed, again and again: the cache holds whole files, and the work gets done."""

from __future__ import annotations

import io
import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from PIL import Image

from feeds.common.media import image_key
from tests.support.imaging import (
    HIDDEN,
    Behaviour,
    Request,
    Server,
    configure,
    exif,
    picture,
    seed_with,
    serving,
)
from tests.support.processes import Forks
from tests.support.site import Site

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
    configure(site, images='refresh = "1s"\nwidths = []')
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
        for kill in count(1):
            pid = forks.start("images", "fetch")
            # Longer and longer, since a busy machine may take seconds for a first image.
            time.sleep(dice.uniform(0.05, 0.8) * max(1, kill / KILLS))
            forks.kill(pid)
            for path in media.rglob("*"):
                if path.is_file():
                    seen += 1
                    assert path.read_bytes() in wanted.values()
            if kill >= KILLS and seen:
                break
        assert forks.errors() == []
    site.run("images", "fetch")
    assert site.run("export").code == 0
    copies = [path for path in (site.out / "media").rglob("*") if path.is_file()]
    assert sorted(path.read_bytes() for path in copies) == sorted(wanted.values())
    assert not list((site.root / ".feeds/images/tmp").iterdir())
    for path in copies:
        Image.open(io.BytesIO(path.read_bytes())).load()


# Does a command, and dies of SIGKILL where it calls a function for the n-th time.
_DIES = """
import importlib, os, sys
from feeds.cli.main import main
module, name, left, *arguments = sys.argv[1:]
where, left = importlib.import_module(module), int(left)
for step in name.split(".")[:-1]:
    where = getattr(where, step)
name = name.rpartition(".")[2]
real = getattr(where, name)
def die(*given, **named):
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), 9)
    return real(*given, **named)
setattr(where, name, die)
main(arguments)
"""


def die_in(site: Site, module: str, name: str, *command: str, time: int = 1) -> None:
    """Runs a command that is killed when it calls this function."""
    arguments = [module, name, str(time), *command, "--config", str(site.root / "config.toml")]
    root = Path(__file__).parent.parent.parent
    done = subprocess.run([sys.executable, "-c", _DIES, *arguments], cwd=root, check=False)
    assert done.returncode == -signal.SIGKILL


def copies(site: Site) -> list[bytes]:
    """Returns the bytes of the copies in out/."""
    found = sorted((site.out / "media").rglob("*.*"))
    return [path.read_bytes() for path in found if path.is_file()]


@pytest.fixture
def replaced(site: Site, server: Server) -> Site:
    """A site with a published copy of an image that is due again, and has changed meanwhile."""
    configure(site, images='refresh = "1s"')
    url = server.serve("/replaced", picture("jpg"), ETag='"1"')
    seed_with(site, 1, url)
    site.publish()
    assert site.run("images", "fetch").code == 0
    assert site.run("export").code == 0
    time.sleep(1.1)  # until it is due
    return site


@pytest.mark.parametrize("extension", ["jpg", "png"])
@pytest.mark.parametrize("at", [1, 2], ids=["before the row", "before the commit"])
def test_fetch_that_is_killed_when_it_replaces_a_copy_does_not_cost_the_copy(
    extension: str, at: int, replaced: Site, server: Server
) -> None:
    new = picture(extension, (80, 60))
    server.serve("/replaced", new)
    name = "ImageTables.keep_image" if at == 1 else "ImageTables.keep_host_failures"
    die_in(replaced, "feeds.store.images", name, "images", "fetch")
    server.behaviours.pop("/replaced")  # it is not to be had any more
    for command in ("export", "images fetch", "export"):
        assert replaced.run(*command.split()).code == 0
        assert copies(replaced) == [new]
    (item,) = json.loads(replaced.read("all.json"))["items"]
    assert item["attachments"][0]["size_in_bytes"] == len(new)
    key = image_key(server.url("/replaced"))
    assert [path.name for path in (replaced.root / ".feeds/images").rglob(f"{key}.*")] == [
        f"{key}.{extension}"
    ]


def test_damage_after_a_copy_was_replaced_is_still_noticed(replaced: Site, server: Server) -> None:
    new = picture("jpg", (80, 60))
    server.serve("/replaced", new)
    die_in(replaced, "feeds.store.images", "ImageTables.keep_host_failures", "images", "fetch")
    (copy,) = (replaced.root / ".feeds/images/media").rglob("*.jpg")
    copy.write_bytes(picture("jpg", (20, 20)))
    assert replaced.run("images", "fetch").code == 0
    assert copy.read_bytes() == new


@pytest.mark.parametrize("extension", ["jpg", "png"])
def test_pass_that_is_killed_when_it_makes_copies_smaller_does_not_cost_them(
    extension: str, replaced: Site, server: Server
) -> None:
    server.serve("/replaced", picture(extension, (200, 100)))
    assert replaced.run("images", "fetch").code == 0
    server.behaviours.pop("/replaced")
    configure(replaced, images='refresh = "1s"\nmax_width = 50')
    die_in(replaced, "feeds.pipeline.run", "publish", "export")
    for command in ("export", "images fetch", "export"):
        assert replaced.run(*command.split()).code == 0
        (data,) = copies(replaced)
        assert Image.open(io.BytesIO(data)).size == (50, 25)


@pytest.mark.parametrize("step", ["reconcile", "publish"])
def test_pass_that_is_killed_after_it_decoded_loses_nothing(site: Site, step: str) -> None:
    url = "https://images.example.com/dropped.jpg"
    seed_with(site, 1, url)
    key = image_key(url)
    path = site.root / f".feeds/images/media/{key[:2]}/{key}.jpg"
    path.parent.mkdir(parents=True)
    path.write_bytes(picture(exif=exif()))
    die_in(site, "feeds.pipeline.run", step, "export")
    assert site.run("export").code == 0
    (data,) = copies(site)
    assert data == path.read_bytes()
    assert HIDDEN.encode() not in data
    site.configure('[images]\nfetch = "off"\n')
    assert site.run("images", "fetch").code == 0
    assert not list((site.root / ".feeds/images/tmp").iterdir())


def test_fetch_leaves_the_files_of_others_in_its_folder_for_what_is_unfinished(
    replaced: Site,
) -> None:
    folder = replaced.root / ".feeds/images/tmp"
    (folder / "mine.txt").write_text("mine", encoding="utf-8")
    (folder / "folder").mkdir()
    (folder / "feeds-half").write_bytes(b"half")
    assert replaced.run("images", "fetch").code == 0
    assert sorted(path.name for path in folder.iterdir()) == ["folder", "mine.txt"]
