"""Objects that mirror a folder: what is put, in which order, and what is left alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from feeds.common.buckets import Objects
from feeds.common.errors import ObjectsError, PublishError
from feeds.common.files import Fingerprint
from feeds.publish.manifest import MANIFEST
from feeds.publish.mirror import NAMES, Callers, Mirror, NewObjects, failures
from feeds.publish.publisher import Sent
from tests.support.failing_buckets import Buckets

ADDRESS = "s3://news/site/"
NOW = 1_000_000
_DAY = 86_400


class Folder:
    """A folder of documents, and publications of it."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.told: list[tuple[int, int]] = []

    def write(self, **texts: str) -> None:
        """Writes documents, all of them Atom."""
        for name, text in texts.items():
            (self.out / f"{name}.atom").write_text(text)

    def send(
        self,
        changed: Iterable[str] = (),
        removed: Iterable[str] = (),
        now: int = NOW,
        guard: Callable[[int, bool], None] = lambda *_: None,
    ) -> Sent:
        """Publishes the folder; of a name with more letters others are told."""
        files = {path.name: Fingerprint.of(path) for path in self.out.glob("*.atom")}
        new = NewObjects(files, changed, removed, len, items=3, guard=guard)
        callers = Callers(0, pytest.fail, lambda *told: self.told.append(told))
        with closing(Mirror(Objects(ADDRESS, patience_s=0.1), self.out, 900, now)) as mirror:
            return mirror.send(new, callers)


@pytest.fixture
def folder(buckets: Buckets, tmp_path: Path) -> Folder:
    """A folder of three documents that nobody has published."""
    del buckets
    folder = Folder(tmp_path)
    folder.write(a="1", bb="2", ccc="3")
    return folder


def objects() -> dict[str, str]:
    """Returns the text of each document in the bucket."""
    found = Objects(ADDRESS)
    names = [one.key for one in found.list() if one.key.endswith(".atom")]
    return {name: found.get(name)[0].decode() for name in names}


def done(buckets: Buckets) -> list[str]:
    """Returns what was put, and "delete" for deletions, since this was asked last."""
    asked = [(method, path.removeprefix("/news/site/")) for method, path, _ in buckets.asked]
    buckets.asked.clear()
    return [{"PUT": path, "POST": "delete"}[one] for one, path in asked if one in ("PUT", "POST")]


def test_mirror_puts_first_what_others_name(folder: Folder, buckets: Buckets) -> None:
    assert folder.send() == (["a.atom", "bb.atom", "ccc.atom"], [])
    puts = [path for path in done(buckets) if path != MANIFEST]
    assert puts == [NAMES, "a.atom", "bb.atom", "ccc.atom"]
    assert objects() == {"a.atom": "1", "bb.atom": "2", "ccc.atom": "3"}
    assert folder.told == [(1, 3), (2, 3), (3, 3)]
    names = msgspec.json.decode(Objects(ADDRESS).get(NAMES)[0])
    assert names == ["a.atom", "bb.atom", "ccc.atom"]


def test_mirror_puts_after_a_publication_only_what_may_have_changed(
    folder: Folder, buckets: Buckets
) -> None:
    folder.send()
    done(buckets)
    folder.write(a="4", bb="5")
    assert folder.send(["a.atom", "ccc.atom", "gone.atom"]) == (["a.atom"], [])
    assert [path for path in done(buckets) if path != MANIFEST] == ["a.atom"]
    assert objects() == {"a.atom": "4", "bb.atom": "2", "ccc.atom": "3"}


def test_mirror_looks_at_all_objects_once_a_day(folder: Folder, buckets: Buckets) -> None:
    folder.send()
    buckets.put("site/bb.atom", "spoilt")
    buckets.delete("site/ccc.atom")
    assert folder.send(now=NOW + _DAY - 1).put == []
    assert folder.send(now=NOW + _DAY).put == ["bb.atom", "ccc.atom"]
    assert objects() == {"a.atom": "1", "bb.atom": "2", "ccc.atom": "3"}


def test_mirror_deletes_at_the_end_what_others_name_last(folder: Folder, buckets: Buckets) -> None:
    folder.send()
    for name in ("a", "ccc"):
        (folder.out / f"{name}.atom").unlink()
    folder.write(dddd="4")
    done(buckets)
    sent = folder.send(["dddd.atom"], ["a.atom", "ccc.atom", "never.atom"])
    assert sent == (["dddd.atom"], ["ccc.atom", "a.atom"])
    names = [one for one in done(buckets) if one != MANIFEST]
    assert names == [NAMES, "dddd.atom", "delete", "delete", NAMES]
    assert objects() == {"bb.atom": "2", "dddd.atom": "4"}


def test_mirror_takes_nothing_that_it_did_not_put(folder: Folder, buckets: Buckets) -> None:
    buckets.put("site/bb.atom", "theirs")
    buckets.put("site/other.atom", "theirs")
    for _ in range(2):
        with pytest.raises(PublishError, match=f"{ADDRESS}bb.atom is in the way"):
            folder.send()
    assert objects() == {"bb.atom": "theirs", "other.atom": "theirs"}
    buckets.delete("site/bb.atom")
    folder.send()
    buckets.put("site/new.atom", "theirs")
    folder.write(new="5")
    with pytest.raises(PublishError, match=f"{ADDRESS}new.atom is in the way"):
        folder.send(["new.atom"])
    assert objects()["new.atom"] == objects()["other.atom"] == "theirs"


def test_mirror_knows_its_objects_by_their_names_when_all_else_is_lost(folder: Folder) -> None:
    folder.send()
    (folder.out / ".feeds-objects").unlink()
    (folder.out / "ccc.atom").unlink()
    asked = list[tuple[int, bool]]()
    sent = folder.send(guard=lambda *given: asked.append(given))
    assert sent == (["a.atom", "bb.atom"], ["ccc.atom"])
    assert asked == [(3, True)]


def test_mirror_refuses_a_damaged_list_of_names(folder: Folder, buckets: Buckets) -> None:
    folder.send()
    (folder.out / ".feeds-objects").unlink()
    buckets.put(f"site/{NAMES}", "{")
    with pytest.raises(PublishError, match=rf"{NAMES} is damaged .*: restore or remove it"):
        folder.send()


def test_mirror_asks_before_it_changes_what_it_does_not_know(folder: Folder) -> None:
    def refuse(items: int, is_new: bool) -> None:  # noqa: FBT001
        raise PublishError(f"{items} {is_new}")

    with pytest.raises(PublishError, match="0 True"):
        folder.send(guard=refuse)
    assert objects() == {}


def test_mirror_asks_nobody_about_objects_that_it_left(folder: Folder) -> None:
    folder.send()
    folder.write(a="4")
    sent = folder.send(["a.atom"], guard=lambda *_: pytest.fail("asked"))
    assert sent.put == ["a.atom"]


@pytest.mark.parametrize(
    ("error", "text"),
    [
        pytest.param(
            ObjectsError("s3://news/a: 403"),
            "cannot publish: s3://news/a: 403. Every object is whole, some may be new; "
            "the next run does the rest.",
            id="bucket",
        ),
        pytest.param(
            OSError(28, "No space left on device", "out/a"),
            "cannot publish: out/a: No space left on device",
            id="file",
        ),
        pytest.param(OSError("odd"), "cannot publish: out/: odd", id="neither"),
    ],
)
def test_failures_are_those_of_a_publication(error: Exception, text: str) -> None:
    with pytest.raises(PublishError) as caught, failures():
        raise error
    assert str(caught.value) == text
