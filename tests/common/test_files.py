"""Files: fingerprints of them, whole writes, removal, and the templates in a folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from feeds.common.errors import TemplateError
from feeds.common.files import (
    Fingerprint,
    has_bytes,
    item_digest,
    read_templates,
    remove,
    temporary_for,
    write_file,
    write_whole,
)


def test_fingerprint_of_a_file_is_size_time_and_inode(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    os.utime(path, ns=(1, 7_000_000_001))
    assert Fingerprint.of(path) == (3, 7_000_000_001, path.stat().st_ino)
    assert Fingerprint.of(tmp_path / "none") is None


def test_fingerprint_of_an_object_changes_with_its_tag() -> None:
    one, other = Fingerprint.of_object(3, "a"), Fingerprint.of_object(3, "b", 5)
    assert (one.size, one.mtime_ns, other.mtime_ns) == (3, 0, 5)
    assert 0 <= one.inode < 1 << 63
    assert one.inode != other.inode


def test_item_digest_has_16_bytes_and_is_of_the_whole() -> None:
    assert len(item_digest(b"ab")) == 16
    assert item_digest(b"ab") != item_digest(b"ac")


def test_write_whole_replaces_a_file_only_if_its_bytes_differ(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_whole(path, b"one")
    before = Fingerprint.of(path)
    write_whole(path, b"one")
    assert Fingerprint.of(path) == before
    write_whole(path, b"two")
    assert path.read_bytes() == b"two"
    assert Fingerprint.of(path) != before
    assert not Path(temporary_for(path)).exists()


def test_write_file_follows_no_link_and_names_the_file_in_its_error(tmp_path: Path) -> None:
    target = tmp_path / "target"
    (tmp_path / "link").symlink_to(target)
    with pytest.raises(OSError, match="link"):
        write_file(tmp_path / "link", b"x")
    assert not target.exists()


def test_has_bytes_compares_all_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    assert [has_bytes(path, data) for data in (b"abc", b"abd", b"ab")] == [True, False, False]
    assert not has_bytes(tmp_path / "none", b"")


def test_remove_takes_the_folders_that_are_empty_then(tmp_path: Path) -> None:
    for name in ("a/b/c", "a/d"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    remove(tmp_path, "a/b/c")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "d"]
    remove(tmp_path, "a/d")
    remove(tmp_path, "a/d")
    assert list(tmp_path.iterdir()) == []


def test_templates_are_those_of_the_folder_itself_by_name(tmp_path: Path) -> None:
    for name in ("z.html", "a.css", ".hidden.html", "note.doc", "below/b.html"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name, encoding="utf-8-sig")
    assert read_templates(tmp_path) == (("a.css", "a.css"), ("z.html", "z.html"))
    assert read_templates(None) == ()


def test_templates_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match=r"paths\.templates: cannot read .*none"):
        read_templates(tmp_path / "none")
    (tmp_path / "a.html").write_bytes(b"a\xff")
    with pytest.raises(TemplateError, match=r"a\.html: not UTF-8 at byte 2"):
        read_templates(tmp_path)
