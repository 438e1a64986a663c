"""The manifest: which files in out/ are ours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from feeds.common.errors import DamagedManifestError, PublishError
from feeds.publish import manifest as manifest_module
from feeds.publish.manifest import (
    MANIFEST,
    PARTS,
    Manifest,
    ManifestFiles,
    read_manifest,
    write_manifest,
)
from tests.support.publishing import contents, named, split_manifest

_KINDS = ("atom", "html", "atom.gz", "atom.br")
_FILES = ("all.atom", "feeds.opml", "topics/ai.atom")


def _write(out: Path, data: bytes) -> Path:
    path = out / MANIFEST
    path.write_bytes(data)
    return path


def test_manifest_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    for manifest in (Manifest(), Manifest(items=5, files=_FILES), Manifest(unfinished=True)):
        _write(tmp_path, manifest.encode())
        assert read_manifest(tmp_path) == manifest


def test_manifest_is_readable() -> None:
    lines = Manifest(items=5, files=_FILES).encode().decode().splitlines()
    assert ' "items": 5,' in lines
    assert '  "topics/ai.atom"' in lines


def test_manifest_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert read_manifest(tmp_path) == read_manifest(tmp_path / "nowhere") == Manifest()


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"{", b"null", b"[]", b"12", b'"text"', b"\xff\xfe", b"\x00" * 400),
        *(b'{"files": 1}', b'{"files": [1]}', b'{"files": {"a": 1}}', b'{"items": "5"}'),
        *(b'{"unfinished": 1}', b'{"files": ["all.atom"', b'{"items": 1e400}', b'{"items": -'),
    ],
)
def test_manifest_that_is_damaged_is_an_error_that_says_so(tmp_path: Path, data: bytes) -> None:
    path = _write(tmp_path, data)
    with pytest.raises(PublishError) as caught:
        read_manifest(tmp_path)
    assert str(path) in str(caught.value)
    assert "damaged" in str(caught.value)
    assert path.read_bytes() == data


def test_manifest_that_cannot_be_read_is_an_error_that_says_why(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).mkdir()
    with pytest.raises(PublishError, match="Is a directory"):
        read_manifest(tmp_path)


def test_manifest_of_a_later_release_is_read_for_what_we_know(tmp_path: Path) -> None:
    _write(tmp_path, b'{"version": 1, "files": ["all.atom"], "colour": "blue"}')
    assert read_manifest(tmp_path).files == ("all.atom",)


@pytest.mark.parametrize(
    "name",
    [
        *("../seeds/a.txt", "..", "topics/../../a.txt", "topics/..", "/etc/passwd", "//etc/passwd"),
        *("", ".", "./", "a\x00b", "a/\x00/../b"),
    ],
)
def test_manifest_names_nothing_but_files_below_out(tmp_path: Path, name: str) -> None:
    _write(tmp_path, json.dumps({"files": [name, "all.atom"]}).encode())
    assert read_manifest(tmp_path).files == ("all.atom",)


@given(
    st.binary(max_size=40)
    | st.fixed_dictionaries(
        {"files": st.lists(st.text("a./\x00", max_size=6) | st.integers())}
    ).map(lambda value: json.dumps(value).encode())
)
def test_any_bytes_are_a_manifest_or_an_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    out = tmp_path_factory.getbasetemp()
    _write(out, data)
    try:
        files = read_manifest(out).files
    except PublishError:
        return
    for name in files:
        assert out.resolve() in (out / name).resolve().parents


# Names in parts


@pytest.fixture
def split(tmp_path: Path) -> Iterator[Path]:
    """A folder with a manifest in three parts."""
    with split_manifest():
        write_manifest(tmp_path, _SPLIT)
        assert len(list((tmp_path / PARTS).iterdir())) == 3
        yield tmp_path


_SPLIT = Manifest(items=5, files=tuple(f"topics/{n}.{one}" for n in range(9) for one in _KINDS))


def _fingerprints(out: Path) -> dict[str, tuple[int, int]]:
    files = [path for path in out.rglob("*") if path.is_file()]
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in files}


def test_names_stand_together_up_to_the_files_of_5000_feeds(tmp_path: Path) -> None:
    formats = ("atom", "rss", "json", "html")
    names = [f"topics/{n}.{one}" for n in range(5_000) for one in formats]
    names += [f"{name}.{copy}" for name in names for copy in ("gz", "br")]
    manifest = Manifest(files=tuple(sorted([*names, "feeds.opml"])))
    write_manifest(tmp_path, manifest)
    assert contents(tmp_path) == {MANIFEST: manifest.encode().decode()}
    most = manifest_module.MOST_TOGETHER
    write_manifest(tmp_path, Manifest(files=tuple(f"{n}.atom" for n in range(most + 1))))
    files = contents(tmp_path)
    assert len(files) == 257
    assert len(named(tmp_path)) == most + 1
    assert max(map(len, files.values())) < 10_000


def test_manifest_in_parts_is_read_back(split: Path) -> None:
    for manifest in (_SPLIT, replace(_SPLIT, unfinished=True), replace(_SPLIT, items=7)):
        write_manifest(split, manifest)
        found = read_manifest(split)
        assert (found.items, found.unfinished) == (manifest.items, manifest.unfinished)
        assert sorted(found.files) == sorted(manifest.files)
        assert json.loads((split / MANIFEST).read_bytes())["names"] == len(manifest.files)


def test_parts_are_rewritten_where_names_change(split: Path) -> None:
    files, before = ManifestFiles(split), _fingerprints(split)
    read = files.read()
    files.write(read)
    assert _fingerprints(split) == before
    files.write(replace(read, unfinished=True))
    changed = {name for name, one in _fingerprints(split).items() if one != before[name]}
    assert changed == {MANIFEST}
    before = _fingerprints(split)
    came = tuple(f"topics/new.{one}" for one in _KINDS)
    files.write(replace(read, files=(*read.files[1:], *came)))
    assert named(split) == sorted([*read.files[1:], *came])
    files.write(replace(read, files=read.files[1:]))
    changed = {name for name, one in _fingerprints(split).items() if one != before[name]}
    assert MANIFEST in changed
    assert len(changed) == 3  # the part of the feed that came, and that of the file that went
    assert named(split) == sorted(read.files[1:])


def test_manifest_goes_back_to_one_file(split: Path) -> None:
    manifest = Manifest(items=1, files=("all.atom",))
    (split / PARTS / "mine").write_text("mine")
    write_manifest(split, manifest)
    assert contents(split) == {
        MANIFEST: manifest.encode().decode(),
        f"{PARTS}/mine": "mine",
    }
    (split / PARTS / "mine").unlink()
    write_manifest(split, manifest)
    assert not (split / PARTS).exists()


def test_manifest_of_very_many_names_in_one_file_is_read_and_split(tmp_path: Path) -> None:
    _write(tmp_path, _SPLIT.encode())
    with split_manifest():
        files = ManifestFiles(tmp_path)
        assert sorted(files.read().files) == sorted(_SPLIT.files)
        files.write(_SPLIT)
        assert json.loads((tmp_path / MANIFEST).read_bytes())["parts"] == 3
        assert named(tmp_path) == sorted(_SPLIT.files)


def assert_damage_is_named(out: Path, path: Path, data: bytes | None) -> None:
    """Puts data in place of a file of the manifest, or removes it; the error must name it."""
    path.unlink()
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(DamagedManifestError, match="damaged") as caught:
        read_manifest(out)
    assert caught.value.path == path


@pytest.mark.parametrize("data", [b"", b"{", b"null", b'{"a": 1}', b"[1]", b'["all.atom"', None])
def test_part_that_is_damaged_or_missing_is_an_error_that_names_it(
    split: Path, data: bytes | None
) -> None:
    path = split / PARTS / "01.json"
    assert_damage_is_named(split, path, data)
    write_manifest(split, _SPLIT)  # as a pass does that knows the files from elsewhere
    assert named(split) == sorted(_SPLIT.files)


def test_part_that_cannot_be_read_is_an_error_that_says_why(split: Path) -> None:
    path = split / PARTS / "01.json"
    path.unlink()
    path.mkdir()
    with pytest.raises(PublishError, match=r"cannot read .*01\.json: Is a directory"):
        read_manifest(split)


def test_manifest_that_is_put_together_meanwhile_is_read_again(
    split: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_part = manifest_module._read_part

    def read_late(path: Path) -> frozenset[str]:
        if path.name == "02.json" and path.exists():
            write_manifest(split, Manifest(files=("all.atom",)))
        return read_part(path)

    monkeypatch.setattr(manifest_module, "_read_part", read_late)
    assert read_manifest(split).files == ("all.atom",)


def test_parts_name_nothing_but_files_below_out(split: Path) -> None:
    path = split / PARTS / "01.json"
    names = json.loads(path.read_bytes())
    bad = ["../seeds/a.txt", "/etc/passwd", "", ".", "a\0b", "topics/..", "a\n/../b"]
    path.write_text(json.dumps([*names, *bad]))
    assert named(split) == sorted(_SPLIT.files)


def test_manifest_is_restored_as_it_was_read(split: Path) -> None:
    files, before = ManifestFiles(split), contents(split)
    files.read()
    files.write(Manifest(unfinished=True, files=(*_SPLIT.files, "came.atom")))
    (split / PARTS / ".00.json.feeds-tmp").touch()
    files.restore()
    assert contents(split) == before


def test_manifest_that_was_not_there_is_removed_again(tmp_path: Path) -> None:
    with split_manifest():
        files = ManifestFiles(tmp_path)
        files.read()
        files.write(_SPLIT)
        files.restore()
    assert contents(tmp_path) == {}


# Images, whose names stand apart

_IMAGES = frozenset({"media/aa/a.png", "media/bb/b.webp"})
_WITH_IMAGES = Manifest(items=5, files=_FILES, images=_IMAGES)


def test_names_of_images_are_written_if_they_change_alone(tmp_path: Path) -> None:
    write_manifest(tmp_path, _WITH_IMAGES)
    assert read_manifest(tmp_path) == _WITH_IMAGES
    files, before = ManifestFiles(tmp_path), _fingerprints(tmp_path)
    files.read()
    files.write(replace(_WITH_IMAGES, unfinished=True, files=("all.atom",)))
    after = _fingerprints(tmp_path)
    assert {name for name in before if after[name] != before[name]} == {MANIFEST}
    files.write(replace(_WITH_IMAGES, images=_IMAGES | {"media/cc/c.png"}))
    assert _fingerprints(tmp_path)["images.json"] != before["images.json"]
    assert named(tmp_path) == sorted([*_FILES, *_IMAGES, "media/cc/c.png"])
    files.restore()
    assert read_manifest(tmp_path) == _WITH_IMAGES


def test_manifest_of_an_earlier_release_names_images_among_all_files(tmp_path: Path) -> None:
    _write(tmp_path, json.dumps({"items": 5, "files": [*_FILES, *_IMAGES]}).encode())
    files = ManifestFiles(tmp_path)
    assert files.read() == _WITH_IMAGES
    files.write(_WITH_IMAGES)
    assert json.loads((tmp_path / PARTS / "images.json").read_bytes()) == sorted(_IMAGES)
    assert read_manifest(tmp_path) == _WITH_IMAGES


def test_names_of_images_go_into_the_parts_and_come_back(tmp_path: Path) -> None:
    write_manifest(tmp_path, _WITH_IMAGES)
    for together in (2, 100):
        files = ManifestFiles(tmp_path)
        manifest = files.read()
        with split_manifest(together):
            files.write(manifest)
        assert (tmp_path / PARTS / "images.json").exists() == (together == 100)
        assert named(tmp_path) == sorted([*_FILES, *_IMAGES])
        assert read_manifest(tmp_path).images == _IMAGES
    write_manifest(tmp_path, Manifest(files=_FILES))
    assert contents(tmp_path).keys() == {MANIFEST}


@pytest.mark.parametrize("data", [b"", b'["media/a', b'{"a": 1}', None])
def test_names_of_images_that_are_damaged_are_an_error_that_says_where(
    tmp_path: Path, data: bytes | None
) -> None:
    write_manifest(tmp_path, _WITH_IMAGES)
    path = tmp_path / PARTS / "images.json"
    assert_damage_is_named(tmp_path, path, data)


def test_names_of_images_are_of_files_below_out(tmp_path: Path) -> None:
    write_manifest(tmp_path, _WITH_IMAGES)
    names = ["../seeds/a.txt", "/etc/passwd", "media/../../a", *_IMAGES]
    (tmp_path / PARTS / "images.json").write_text(json.dumps(names))
    assert read_manifest(tmp_path) == _WITH_IMAGES
