"""The manifest: which files in out/ are ours."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds.common.errors import PublishError
from feeds.publish.manifest import MANIFEST, Manifest, read_manifest

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


@settings(deadline=None, max_examples=150)
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
