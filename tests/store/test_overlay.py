"""Looking at a state file: changes are seen by nobody else, and cost what they change."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds.common.files import Fingerprint
from feeds.common.model import Entry, ItemHistory, Membership
from feeds.common.reports import NO_CALLBACKS, Options
from feeds.common.store_protocols import Meta
from feeds.pipeline.run import Snapshot, with_snapshot
from feeds.store import Store, open_state
from feeds.store.overlay import Overlay, new_overlay
from feeds.store.schema import TABLES
from tests.support.site import Site

IT = Meta("it", str)


def overlay_of(path: Path) -> Overlay:
    overlay = new_overlay(covers=True, timeout=1)
    overlay.cover(f"{path.as_uri()}?mode=ro&immutable=1")
    return overlay


def own_tables(overlay: Overlay) -> set[str]:
    """Returns the tables of which an overlay holds anything itself."""
    query = "SELECT name FROM main.sqlite_schema WHERE type = 'table'"
    return {name for (name,) in overlay.execute(query)}


def rows_of(connection: sqlite3.Connection) -> dict[str, list[tuple[Any, ...]]]:
    """Returns all that the tables of a state hold, in one order."""
    queries = {one: f"SELECT * FROM {one}" for one in TABLES}  # noqa: S608 (names of our own)
    return {one: sorted(connection.execute(query), key=repr) for one, query in queries.items()}


def published(site: Site, stories: int = 6) -> Site:
    for number in range(1, stories + 1):
        site.seed(f"{number}.txt", number=number, topics=["AI", f"Topic {number % 3}"])
    site.publish()
    return site


def test_looking_copies_nothing(site: Site) -> None:
    with closing(overlay_of(published(site).state)) as overlay:
        store = Store(overlay)
        assert [len(list(store.item_headers())), len(store.items([1]))] == [6, 1]
        store.mark_first_seen([], 1)
        store.add_memberships([])
        store.note_unnamed(1)
        assert own_tables(overlay) == set()


def test_of_the_largest_tables_only_the_rows_that_change_are_held(site: Site) -> None:
    with closing(overlay_of(published(site).state)) as overlay:
        store = Store(overlay)
        (header,) = store.headers_of([next(store.item_headers()).id])
        places = store.remove_memberships([header.id])
        overlay.execute("INSERT OR REPLACE INTO item VALUES (?, ?)", (header.number, b"new"))
        assert ("all", "", header.id) in places
        assert own_tables(overlay) == {"new_item", "gone_item", "new_slot", "gone_slot"}
        assert overlay.execute("SELECT * FROM new_item").fetchall() == [(header.number, b"new")]
        assert overlay.execute("SELECT * FROM new_slot").fetchall() == []
        assert len(store.newest("all", "", 99)) == 5


def test_rows_are_found_by_their_keys_in_the_file_and_beside_it(site: Site) -> None:
    """However large the file is: nothing is read from end to end, nothing large is sorted."""
    with closing(overlay_of(published(site).state)) as overlay:
        store = Store(overlay)
        store.remove_memberships([next(store.item_headers()).id])
        overlay.execute("DELETE FROM item WHERE number = 0")
        for query in (
            "SELECT data FROM item WHERE number = 1",
            "SELECT * FROM slot WHERE kind = 'all' AND key = '' ORDER BY published DESC, id",
            "DELETE FROM slot WHERE id = 'x' RETURNING kind, key, id",
        ):
            plan = [row[3] for row in overlay.execute(f"EXPLAIN QUERY PLAN {query}")]
            assert not [step for step in plan if step.startswith("SCAN") and "slot" not in step]
            assert "SCAN one" not in " ".join(plan)


def test_a_table_that_is_emptied_is_not_copied_first(site: Site) -> None:
    with closing(overlay_of(published(site).state)) as overlay:
        store = Store(overlay)
        store.clear_memberships()
        assert store.newest("all", "", 99) == []
        assert own_tables(overlay) == {"slot"}


entries = st.builds(
    Membership,
    st.sampled_from(["all", "topic"]),
    st.sampled_from(["", "ai", "new"]),
    st.builds(
        Entry,
        st.integers(1, 7),
        st.sampled_from(["urn:uuid:1", "urn:uuid:2"]),
        st.integers(1, 3),
        st.integers(1, 3),
        st.just(b"digest"),
    ),
    st.integers(0, 9),
)
changes = st.lists(
    st.one_of(
        st.tuples(st.just("forget"), st.integers(1, 6)),
        st.tuples(st.just("leave"), st.integers(1, 6)),
        st.tuples(st.just("add"), entries),
        st.tuples(st.just("clear"), st.none()),
        st.tuples(st.just("see"), st.sampled_from(["x", "y"])),
        st.tuples(st.just("remember"), st.integers(1, 6)),
        st.tuples(st.just("set"), st.text(max_size=3)),
        st.tuples(st.just("hold"), st.sampled_from(["1", "2"])),
        st.tuples(st.just("touch"), st.integers(1, 6)),
    ),
    max_size=12,
)


def change(store: Store, db: sqlite3.Connection, kind: str, value: Any) -> None:
    """Makes one change to a store."""
    path = next(
        (one for one in sorted(store.seed_fingerprints("")) if one.endswith(f"/{value}.txt")), None
    )
    known = {header.path: header.id for header in store.item_headers()}
    if kind == "forget" and path:
        store.forget([path])
    elif kind == "leave" and path in known:
        store.remove_memberships([known[path]])
    elif kind == "add":
        store.remove_memberships([value.entry.id])
        store.add_memberships([value])
    elif kind == "clear":
        store.clear_memberships()
    elif kind == "see":
        store.mark_first_seen([value], 5)
    elif kind == "remember" and path in known:
        store.remember({known[path]: ItemHistory(1, 2, b"shown", {"": 3})})
    elif kind == "set":
        store.set_meta(IT, value)
    elif kind == "hold":
        store.hold({value: "folder"})
    elif kind == "touch" and path in known:
        (number,) = db.execute("SELECT number FROM seed WHERE path = ?", (path,)).fetchone()
        db.execute("INSERT OR REPLACE INTO item VALUES (?, ?)", (number, b"touched"))


@settings(max_examples=settings().max_examples // 3)
@given(changes)
def test_a_look_that_changes_things_sees_what_a_pass_would_see(
    published_state: Path, steps: list[tuple[str, Any]]
) -> None:
    copy = published_state.with_name("copy.db")
    shutil.copy(published_state, copy)
    before = published_state.read_bytes()
    with (
        closing(overlay_of(published_state)) as overlay,
        closing(sqlite3.connect(copy, isolation_level=None)) as real,
    ):
        for step in steps:
            change(Store(overlay), overlay, *step)
            change(Store(real), real, *step)
            assert rows_of(overlay) == rows_of(real)
            for key in ("", "ai"):
                feed = ("all" if not key else "topic", key)
                assert Store(overlay).newest(*feed, 3) == Store(real).newest(*feed, 3)  # type: ignore[arg-type]
    assert published_state.read_bytes() == before


@pytest.fixture(scope="module")
def published_state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return published(Site(tmp_path_factory.mktemp("published"))).state


def test_a_pass_is_not_held_up_by_a_look_which_sees_none_of_it(site: Site) -> None:
    published(site)
    with closing(sqlite3.connect(site.state)) as other:
        # As long as the file is open elsewhere, it is read with locks, and stays sound.
        other.execute("SELECT count(*) FROM seed").fetchone()
        with open_state(site.state, "look") as look:
            assert look.item_count() == 6
            look.forget(sorted(look.seed_fingerprints(""))[:2])
            site.seed("7.txt", number=7)
            assert site.publish().read == 1
            assert (look.item_count(), look.is_sound()) == (4, True)
    with open_state(site.state, "look") as look:
        assert (look.item_count(), look.is_sound()) == (7, True)


def test_a_look_at_a_file_at_rest_knows_that_a_pass_came_between(site: Site) -> None:
    published(site)
    with open_state(site.state, "look") as look:
        assert look.is_sound()
        site.seed("7.txt", number=7)
        site.publish()
        assert not look.is_sound()


def test_a_look_that_a_pass_came_between_is_taken_again(site: Site) -> None:
    published(site)
    looks: list[int] = []

    def see(snapshot: Snapshot) -> int:
        count = snapshot.run.store.item_count()
        looks.append(count)
        if len(looks) == 1:
            site.seed("7.txt", number=7)
            site.publish()
        return count

    assert with_snapshot(site.load(), NO_CALLBACKS, see) == 7
    assert looks == [6, 7]


def test_a_look_leaves_no_trace(site: Site) -> None:
    published(site)
    site.seed("1.txt", number=1, title="Changed")
    before, stamp = site.files(), Fingerprint.of(site.state)
    site.publish(options=Options(dry_run=True))
    with_snapshot(site.load(), NO_CALLBACKS, lambda _: None)
    assert (site.files(), Fingerprint.of(site.state)) == (before, stamp)
