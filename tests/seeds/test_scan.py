"""feeds.seeds.scan: which files there are, on real folders with everything that a disk can hold."""

from __future__ import annotations

import errno
import os
import socket
import stat
from pathlib import Path

import pytest

from feeds.common.errors import SeedsFolderError
from feeds.common.model import Problem
from feeds.seeds.limits import MAX_BYTES
from feeds.seeds.scan import ScannedFile, Seen, look_again, scan
from tests.support.permissions import closed, open_folder


def _names(folder: Path) -> list[str]:
    """Returns the files found below a folder, which must be without problems."""
    found = list(scan([folder], folder))
    assert all(each.problem is None for each in found)
    return [str(Path(each.path).relative_to(folder)) for each in found]


def _write(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


def _reasons(folder: Path) -> dict[str, str]:
    """Returns the problems found below a folder: path and reason."""
    problems = [each.problem for each in scan([folder], folder)]
    assert all(isinstance(problem, Problem) for problem in problems)
    return {each.path: each.reason for each in problems if isinstance(each, Problem)}


def test_scan_finds_files_of_the_five_suffixes_at_any_depth_in_a_stable_order(
    tmp_path: Path,
) -> None:
    good = ["B.md", "a.txt", "b/c/d/e.yaml", "b/c.yml", "b/é.markdown", "c.txt", "d.txt/e.md"]
    _write(tmp_path, *reversed(good))
    _write(tmp_path, "a.text", "txt", "a.txt~", "a.TXT", "a.json", "a.txt.bak", "yaml/yml")
    assert _names(tmp_path) == good
    assert list(scan([tmp_path], tmp_path)) == list(scan([tmp_path], tmp_path))


def test_scan_passes_over_dot_files_and_dot_folders(tmp_path: Path) -> None:
    _write(tmp_path, ".a.txt", ".git/a.txt", "b/.c/d.txt", ".txt", "._b.md", "e.txt")
    assert _names(tmp_path) == ["e.txt"]


def test_scan_tells_size_mtime_and_inode(tmp_path: Path) -> None:
    _write(tmp_path, "a.txt")
    os.utime(tmp_path / "a.txt", ns=(1, 1_234_567_890_123_456_789))
    status = (tmp_path / "a.txt").stat()
    assert list(scan([tmp_path], tmp_path)) == [
        ScannedFile(
            str(tmp_path / "a.txt"),
            str(tmp_path),
            5,
            1_234_567_890_123_456_789,
            status.st_ino,
        )
    ]


def test_scan_goes_through_folders_as_listed_and_yields_a_file_once(tmp_path: Path) -> None:
    _write(tmp_path, "b/1.txt", "a/2.txt", "a/c/3.txt")
    os.link(tmp_path / "a/2.txt", tmp_path / "b/hard.txt")
    (tmp_path / "b/link.txt").symlink_to("1.txt")
    folders = [tmp_path / "b", tmp_path / "a/c", tmp_path / "a", tmp_path / "b"]
    found = list(scan(folders, tmp_path))
    assert [(each.path, each.folder) for each in found] == [
        (str(tmp_path / "b/1.txt"), str(tmp_path / "b")),
        (str(tmp_path / "b/hard.txt"), str(tmp_path / "b")),
        (str(tmp_path / "a/c/3.txt"), str(tmp_path / "a/c")),
    ]


@pytest.mark.parametrize("size", [MAX_BYTES, MAX_BYTES + 1])
def test_scan_takes_files_up_to_one_mebibyte(tmp_path: Path, size: int) -> None:
    with (tmp_path / "a.txt").open("wb") as file:
        file.truncate(size)
    (found,) = scan([tmp_path], tmp_path)
    if size == MAX_BYTES:
        assert found.problem is None
    else:
        reason = "1048577 bytes, wanted at most 1048576 (1 MiB)"
        assert found.problem == Problem("a.txt", 0, 0, "", reason)


def test_scan_tells_what_is_no_regular_file_and_opens_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # the name of a socket is short
    os.mkfifo("fifo.txt")
    os.mkfifo("fifo")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.md")
        assert _reasons(tmp_path) == {
            "fifo.txt": "a named pipe (FIFO), wanted a regular file",
            "socket.md": "a socket, wanted a regular file",
        }


@pytest.mark.parametrize(
    ("kind", "reason"),
    [(stat.S_IFCHR, "a character device"), (stat.S_IFBLK, "a block device")],
    ids=["character", "block"],
)
def test_scan_tells_devices(tmp_path: Path, kind: int, reason: str) -> None:
    try:
        os.mknod(tmp_path / "device.txt", kind | 0o600, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("only root may make devices")
    assert _reasons(tmp_path) == {"device.txt": f"{reason}, wanted a regular file"}


def test_scan_follows_links_inside_the_folder(tmp_path: Path) -> None:
    _write(tmp_path, "store/a.txt", "store/deep/b.md", ".hidden/c.txt")
    (tmp_path / "link.txt").symlink_to("store/a.txt")
    (tmp_path / "absolute").symlink_to(tmp_path / "store/deep")
    # As Kubernetes mounts a ConfigMap: names that lead through a dot link into a dot folder.
    (tmp_path / "..data").symlink_to(".hidden")
    (tmp_path / "mounted.txt").symlink_to("..data/c.txt")
    (tmp_path / "without a suffix").symlink_to("store/a.txt")
    assert _names(tmp_path) == ["absolute/b.md", "link.txt", "mounted.txt"]


def test_scan_of_a_folder_that_is_a_link_itself(tmp_path: Path) -> None:
    _write(tmp_path, "real/a.txt")
    (tmp_path / "real/link.txt").symlink_to(tmp_path / "real/a.txt")
    (tmp_path / "seeds").symlink_to("real")
    assert _names(tmp_path / "seeds") == ["a.txt"]


def test_scan_tells_links_that_leave_loop_or_lead_nowhere(tmp_path: Path) -> None:
    seeds = tmp_path / "seeds"
    _write(tmp_path, "outside/a.txt", "seeds-old/a.txt", "seeds/sub/deep/.keep")
    for name, target in {
        "out.txt": "../outside/a.txt",
        "absolute.txt": str(tmp_path / "outside/a.txt"),
        "out-folder": "../outside",
        "sibling.txt": "../seeds-old/a.txt",
        "device.txt": "/dev/zero",
        "broken.txt": "nowhere.txt",
        "broken": "nowhere",
        "self.txt": "self.txt",
        "ping.md": "pong.md",
        "pong.md": "ping.md",
        "sub/deep/up": "..",
        "sub/deep/top": "../..",
        "here": ".",
        "parent": "..",
    }.items():
        (seeds / name).symlink_to(target)
    leaves = "a symbolic link that leaves the seeds folder"
    loops = "a symbolic link that loops back to a folder above it"
    nowhere = "a symbolic link that leads nowhere: "
    assert _reasons(seeds) == {
        "absolute.txt": leaves,
        "broken.txt": nowhere + os.strerror(errno.ENOENT),
        "device.txt": leaves,
        "here": loops,
        "out-folder": leaves,
        "out.txt": leaves,
        "parent": leaves,
        "ping.md": nowhere + os.strerror(errno.ELOOP),
        "pong.md": nowhere + os.strerror(errno.ELOOP),
        "self.txt": nowhere + os.strerror(errno.ELOOP),
        "sibling.txt": leaves,
        "sub/deep/top": loops,
        "sub/deep/up": loops,
    }


def test_scan_of_links_that_branch_at_every_level_ends(tmp_path: Path) -> None:
    for level in range(30):
        _write(tmp_path, f"{level:02}/a.txt")
        for name in ("x", "y") if level < 29 else ():
            (tmp_path / f"{level:02}" / name).symlink_to(f"../{level + 1:02}")
    assert len(_names(tmp_path)) == 30


def test_scan_goes_deeper_than_python_recurses() -> None:
    depth = 1200
    with open_folder() as folder:  # pytest's own is removed by recursion
        here = os.open(folder, os.O_RDONLY)
        for _ in range(depth):
            os.mkdir("d", dir_fd=here)
            below = os.open("d", os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = below
        os.close(os.open("a.txt", os.O_CREAT | os.O_WRONLY, dir_fd=here))
        os.close(here)
        try:
            assert _names(folder) == ["d/" * depth + "a.txt"]
        finally:
            (folder / ("d/" * depth) / "a.txt").unlink()
            for level in range(depth, 0, -1):
                (folder / ("d/" * level)).rmdir()


def test_scan_passes_over_files_that_vanish_meanwhile(tmp_path: Path) -> None:
    _write(tmp_path, "a.txt", "b.txt", "c.txt")
    (tmp_path / "d.txt").symlink_to("b.txt")
    walk = scan([tmp_path], tmp_path)
    assert next(walk).path.endswith("a.txt")
    (tmp_path / "b.txt").unlink()
    third, link = walk
    assert (third.path, link.path) == (str(tmp_path / "c.txt"), str(tmp_path / "d.txt"))
    assert third.problem is None
    assert link.problem


def test_scan_takes_a_file_with_the_inode_that_another_had_for_another(tmp_path: Path) -> None:
    """A file system may give an inode that an atomic save has freed to the next file."""
    _write(tmp_path, "a.txt", "b.txt", "c/d.txt", "e.txt")
    walk = scan([tmp_path], tmp_path)
    assert next(walk).path == str(tmp_path / "a.txt")
    (tmp_path / "a.txt").rename(tmp_path / "b.txt")
    _write(tmp_path, "a.txt")
    assert [each.path for each in walk] == [
        str(tmp_path / name) for name in ("b.txt", "c/d.txt", "e.txt")
    ]


def test_scan_takes_a_folder_with_the_inode_that_another_had_for_another(tmp_path: Path) -> None:
    _write(tmp_path, "a/1.txt", "b/2.txt", "c/3.txt")
    (tmp_path / "c/link").symlink_to("../b")
    walk = scan([tmp_path], tmp_path)
    next(walk)
    (tmp_path / "a").rename(tmp_path / "old")
    (tmp_path / "b").rename(tmp_path / "a")
    (tmp_path / "old").rename(tmp_path / "b")
    assert [each.path for each in walk] == [
        str(tmp_path / "b/1.txt"),
        str(tmp_path / "c/3.txt"),
    ]


def test_second_look_finds_what_a_scan_did_not_come_by(tmp_path: Path) -> None:
    seen = Seen()
    _write(tmp_path, "s/a.txt", "s/sub/b.txt", "s/.c/d.txt", "other/e.txt")
    assert len(list(scan([tmp_path / "s"], tmp_path, seen))) == 2
    _write(tmp_path, "s/late.txt", "s/sub/late.md")
    os.link(tmp_path / "s/a.txt", tmp_path / "s/twice.txt")
    (tmp_path / "s/out.txt").symlink_to("../other/e.txt")
    os.mkfifo(tmp_path / "s/fifo.txt")
    names = [
        "late.txt",
        "sub/late.md",
        "twice.txt",
        "out.txt",
        ".c/d.txt",
        "a.txt/x.md",
        "fifo.txt",
    ]
    paths = [*(str(tmp_path / "s" / name) for name in names), str(tmp_path / "other/e.txt")]
    found = list(look_again(paths, [tmp_path / "s"], tmp_path, seen))
    assert [Path(one.path).name for one in found] == ["late.txt", "late.md", "fifo.txt"]
    assert [one.problem is None for one in found] == [True, True, False]


@pytest.mark.parametrize("kind", ["missing", "file", "broken-link", "link-that-loops"])
def test_scan_of_a_folder_that_is_none_stops(tmp_path: Path, kind: str) -> None:
    _write(tmp_path, "good/a.txt")
    if kind == "file":
        (tmp_path / "seeds").touch()
    elif kind != "missing":
        (tmp_path / "seeds").symlink_to("nowhere" if kind == "broken-link" else "seeds")
    with pytest.raises(SeedsFolderError, match=r"cannot list the seeds folder seeds: .*mounted"):
        list(scan([tmp_path / "good", tmp_path / "seeds"], tmp_path))


@pytest.mark.parametrize("name", ["seeds", "seeds/sub"])
def test_scan_of_a_folder_that_cannot_be_listed_stops(name: str) -> None:
    with open_folder() as folder:
        _write(folder, "seeds/a.txt", "seeds/sub/b.txt")
        error = pytest.raises(SeedsFolderError, match=f"{name}: Permission denied")
        with closed(folder / name), error:
            list(scan([folder / "seeds"], folder))


def test_scan_tells_files_whose_folder_may_be_listed_but_not_entered() -> None:
    with open_folder() as folder:
        _write(folder, "a/b.txt", "c.txt")
        with closed(folder / "a", 0o444):
            first, second = scan([folder], folder)
    reason = f"cannot be read: {os.strerror(errno.EACCES)}"
    assert first.problem == Problem("a/b.txt", 0, 0, "", reason)
    assert second.problem is None


def test_problem_shows_a_hostile_file_name_on_one_line(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a\nb\r\x1b[31mc.txt")
    (found,) = scan([tmp_path], tmp_path)
    assert found.problem
    assert str(found.problem).isprintable()
