"""feeds.seeds.listing: what `scan` finds in plain folders, and which folders it leaves to it."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from feeds.seeds.limits import MAX_BYTES
from feeds.seeds.listing import list_plain
from feeds.seeds.scan import scan
from tests.support.permissions import closed


@pytest.fixture
def seeds(tmp_path: Path) -> Path:
    """A folder of plain files, some of which are no seeds."""
    folder = tmp_path / "seeds"
    for name in (
        *("b.txt", "a.md", "a/é.markdown", "a/b/c.yaml", "d.txt/e.yml", "z/picture.jpg"),
        *(".dot.txt", ".git/f.txt", "a/.#lock.txt.swp", "notes", "yaml/yml"),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    (folder / ".#b.txt").symlink_to("nobody@host:1")
    return folder


def digests(*folders: Path, parser: str = "1") -> dict[str, bytes]:
    listings = list_plain(list(folders), parser)
    assert listings is not None
    return {one.path: one.digest for one in listings}


def changed(seeds: Path, change: Callable[[], object]) -> set[str]:
    """Returns the folders whose digests a change gives another value."""
    before = digests(seeds)
    change()
    return {
        str(Path(path).relative_to(seeds)) for path, _ in digests(seeds).items() ^ before.items()
    }


def test_listing_finds_what_a_scan_finds(seeds: Path) -> None:
    (seeds / "d.txt").joinpath("e.yml").touch()
    folders = [seeds / "a", seeds / "d.txt"]
    for some in ([seeds], folders, folders[::-1]):
        listings = list_plain(some, "1")
        assert listings is not None
        found = [one for listing in listings for one in listing.files()]
        scanned = list(scan(some, seeds))
        assert sorted(found, key=lambda one: one.path) == sorted(scanned, key=lambda one: one.path)
        assert sum(one.size for one in listings) == len(scanned) > 0


def test_listing_is_in_order_of_folders_then_of_names(seeds: Path) -> None:
    listings = list_plain([seeds], "1")
    assert listings is not None
    paths = [str(Path(one.path).relative_to(seeds)) for each in listings for one in each.files()]
    assert paths == ["a.md", "b.txt", "a/é.markdown", "a/b/c.yaml", "d.txt/e.yml"]


def test_listing_of_an_empty_folder_is_empty(tmp_path: Path) -> None:
    (one,) = list_plain([tmp_path], "1") or []
    assert (one.path, list(one.files())) == (str(tmp_path), [])


def test_digest_of_a_folder_tells_every_change_of_its_seeds(seeds: Path) -> None:
    seed = seeds / "a/b/c.yaml"
    status = seed.stat()
    times = (status.st_atime_ns, status.st_mtime_ns)
    assert changed(seeds, lambda: os.utime(seed, ns=(1, times[1]))) == set()
    assert changed(seeds, lambda: os.utime(seed, ns=(1, times[1] + 1))) == {"a/b"}
    assert changed(seeds, lambda: seed.write_text("longer than it was")) == {"a/b"}

    def replace() -> None:
        other = seeds / "a/b/other"
        other.write_text(seed.read_text())
        os.utime(other, ns=(1, seed.stat().st_mtime_ns))
        other.replace(seed)

    assert changed(seeds, replace) == {"a/b"}
    assert changed(seeds, lambda: seed.rename(seeds / "a/b/d.yaml")) == {"a/b"}
    assert changed(seeds, lambda: (seeds / "a/b/d.yaml").rename(seeds / "c.yaml")) == {"a/b", "."}
    assert changed(seeds, (seeds / "c.yaml").unlink) == {"."}


def test_digest_of_a_folder_tells_nothing_of_other_files(seeds: Path) -> None:
    assert changed(seeds, lambda: (seeds / "a/new.jpg").write_text("")) == set()
    assert changed(seeds, lambda: (seeds / "a/.new.txt").write_text("")) == set()


def test_digest_of_a_folder_tells_how_its_seeds_are_read(seeds: Path) -> None:
    assert digests(seeds).keys() == digests(seeds, parser="2").keys()
    assert not digests(seeds).items() & digests(seeds, parser="2").items()


def link_to_a_file(seeds: Path) -> None:
    (seeds / "a/link.txt").symlink_to("../b.txt")


def link_to_a_folder(seeds: Path) -> None:
    (seeds / "a/link").symlink_to("../d.txt")


def link_to_nowhere(seeds: Path) -> None:
    (seeds / "a/link.txt").symlink_to("nowhere")


def second_name(seeds: Path) -> None:
    os.link(seeds / "b.txt", seeds / "a/b.txt")


def second_name_elsewhere(seeds: Path) -> None:
    os.link(seeds / "b.txt", seeds.parent / "b.txt")


def pipe(seeds: Path) -> None:
    os.mkfifo(seeds / "a/pipe.txt")


def listening(seeds: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(seeds / "s.txt"))


def too_large(seeds: Path) -> None:
    os.truncate(seeds / "b.txt", MAX_BYTES + 1)


def name_not_utf8(seeds: Path) -> None:
    Path(os.fsdecode(os.fsencode(seeds) + b"/a/\xff.txt")).write_text("")


def folder_not_utf8(seeds: Path) -> None:
    Path(os.fsdecode(os.fsencode(seeds) + b"/a/\xff")).mkdir()


@pytest.mark.parametrize(
    "change",
    [
        *(link_to_a_file, link_to_a_folder, link_to_nowhere, second_name, second_name_elsewhere),
        *(pipe, listening, too_large, name_not_utf8, folder_not_utf8),
    ],
)
def test_folders_that_hold_more_than_plain_files_are_left_to_a_scan(
    seeds: Path, change: Callable[[Path], object]
) -> None:
    assert list_plain([seeds], "1")
    change(seeds)
    assert list_plain([seeds], "1") is None


def test_file_of_the_largest_size_is_plain(seeds: Path) -> None:
    os.truncate(seeds / "b.txt", MAX_BYTES)
    assert list_plain([seeds], "1")


@pytest.mark.parametrize("others", [["seeds"], ["seeds/a"], ["link"], ["nowhere"], ["seeds/b.txt"]])
def test_folders_that_meet_or_cannot_be_listed_are_left_to_a_scan(
    seeds: Path, others: list[str]
) -> None:
    (seeds.parent / "link").symlink_to("seeds/a")
    folders = [seeds, *(seeds.parent / other for other in others)]
    assert list_plain(folders, "1") is None


def test_folder_that_is_a_link_itself_is_plain(seeds: Path) -> None:
    link = seeds.parent / "link"
    link.symlink_to("seeds/a")
    listings = list_plain([link], "1")
    assert [one.path for one in listings or []] == [str(link), f"{link}/b"]


def test_folder_that_may_not_be_read_is_left_to_a_scan(seeds: Path) -> None:
    with closed(seeds / "a"):
        assert list_plain([seeds], "1") is None
