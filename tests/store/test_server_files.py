"""Which versions of documents are kept, and for how long."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from feeds.store import Store
from feeds.store.server_files import Versions, with_state
from tests.support.site import Site


@pytest.fixture
def versions(tmp_path: Path) -> Iterator[Versions]:
    opened = Versions(tmp_path / "versions.db", pytest.fail)
    yield opened
    opened.close()


def test_version_is_found_by_path_digest_and_its_end(versions: Versions) -> None:
    versions.record("a", "1", [b"x", b"y"], 10)
    versions.record("a", "2", [b"z"], 20)
    assert versions.newest() == {("a", "2")}
    assert versions.entries("a", "1", 20, 1) == {b"x", b"y"}
    assert versions.entries("a", "1", 21, 1) is None
    assert versions.entries("a", "2", 99, 1) == {b"z"}
    assert versions.entries("b", "2", 0, 1) is None


def test_superseded_documents_are_forgotten_and_queries_are_not(versions: Versions) -> None:
    for path, query in (("a", False), ("q", True)):
        versions.record(path, "1", [b"x"], 10, query=query)
        versions.record(path, "2", [b"x"], 20, query=query)
    versions.forget(20, 9)
    assert versions.entries("a", "1", 0, 1) == {b"x"}
    versions.forget(21, 9)
    assert versions.entries("a", "1", 0, 1) is None
    versions.forget(99, 0)
    assert versions.entries("q", "1", 0, 1) == {b"x"}
    assert versions.newest() == {("a", "2")}


def test_of_too_many_superseded_documents_the_oldest_are_forgotten(versions: Versions) -> None:
    for at, digest in enumerate("132", 10):
        versions.record("a", digest, [b"x"], at)
    versions.forget(0, 1)
    assert (versions.entries("a", "1", 0, 1), versions.entries("a", "3", 0, 1)) == (None, {b"x"})


def test_query_that_somebody_came_again_for_is_kept_longest(versions: Versions) -> None:
    versions.record("a", "1", [b"x"], 10)
    versions.record("q", "1", [b"x"], 10, query=True)
    assert versions.asked("q", "1", 100)
    versions.record("r", "1", [b"x"], 200, query=True)
    versions.forget_queries(0, 1)
    found = {path: versions.entries(path, "1", 0, 1) for path in "aqr"}
    assert found == {"a": {b"x"}, "q": {b"x"}, "r": None}


def test_versions_of_another_release_are_replaced(tmp_path: Path) -> None:
    path = tmp_path / "versions.db"
    before = Versions(path, pytest.fail)
    before.record("a", "1", [b"x"], 10)
    before._db.execute("PRAGMA user_version = 99")
    before.close()
    after = Versions(path, pytest.fail)
    assert after.newest() == set()
    after.close()


def test_change_that_fails_changes_nothing(versions: Versions) -> None:
    versions.record("a", "1", [b"x"], 10)
    with pytest.raises(sqlite3.IntegrityError):
        versions.record("a", cast("str", None), [b"y"], 20)
    assert versions.newest() == {("a", "1")}


@pytest.mark.parametrize(("passes", "read"), [(1, True), (99, False)])
def test_state_that_passes_write_meanwhile_is_read_again_a_few_times(
    site: Site, passes: int, *, read: bool
) -> None:
    site.seed()
    site.publish()
    counts: list[int] = []

    def see(store: Store) -> int:
        counts.append(store.item_count())
        if len(counts) <= passes:
            site.seed(f"{len(counts)}.txt", number=len(counts) + 1)
            site.publish()
        return counts[-1]

    assert with_state(site.state, see) == (counts[-1] if read else None)
    assert counts == list(range(1, len(counts) + 1))
    assert len(counts) > 1


def test_state_that_cannot_be_used_is_not_read(site: Site) -> None:
    site.seed()
    site.publish()

    def see(_: Store) -> None:
        raise sqlite3.DatabaseError("malformed")

    assert not with_state(site.state, see)
    assert not with_state(site.root / "none.db", see)
