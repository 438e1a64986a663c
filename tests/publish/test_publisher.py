"""out/ goes from one state to the next; what is not ours is never touched."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from feeds.common.errors import PublishError
from feeds.publish import NewOutput, Publisher, read_manifest
from feeds.publish.manifest import MANIFEST
from tests.support.permissions import closed, open_folder
from tests.support.publishing import contents, document, documents, publish, split_manifest

_OLD = {"all.atom": "all, old", "topics/ai.atom": "ai, old", "topics/b.atom": "b"}
_NEW = {"all.atom": "all, new", "topics/ai.atom": "ai, new", "custom/c.atom": "c"}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """An out/ that holds the publication `_OLD`."""
    publish(tmp_path / "out", _OLD)
    return tmp_path / "out"


def _fingerprint(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_ino, status.st_ctime_ns


def test_publication_holds_its_files_and_a_manifest_of_them(tmp_path: Path) -> None:
    publisher = publish(tmp_path / "deep/out", _OLD)
    assert documents(tmp_path / "deep/out") == _OLD
    assert set(contents(tmp_path / "deep/out")) == {*_OLD, MANIFEST}
    manifest = read_manifest(tmp_path / "deep/out")
    assert (manifest.files, manifest.items) == (tuple(sorted(_OLD)), 3)
    assert not manifest.unfinished
    assert (sorted(publisher.written), publisher.removed) == (sorted(_OLD), [])


def test_publication_follows_another(out: Path) -> None:
    publisher = publish(out, _NEW)
    assert documents(out) == _NEW
    assert read_manifest(out).files == tuple(sorted(_NEW))
    assert publisher.removed == ["topics/b.atom"]


def test_same_publication_touches_nothing(out: Path) -> None:
    paths = [out / path for path in (*_OLD, MANIFEST, "topics", ".")]
    before = [_fingerprint(path) for path in paths]
    publisher = publish(out, _OLD)
    assert [_fingerprint(path) for path in paths] == before
    assert (publisher.written, publisher.removed) == ([], [])


def test_changed_file_is_another_file_and_the_rest_stays_the_same(out: Path) -> None:
    inode, other = (out / "all.atom").stat().st_ino, _fingerprint(out / "topics/ai.atom")
    with (out / "all.atom").open() as reader:
        publish(out, _OLD | {"all.atom": "all, new"})
        assert reader.read() == "all, old"
    assert (out / "all.atom").stat().st_ino != inode
    assert _fingerprint(out / "topics/ai.atom") == other


def test_file_of_the_same_length_is_not_taken_for_the_same(out: Path) -> None:
    assert publish(out, _OLD | {"topics/b.atom": "B"}).written == ["topics/b.atom"]
    assert documents(out)["topics/b.atom"] == "B"


def test_file_that_someone_changed_or_removed_is_put_right(out: Path) -> None:
    (out / "all.atom").write_text("changed")
    (out / "topics/ai.atom").unlink()
    assert sorted(publish(out, _OLD).written) == ["all.atom", "topics/ai.atom"]
    assert documents(out) == _OLD


def test_put_tells_whether_the_document_differs(out: Path) -> None:
    with Publisher(out, NewOutput(_OLD, 3)) as publisher:
        assert not publisher.put(document("all.atom", "all, old"))
        assert publisher.put(document("topics/ai.atom", "ai, new"))


def test_document_that_is_kept_but_not_put_stays(out: Path) -> None:
    with Publisher(out, NewOutput(_OLD, 3)) as publisher:
        publisher.put(document("all.atom", "all, new"))
        publisher.finish()
    assert documents(out) == _OLD | {"all.atom": "all, new"}
    assert read_manifest(out).files == tuple(sorted(_OLD))


def test_nothing_is_visible_before_the_end(out: Path) -> None:
    with Publisher(out, NewOutput(_NEW, 3)) as publisher:
        for path, text in _NEW.items():
            publisher.put(document(path, text))
        seen = {path: text for path, text in documents(out).items() if "/." not in f"/{path}"}
        assert seen == _OLD
        publisher.finish()
    assert documents(out) == _NEW


def test_publication_that_is_given_up_leaves_no_trace(out: Path) -> None:
    before = contents(out)
    with Publisher(out, NewOutput(_NEW, 3)) as publisher:
        for path, text in _NEW.items():
            publisher.put(document(path, text))
    assert contents(out) == before


def test_publication_that_is_given_up_leaves_parts_of_the_manifest_as_they_were(out: Path) -> None:
    with split_manifest():
        publish(out, _OLD)
        before = contents(out)
        assert len(before) == len(_OLD) + 1 + 3
        with Publisher(out, NewOutput(_NEW, 3)) as publisher:
            publisher.put(document("custom/c.atom", "c"))
            assert sorted(read_manifest(out).files) == sorted({*_OLD, *_NEW})
        assert contents(out) == before


def test_hundreds_of_documents_are_published(tmp_path: Path) -> None:
    texts = {f"topics/{n}.atom": f"{n}" for n in range(200)}
    publish(tmp_path, texts)
    assert documents(tmp_path) == texts


def test_files_are_as_readable_as_the_umask_says(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        publish(tmp_path, _OLD)
    finally:
        os.umask(old)
    modes = {(tmp_path / path).stat().st_mode & 0o777 for path in (*_OLD, MANIFEST)}
    assert modes == {0o640}


def test_folder_is_removed_with_its_last_file(out: Path) -> None:
    publish(out, {"all.atom": "all, old"})
    assert contents(out).keys() == {"all.atom", MANIFEST}
    assert not (out / "topics").exists()


def test_foreign_files_are_neither_touched_nor_claimed(out: Path) -> None:
    foreign = {"index.html": "mine", "topics/notes.txt": "mine", ".htaccess": "mine"}
    for path, text in foreign.items():
        (out / path).write_text(text)
    before = [_fingerprint(out / path) for path in foreign]
    publish(out, _NEW)
    publish(out, {"all.atom": "all, new"})
    assert documents(out) == {"all.atom": "all, new"} | foreign
    assert [_fingerprint(out / path) for path in foreign] == before
    assert read_manifest(out).files == ("all.atom",)


def _file(path: Path) -> None:
    path.write_text("mine")


def _link(path: Path) -> None:
    path.symlink_to(path.with_name("target"))


def _folder(path: Path) -> None:
    path.mkdir()
    (path / "a").write_text("mine")


@pytest.mark.parametrize("make", [_file, _link, _folder, os.mkfifo])
def test_what_stands_in_the_way_is_an_error_and_not_claimed(
    out: Path, make: Callable[[Path], None]
) -> None:
    (out / "custom").mkdir()
    make(out / "custom/c.atom")
    before = contents(out)
    for _ in range(2):
        with pytest.raises(PublishError) as caught:
            publish(out, _NEW)
        assert str(out / "custom/c.atom") in str(caught.value)
        assert "in the way" in str(caught.value)
    assert contents(out) == before
    assert "custom/c.atom" not in read_manifest(out).files


def test_what_stood_in_the_way_and_is_gone_is_forgotten(out: Path) -> None:
    (out / "custom").mkdir()
    _file(out / "custom/c.atom")
    with pytest.raises(PublishError):
        publish(out, _NEW)
    (out / "custom/c.atom").unlink()
    publish(out, _NEW)
    assert documents(out) == _NEW


def test_failed_run_claims_nothing_that_it_did_not_write(out: Path) -> None:
    (out / "custom").mkdir()
    _file(out / "custom/c.atom")
    with pytest.raises(PublishError):
        publish(out, {"later.atom": "later"} | _NEW)
    _file(out / "later.atom")
    (out / "custom/c.atom").unlink()
    with pytest.raises(PublishError, match="in the way"):
        publish(out, {"later.atom": "later"} | _NEW)
    publish(out, _NEW)
    assert documents(out) == _NEW | {"later.atom": "mine"}


def test_folder_in_place_of_our_file_is_an_error_before_anything_changes(out: Path) -> None:
    (out / "topics/ai.atom").unlink()
    _folder(out / "topics/ai.atom")
    before = contents(out)
    with pytest.raises(PublishError, match=r"ai\.atom"):
        publish(out, _NEW)
    assert contents(out) == before


def test_file_in_place_of_our_folder_is_an_error_before_anything_changes(out: Path) -> None:
    for path in ("topics/ai.atom", "topics/b.atom"):
        (out / path).unlink()
    (out / "topics").rmdir()
    _file(out / "topics")
    before = contents(out)
    with pytest.raises(PublishError, match="topics"):
        publish(out, _NEW)
    assert contents(out) == before
    publish(out, {"all.atom": "all, new"})
    assert documents(out) == {"all.atom": "all, new", "topics": "mine"}


def test_manifest_that_is_damaged_stops_the_run_before_anything_changes(out: Path) -> None:
    (out / MANIFEST).write_text('{"files": [')
    before = contents(out)
    with pytest.raises(PublishError, match="damaged"):
        publish(out, _NEW)
    assert contents(out) == before


@pytest.mark.parametrize("name", ["../victim", "topics/../../victim", "{}/victim"])
def test_manifest_cannot_have_files_outside_removed(out: Path, name: str) -> None:
    victim = out.parent / "victim"
    victim.write_text("mine")
    text = (out / MANIFEST).read_text()
    name = name.format(out.parent)
    (out / MANIFEST).write_text(text.replace('"topics/b.atom"', f'"{name}", "topics/b.atom"'))
    assert publish(out, _NEW).removed == ["topics/b.atom"]
    assert victim.read_text() == "mine"


def test_link_in_place_of_a_temporary_file_is_not_followed(out: Path) -> None:
    victim = out.parent / "victim"
    victim.write_text("mine")
    (out / ".all.atom.feeds-tmp").symlink_to(victim)
    with pytest.raises(PublishError):
        publish(out, _NEW)
    assert victim.read_text() == "mine"


def test_dry_run_says_what_it_would_do_and_does_nothing(out: Path) -> None:
    before = contents(out)
    publisher = publish(out, _NEW, dry_run=True)
    assert sorted(publisher.written) == sorted(_NEW)
    assert publisher.removed == ["topics/b.atom"]
    assert contents(out) == before
    publish(out.parent / "new", _NEW, dry_run=True)
    assert not (out.parent / "new").exists()


@pytest.mark.parametrize("path", [".", "topics"])
def test_folder_that_is_read_only_is_an_error_that_says_so(path: str) -> None:
    with open_folder() as folder:
        publish(folder / "out", _OLD)
        for name in (".", "topics"):
            (folder / "out" / name).chmod(0o777)
        said = pytest.raises(PublishError, match=r"cannot publish: .*: Permission denied")
        with closed(folder / "out" / path, 0o555), said:
            publish(folder / "out", _NEW)
        assert documents(folder / "out") == _OLD
