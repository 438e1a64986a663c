"""The store: what was read from seeds, facts, and transactions."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from feeds.common.errors import StateError
from feeds.common.files import Fingerprint
from feeds.common.meta import Meta
from feeds.common.model import ItemHeader, ItemHistory
from feeds.store import Store, open_state
from feeds.store import open as opening
from tests.support.site import card
from tests.support.storing import MARK, PROBLEM, WARNING, good, record


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


def known(store: Store, parser: str = "1") -> dict[str, Fingerprint | None]:
    """Returns all seeds by path, and the fingerprints of those that need not be read again."""
    current = {path: Fingerprint(*mark) for path, *mark in store.current_seeds(parser)}
    assert current.keys() <= store.paths()
    return {path: current.get(path) for path in store.paths()}


def test_store_knows_what_was_read_from_which_file(store: Store) -> None:
    record(store, "a", **good())
    record(store, "b", mark=Fingerprint(1, 2, 3), settled=False, problems=(PROBLEM,))
    assert known(store) == {"a": MARK, "b": None}
    assert store.content("a", "1") == b"digest"
    assert store.item_count() == 1


def test_store_trusts_nothing_that_another_parser_read(store: Store) -> None:
    record(store, **good())
    assert known(store, "2") == {"a": None}
    assert store.content("a", "2") == b""
    record(store, **good(), parser="2")
    assert (known(store, "2"), known(store)) == ({"a": MARK}, {"a": None})


@pytest.mark.parametrize("value", [2**63 - 1, 0, -(2**63)], ids=["largest", "zero", "least"])
def test_store_keeps_any_fingerprint_that_a_file_system_gives(store: Store, value: int) -> None:
    mark = Fingerprint(0, value, value)
    record(store, mark=mark)
    assert known(store) == {"a": mark}


def test_file_with_the_same_content_gets_its_new_fingerprint_and_nothing_else(
    store: Store,
) -> None:
    record(store, **good(), problems=(WARNING,))
    before = list(store.item_headers())
    mark = Fingerprint(7, 8, 9)
    assert record(store, mark=mark, settled=True, same=True) == set()
    assert known(store) == {"a": mark}
    assert record(store, mark=mark, settled=False, same=True) == set()
    assert known(store) == {"a": None}
    assert store.content("a", "1") == b"digest"
    assert list(store.item_headers()) == before
    assert list(store.seed_problems()) == [WARNING]


@pytest.mark.parametrize(
    ("content", "kept"),
    [(b"digest", b"\1new"), (b"edited", b"\1old")],
    ids=["the same bytes, read otherwise", "other bytes"],
)
def test_only_a_new_way_to_read_the_same_bytes_renews_what_readers_were_shown(
    store: Store, content: bytes, kept: bytes
) -> None:
    record(store, "twin", **good("twin", id="urn:twin", reader_digest=b"\1old"))
    (id_,) = record(store, **good(id="urn:1", reader_digest=b"\1old"))
    store.mark_first_seen([id_], 1)
    store.remember({id_: ItemHistory(1, 1, b"\1old", {})})
    record(store, content=content, **good(id=id_, reader_digest=b"\1new"))
    (header,) = store.headers_of([id_])
    assert header.memory is not None
    assert header.memory.digest == kept


def test_seed_that_turns_bad_keeps_its_last_good_item_until_it_is_mended(store: Store) -> None:
    record(store, **good(quality=50))
    (before,) = store.item_headers()
    record(store, content=b"broken", problems=(PROBLEM, WARNING))
    assert list(store.item_headers()) == [before]
    assert store.items([before.number]) == {before.number: b"item of a"}
    assert list(store.seed_problems()) == [PROBLEM, WARNING]
    assert store.content("a", "1") == b"broken"
    record(store, content=b"mended", card=card(path="a", quality=51), data=b"new")
    (after,) = store.item_headers()
    assert (after.number, after.quality) == (before.number, 51)
    assert store.items([after.number]) == {after.number: b"new"}
    assert list(store.seed_problems()) == []


@pytest.mark.parametrize(("parser", "is_kept"), [("1", True), ("2", False)])
def test_item_that_another_parser_read_goes_with_a_misplaced_secret(
    store: Store, parser: str, *, is_kept: bool
) -> None:
    record(store, **good())
    problem = replace(PROBLEM, field="secured")
    gone = record(store, content=b"broken", problems=(problem,), parser=parser)
    assert [one.path for one in store.item_headers()] == ["a"] * is_kept
    assert (gone == set()) == is_kept
    assert list(store.seed_problems()) == [problem]
    assert store.content("a", parser) == b"broken"


def test_what_was_deleted_is_not_in_the_state_file(state: Path) -> None:
    with open_state(state, "pass", print) as store, store.transaction():
        record(store, **{**good(), "data": b"an item that nobody is to see" * 500})
    assert b"nobody is to see" in state.read_bytes()
    with open_state(state, "pass", print) as store, store.transaction():
        store.forget(["a"])
    assert all(b"nobody is to see" not in one.read_bytes() for one in state.parent.iterdir())


def test_problems_are_listed_by_path(store: Store) -> None:
    for path in ("b", "c", "a"):
        record(store, path, problems=(replace(PROBLEM, path=path),))
    assert [problem.path for problem in store.seed_problems()] == ["a", "b", "c"]


def test_seeds_are_counted_good_or_bad(store: Store) -> None:
    record(store, "/one/a", folder="/one", **good("/one/a"))
    record(store, "/two/a", folder="/two", problems=(PROBLEM,))
    record(store, "/two/b", folder="/two")
    record(store, "/two/b", folder="/one")
    assert store.seed_count() == 3


def test_store_keeps_the_stamps_of_what_out_holds_now(store: Store) -> None:
    store.keep_stamps({"all.atom": MARK, "gone.atom": MARK})
    store.keep_stamps({"all.atom": Fingerprint(1, 2, 3)})
    assert store.stamps() == {"all.atom": Fingerprint(1, 2, 3)}


class Shape(msgspec.Struct):
    when: datetime
    names: list[str]


def test_meta_comes_back_or_is_none(store: Store) -> None:
    shape, number = Meta("last", Shape), Meta("last", int)
    value = Shape(datetime(2026, 1, 1, tzinfo=UTC), ["é"])
    store.set_meta(number, 1)
    store.set_meta(shape, value)
    assert store.get_meta(shape) == value
    assert store.get_meta(number) is None
    assert store.get_meta(Meta("never", Shape)) is None
    assert (store.has_meta(number), store.has_meta(Meta("never", int))) == (True, False)


def cards_in(state: Path) -> list[ItemHeader]:
    with open_state(state, "pass", pytest.fail) as store:
        return list(store.item_headers())


def fail(store: Store, error: type[BaseException]) -> None:
    with store.transaction():
        record(store, "lost", **good("lost"))
        raise error


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_transaction_keeps_all_or_nothing(state: Path, error: type[BaseException]) -> None:
    with open_state(state, "pass", pytest.fail) as store:
        with store.transaction():
            record(store, "kept", **good("kept"))
        with pytest.raises(error):
            fail(store, error)
    assert [one.path for one in cards_in(state)] == ["kept"]


def test_transaction_that_another_run_holds_up_ends_with_a_message(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "_BUSY_SECONDS", 0.05)
    with (
        open_state(state, "pass", pytest.fail) as first,
        open_state(state, "pass", pytest.fail) as second,
    ):
        with first.transaction():
            record(first, **good())
            # Readers are not held up, and see what was there before.
            assert list(second.item_headers()) == []
            with pytest.raises(StateError, match="locked"), second.transaction():
                pass
        with second.transaction():
            assert len(list(second.item_headers())) == 1


def test_transaction_on_a_full_disk_ends_with_a_message_and_keeps_what_was(state: Path) -> None:
    with open_state(state, "pass", pytest.fail) as store:
        with store.transaction():
            record(store, "kept", **good("kept"))
        with file_size_limit(300_000), pytest.raises(StateError, match="cannot write the state"):
            fill(store)
    assert [one.path for one in cards_in(state)] == ["kept"]


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def fill(store: Store) -> None:
    with store.transaction():
        for number in range(100):
            record(store, f"{number}", card=card(number, path=f"{number}"), data=bytes(100_000))
