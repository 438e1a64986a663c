"""feeds.seeds.read: one file to what the store keeps of it, whatever the file is."""

from __future__ import annotations

import hashlib
import os
import socket
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.common.model import Item, ParsedSeed, Problem
from feeds.common.times import to_unix
from feeds.seeds import read as module
from feeds.seeds.limits import MAX_BYTES
from feeds.seeds.parse import ParseOptions
from feeds.seeds.read import ReadRequest, read_seed
from feeds.seeds.scan import scan
from tests.support.permissions import closed, open_folder
from tests.support.site import REAL_SEEDS, Site, front_matter, seed_text
from tests.support.soundness import assert_sound

_OPTIONS = ParseOptions()
_decode = msgspec.msgpack.Decoder(Item).decode
_PIECES = (
    *(
        b"---\n",
        b"---",
        b"\n",
        b"\r\n",
        b": ",
        b"- ",
        b"  ",
        b"[",
        b"{",
        b'"',
        b"'",
        b"#",
        b"&a ",
        b"*a",
    ),
    *(
        b"\xef\xbb\xbf",
        b"\xff",
        b"\x00",
        b"\xc3",
        b"\xc3\xa9",
        b"\xed\xa0\x80",
        b"\xe2\x80\xa8",
        b"!",
    ),
    *(
        b"title: T\n",
        b"quality: 7\n",
        b"webUrl: http://a.b/\n",
        b"provider: {domain: a.b}\n",
        b"|\n",
    ),
    *(
        b"publishedDateTime: 2021-08-19\n",
        b"images: ",
        b"related:\n",
        b"topics: [",
        b"secured: x\n",
    ),
)


def read(path: Path, known: bytes = b"") -> ParsedSeed:
    return read_seed(ReadRequest(str(path), path.name, known), _OPTIONS)


def check(reading: ParsedSeed) -> None:
    """Checks that a reading is either a sound item or a seed with errors, and told as such."""
    errors = [problem for problem in reading.problems if problem.severity == "error"]
    if reading.header is None:
        assert errors
        assert reading.data == b""
    else:
        assert errors == []
        item = _decode(reading.data)
        assert_sound(item)
        assert reading.header.id == item.id
    assert list(reading.problems) == sorted(reading.problems)
    for problem in reading.problems:
        assert str(problem).isprintable()


def written(folder: Path, content: bytes, name: str = "a.txt") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def good(body: str = "", **changes: Any) -> bytes:
    return seed_text(front_matter(**changes), body).encode()


def test_header_tells_of_the_item_what_selection_needs(tmp_path: Path) -> None:
    content = good(updatedDateTime="2026-02-03T09:00:00Z", category="news", topics=["AI", "B"])
    path = written(tmp_path, content)
    reading = read(path)
    item, header = _decode(reading.data), reading.header
    assert header is not None
    assert (reading.path, reading.same, reading.problems) == (str(path), False, ())
    assert reading.content == hashlib.sha256(content).digest()
    assert (header.path, header.id, header.number, header.history) == ("a.txt", item.id, 0, None)
    assert header.dated == to_unix(item.published)
    assert item.updated is not None
    assert header.revised == to_unix(item.updated) > header.dated
    assert (header.quality, header.heat, header.is_published) == (70, 5, True)
    assert (header.provider, header.topics, header.category) == (item.provider, ("AI", "B"), "news")


def test_revised_is_the_later_of_both_dates(tmp_path: Path) -> None:
    header = read(written(tmp_path, good(updatedDateTime="2020-01-01"))).header
    assert header is not None
    assert header.revised == header.dated


def test_seed_with_the_bytes_known_before_is_not_parsed_again(tmp_path: Path) -> None:
    path = written(tmp_path, good())
    content = read(path).content
    assert read(path, content) == ParsedSeed(str(path), content, same=True)
    written(tmp_path, good("changed"))
    assert read(path, content).same is False


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda data: b"\xef\xbb\xbf" + data, id="BOM"),
        pytest.param(lambda data: data.replace(b"\n", b"\r\n"), id="CRLF"),
        pytest.param(lambda data: b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n"), id="BOM-CRLF"),
    ],
)
@pytest.mark.parametrize("seed", sorted(REAL_SEEDS.iterdir()), ids=lambda path: path.name[:3])
def test_bom_and_crlf_change_nothing_of_the_item(tmp_path: Path, seed: Path, change: Any) -> None:
    changed = read(written(tmp_path, change(seed.read_bytes()), seed.name))
    plain = read(seed)
    assert changed.content != plain.content
    assert (changed.data, changed.problems) == (plain.data, ())


@pytest.mark.parametrize("over", [0, 1])
def test_file_may_have_one_mebibyte(tmp_path: Path, over: int) -> None:
    head = good("Text\n\n")
    reading = read(written(tmp_path, head + b"\n" * (MAX_BYTES - len(head) + over)))
    check(reading)
    assert (reading.header is None) == bool(over)
    if over:
        assert reading.problems[0].reason.startswith("larger than 1024 KiB")
        assert reading.content == b""


def test_bytes_that_are_not_utf8_are_told_with_their_line(tmp_path: Path) -> None:
    reading = read(written(tmp_path, good().replace(b"Story", b"St\xf6ry", 1)))
    reason = "not UTF-8: byte 0xf6 at byte 10 of the line (save the file as UTF-8)"
    assert reading.problems == (Problem("a.txt", 2, 10, "", reason),)


@pytest.mark.parametrize("suffix", ["yaml", "yml", "txt", "md", "markdown"])
def test_only_yaml_files_may_be_yaml_as_a_whole(tmp_path: Path, suffix: str) -> None:
    whole = good().split(b"---\n")[1]
    assert (read(written(tmp_path, whole, f"a.{suffix}")).header is None) == ("y" not in suffix)
    assert read(written(tmp_path, good("Text"), f"b.{suffix}")).header is not None


def _swap(path: Path, kind: str) -> None:
    """Puts something else where a seed was."""
    path.unlink()
    match kind:
        case "fifo":
            os.mkfifo(path)
        case "socket":
            with socket.socket(socket.AF_UNIX) as server:
                server.bind(path.name)
        case "folder":
            path.mkdir()
        case "broken-link":
            path.symlink_to("nowhere")
        case "device":
            path.symlink_to("/dev/zero")
        case "bigger" | "huge":
            path.touch()
            os.truncate(path, MAX_BYTES + 1 if kind == "bigger" else 2**40)


@pytest.mark.parametrize(
    "kind", ["gone", "fifo", "socket", "folder", "broken-link", "device", "bigger", "huge"]
)
def test_file_swapped_after_the_scan_is_a_problem_and_blocks_nothing(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # the name of a socket is short
    path = written(tmp_path, good())
    (found,) = scan([tmp_path], tmp_path)
    assert found.problem is None
    _swap(path, kind)
    open_before = len(list(Path("/dev/fd").iterdir()))
    began = time.monotonic()
    reading = read(path)
    assert time.monotonic() - began < 30
    assert len(list(Path("/dev/fd").iterdir())) == open_before
    check(reading)
    assert reading.header is None
    assert reading.problems[0].reason.startswith(("cannot be read: ", "larger than "))


def test_file_that_may_not_be_read_is_a_problem() -> None:
    with open_folder() as folder:
        path = written(folder, good())
        with closed(path):
            reading = read(path)
    reason = "cannot be read: Permission denied"
    assert reading == ParsedSeed(str(path), b"", problems=(Problem("a.txt", 0, 0, "", reason),))


@given(
    content=st.binary(max_size=80) | st.lists(st.sampled_from(_PIECES), max_size=20).map(b"".join),
    suffix=st.sampled_from(["txt", "yaml"]),
    is_framed=st.booleans(),
)
def test_any_bytes_are_a_sound_item_or_problems(
    tmp_path: Path, *, content: bytes, suffix: str, is_framed: bool
) -> None:
    if is_framed:
        content = good().replace(b"---\n", b"---\n" + content, 1) + content
    path = written(tmp_path, content, f"a.{suffix}")
    reading = read(path)
    check(reading)
    assert reading == read(path)


def test_file_that_grows_while_it_is_read_is_read_to_its_end(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, status = site.seed(body="The whole text."), os.fstat

    def smaller(descriptor: int) -> os.stat_result:
        return os.stat_result([*status(descriptor)[:6], 5, *status(descriptor)[7:]])

    monkeypatch.setattr(os, "fstat", smaller)
    assert module._read_bytes(str(path)) == path.read_bytes()
