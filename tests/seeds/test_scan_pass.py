"""A whole pass over folders with everything in them that a disk can hold."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from feeds.common.errors import SeedsFolderError
from feeds.seeds.limits import MAX_BYTES
from tests.support.site import Site


def test_pass_over_all_that_a_disk_can_hold_publishes_the_good_seeds(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.seed("good.txt", number=1)
    site.seed("z/good.md", number=2)
    monkeypatch.chdir(site.seeds)
    os.mkfifo("fifo.txt")
    (site.seeds / "out.txt").symlink_to("/dev/zero")
    (site.seeds / "loop.txt").symlink_to("loop.txt")
    (site.seeds / "up").symlink_to("..")
    site.write("big.txt", b"x" * (MAX_BYTES + 1))
    site.write("binary.txt", bytes(range(256)))
    site.write("empty.txt", b"")
    site.write("nested.yaml", b"[" * 80_000)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.txt")
        report = site.publish()
    assert (report.items, report.seeds) == (2, 11)
    assert [Path(problem.path).name for problem in report.problems] == [
        *("big.txt", "binary.txt", "empty.txt", "fifo.txt", "loop.txt", "nested.yaml", "out.txt"),
        *("socket.txt", "up"),
    ]


def test_pass_meets_a_file_name_that_is_not_utf8(site: Site) -> None:
    site.seed("good.txt", number=1)
    try:
        site.seed("b.txt", number=2).rename(site.seeds / os.fsdecode(b"\xff.txt"))
    except OSError:
        pytest.skip("this file system has names in UTF-8 only")
    for _ in range(2):
        report = site.publish()
        assert report.items + len(report.problems) == 2
        assert all(problem.path.isprintable() for problem in report.problems)


@pytest.mark.parametrize("folders", ['["gone"]', '["seeds", "gone"]', '["gone", "seeds"]'])
def test_pass_without_one_of_its_folders_stops_before_anything_is_written(
    site: Site, folders: str
) -> None:
    site.seed("a.txt")
    site.publish()
    out, state = site.tree(), site.state.read_bytes()
    site.seed("b.txt", number=2)
    site.configure(f"[paths]\nseeds = {folders}\n")
    with pytest.raises(SeedsFolderError, match="gone"):
        site.publish()
    assert (site.tree(), site.state.read_bytes()) == (out, state)
