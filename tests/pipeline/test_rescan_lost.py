"""Rescan: seeds that turn bad keep their item, those that move do too, and those that go do not."""

from __future__ import annotations

import os

import pytest

from feeds.common.reports import Callbacks
from feeds.pipeline.rescan import read_ahead
from feeds.store import open_state
from tests.support.permissions import closed, open_folder
from tests.support.rescanning import Scanner
from tests.support.site import Site

# Bad seeds

BAD = "---\ntitle: Bad\n---\n"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(BAD.encode(), id="fields missing"),
        pytest.param(b"", id="empty"),
        pytest.param(b"---\n[[[[\n---\n", id="no YAML"),
        pytest.param(b"\xff", id="no UTF-8"),
        pytest.param(b"x" * (1024 * 1024 + 1), id="too large"),
    ],
)
def test_seed_that_turns_bad_keeps_its_item_and_is_reported_until_mended(
    scanner: Scanner, content: bytes
) -> None:
    site = scanner.site
    good = site.seed().read_bytes()
    scanner()
    before = scanner.headers()
    site.write("a.txt", content)
    for _ in range(3):
        found = scanner.scan()
        assert len([*found.problems, *scanner.store.seed_problems()]) >= 1
        assert scanner.headers() == before
    os.utime(site.seeds / "a.txt")
    found = scanner.scan()
    assert len([*found.problems, *scanner.store.seed_problems()]) >= 1
    site.write("a.txt", good)
    assert (scanner.scan().problems, scanner.problems()) == ([], [])
    assert scanner.headers() == before


def test_seed_that_was_never_good_has_no_item_until_it_is_mended(scanner: Scanner) -> None:
    scanner.site.write("a.txt", BAD)
    assert (scanner(), scanner.headers()) == ((1, 1, 1, 0), {})
    scanner.site.seed()
    assert (scanner(), scanner.qualities()) == ((1, 1, 1, 0), {"a.txt": 70})
    assert scanner.problems() == []


def test_seed_that_cannot_be_read_is_tried_again_in_every_pass() -> None:
    with open_folder() as folder, open_state(folder / "state.db", "pass", pytest.fail) as store:
        scanner = Scanner(Site(folder / "site"), store)
        seed = scanner.site.seed()
        scanner()
        before = scanner.headers()
        scanner.site.seed(quality=71)
        with closed(seed):
            for _ in range(2):
                assert scanner()[:2] == (1, 1)
                assert (scanner.headers(), scanner.problems()) == (before, ["seeds/a.txt "])
        assert scanner() == (1, 1, 1, 0)
        assert (scanner.qualities(), scanner.problems()) == ({"a.txt": 71}, [])


# Seeds that go


def test_deleted_seed_is_forgotten(scanner: Scanner) -> None:
    for number in range(2):
        scanner.site.seed(f"{number}.txt", number=number)
    scanner()
    (scanner.site.seeds / "0.txt").unlink()
    found = scanner.scan()
    assert (found.seeds, found.read, found.gone) == (1, 0, 1)
    assert scanner.qualities() == {"1.txt": 70}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("a/1.txt", "a/2.txt", id="file"),
        pytest.param("a/1.txt", "1.md", id="file to another folder"),
        pytest.param("a", "b", id="folder"),
        pytest.param("a", "z/y/a", id="folder, deeper"),
    ],
)
def test_moved_seed_is_the_same_item_from_another_file(
    scanner: Scanner, old: str, new: str
) -> None:
    scanner.site.seed("a/1.txt")
    scanner()
    (before,) = scanner.headers().values()
    target = scanner.site.seeds / new
    target.parent.mkdir(parents=True, exist_ok=True)
    (scanner.site.seeds / old).rename(target)
    assert scanner() == (1, 1, 1, 1)
    (after,) = scanner.headers().values()
    assert after.path != before.path
    assert (after.id, after.digest, after.history) == (before.id, before.digest, before.history)


def test_two_seeds_that_change_names_keep_their_items(scanner: Scanner) -> None:
    seeds = scanner.site.seeds
    for number in (1, 2):
        scanner.site.seed(f"{number}.txt", number=number, quality=50 + number)
    scanner()
    for old, new in [("1.txt", "x"), ("2.txt", "1.txt"), ("x", "2.txt")]:
        (seeds / old).rename(seeds / new)
    assert scanner() == (2, 2, 2, 0)
    assert scanner.qualities() == {"1.txt": 52, "2.txt": 51}


def test_seed_that_is_read_no_more_because_of_its_name_is_gone(scanner: Scanner) -> None:
    seed = scanner.site.seed()
    scanner.site.seed("b.txt", number=2)
    scanner()
    seed.rename(seed.with_name(".a.txt"))
    assert scanner() == (1, 0, 0, 1)


def test_folder_of_the_configuration_that_ran_empty_keeps_its_items(scanner: Scanner) -> None:
    site = scanner.site
    site.configure('[paths]\nseeds = ["seeds/one", "seeds/two"]')
    first, second = site.seed("one/a.txt"), site.seed("two/b.txt", number=2)
    scanner()
    before = scanner.headers()
    first.unlink()
    assert (scanner(), scanner.store.held_stories()) == ((1, 0, 0, 0), [(str(first.parent), 1)])
    second.unlink()
    held = [(str(first.parent), 1), (str(second.parent), 1)]
    assert (scanner(), scanner.store.held_stories()) == ((0, 0, 0, 0), held)
    assert scanner.headers() == before


def test_progress_counts_what_is_read(scanner: Scanner) -> None:
    for number in range(3):
        scanner.site.seed(f"{number}.txt", number=number)
    told: list[tuple[str, int, int]] = []
    read_ahead(scanner.begin(callbacks=Callbacks(progress=lambda *all_: told.append(all_))))
    assert told == [("seeds", 1, 3), ("seeds", 2, 3), ("seeds", 3, 3)]
