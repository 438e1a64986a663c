"""Rescan: a seed is read when its file changed, and only then; what is gone is forgotten."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from feeds.errors import SeedsFolderError
from feeds.model import Card
from feeds.rescan import Rescan, rescan
from feeds.store import Store, open_store
from tests.permissions import closed, open_folder
from tests.site import Site

SETTLED_NS = 1_500_000_000 * 10**9


class Scanner:
    """One store, and rescans of a site into it."""

    def __init__(self, site: Site, store: Store) -> None:
        self.site = site
        self.store = store

    def __call__(self, *, full: bool = False) -> tuple[int, int, int, int]:
        """Returns how many seeds there were, were read, had changed, and were gone."""
        found = self.scan(full=full)
        return found.seeds, found.read, found.changed, found.gone

    def scan(self, *, full: bool = False) -> Rescan:
        loaded = self.site.load()
        with self.store.transaction():
            return rescan(self.store, loaded.config, loaded.base, lambda *_: None, full=full)

    def cards(self) -> dict[str, Card]:
        return {card.path: card for card in self.store.cards()}

    def qualities(self) -> dict[str, int]:
        return {path.removeprefix("seeds/"): card.quality for path, card in self.cards().items()}

    def problems(self) -> list[str]:
        return [f"{one.path} {one.field}" for one in self.store.seed_problems()]


@pytest.fixture
def scanner(site: Site) -> Iterator[Scanner]:
    with open_store(site.state, pytest.fail) as store:
        yield Scanner(site, store)


def rewrite(path: Path, old: bytes, new: bytes) -> None:
    """Changes a file in place and leaves its mtime as it was."""
    times = path.stat()
    path.write_bytes(path.read_bytes().replace(old, new))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


# What is read


def test_rescan_reads_new_and_changed_seeds_only(scanner: Scanner) -> None:
    site = scanner.site
    for number in range(3):
        site.seed(f"{number}.txt", number=number)
    assert scanner() == (3, 3, 3, 0)
    assert scanner() == (3, 0, 0, 0)
    site.seed("1.txt", number=1, quality=99)
    site.seed("sub/3.md", number=3)
    assert scanner() == (4, 2, 2, 0)
    assert scanner.qualities() == {"0.txt": 70, "1.txt": 99, "2.txt": 70, "sub/3.md": 70}


def settle(path: Path, offset: int) -> None:
    os.utime(path, ns=(SETTLED_NS + offset,) * 2)


def touch(path: Path) -> None:
    settle(path, offset=1)


def touch_back(path: Path) -> None:
    settle(path, offset=-(10**15))


def rewrite_same(path: Path) -> None:
    path.write_bytes(path.read_bytes())
    touch(path)


def replace_by_copy(path: Path) -> None:
    """Gives the same bytes and mtime another inode, as a restored backup has."""
    copy = path.with_name("copy")
    copy.write_bytes(path.read_bytes())
    settle(copy, offset=0)
    copy.replace(path)


@pytest.mark.parametrize("action", [touch, touch_back, rewrite_same, replace_by_copy])
def test_touched_seed_costs_one_read_and_changes_nothing(
    scanner: Scanner, action: Callable[[Path], None]
) -> None:
    path = scanner.site.seed(quality=50, heat="warm")
    settle(path, offset=0)
    scanner()
    before = scanner.cards(), scanner.problems()
    scanner.store.touched.clear()
    action(path)
    assert scanner() == (1, 1, 0, 0)
    assert scanner() == (1, 0, 0, 0)
    assert (scanner.cards(), scanner.problems()) == before
    assert scanner.store.touched == set()


def test_change_of_size_alone_is_seen(scanner: Scanner) -> None:
    seed = scanner.site.seed()
    scanner()
    rewrite(seed, b"quality: 70", b"quality: 7")
    assert scanner() == (1, 1, 1, 0)


def test_change_of_inode_alone_is_seen(scanner: Scanner) -> None:
    seed = scanner.site.seed()
    scanner()
    before = seed.stat()
    other = scanner.site.seed("other", quality=71)
    os.utime(other, ns=(before.st_mtime_ns, before.st_mtime_ns))
    other.replace(seed)
    assert (seed.stat().st_size, seed.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert scanner() == (1, 1, 1, 0)
    assert scanner.qualities() == {"a.txt": 71}


def test_change_that_left_no_trace_is_found_by_reading_everything(scanner: Scanner) -> None:
    seed = scanner.site.seed()
    scanner()
    rewrite(seed, b"quality: 70", b"quality: 71")
    assert scanner() == (1, 0, 0, 0)
    assert scanner(full=True) == (1, 1, 1, 0)
    assert scanner.qualities() == {"a.txt": 71}


def test_reading_everything_changes_nothing_where_nothing_changed(scanner: Scanner) -> None:
    scanner.site.seed("a.txt", number=1)
    scanner.site.write("bad.txt", "---\ntitle: Bad\n---\n")
    scanner()
    before = scanner.cards(), scanner.problems()
    assert scanner(full=True) == (2, 2, 0, 0)
    assert (scanner.cards(), scanner.problems()) == before


@pytest.mark.parametrize(
    "seconds", [pytest.param(0, id="just now"), pytest.param(3600, id="by a clock that is ahead")]
)
def test_seed_changed_within_the_granularity_of_mtime_is_read_again(
    scanner: Scanner, seconds: int
) -> None:
    seed = scanner.site.seed()
    os.utime(seed, (time.time() + seconds,) * 2)
    assert scanner() == (1, 1, 1, 0)
    assert scanner() == (1, 1, 0, 0)
    rewrite(seed, b"quality: 70", b"quality: 71")
    assert scanner() == (1, 1, 1, 0)
    assert scanner.qualities() == {"a.txt": 71}


def test_seed_is_left_alone_once_its_change_is_long_past(scanner: Scanner) -> None:
    seed = scanner.site.seed()
    os.utime(seed, (time.time() - 1,) * 2)
    scanner()
    time.sleep(1.2)
    assert scanner() == (1, 1, 0, 0)
    assert scanner() == (1, 0, 0, 0)


@pytest.mark.parametrize(
    "toml",
    ['[site]\ntimezone = "Asia/Tokyo"\n', "[text]\nrepair = false\n"],
    ids=["timezone", "repair"],
)
def test_every_seed_is_read_anew_when_it_would_be_read_otherwise(
    scanner: Scanner, toml: str
) -> None:
    seed = scanner.site.seed(publishedDateTime="2026-02-01T00:00:00", title="â€œQuoteâ€\x9d")
    scanner.site.seed("b.txt", number=2)
    scanner()
    before = scanner.cards()
    config = seed.parent.parent / "config.toml"
    config.write_text(toml)
    assert scanner()[:2] == (2, 2)
    assert scanner() == (2, 0, 0, 0)
    after = scanner.cards()
    assert after["seeds/a.txt"].digest != before["seeds/a.txt"].digest
    assert after["seeds/b.txt"] == before["seeds/b.txt"]
    config.write_text("")
    scanner()
    assert scanner.cards() == before


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
    before = scanner.cards()
    site.write("a.txt", content)
    for _ in range(3):
        found = scanner.scan()
        assert len([*found.problems, *scanner.store.seed_problems()]) >= 1
        assert scanner.cards() == before
    os.utime(site.seeds / "a.txt")
    found = scanner.scan()
    assert len([*found.problems, *scanner.store.seed_problems()]) >= 1
    site.write("a.txt", good)
    assert scanner.scan().problems == scanner.problems() == []
    assert scanner.cards() == before


def test_seed_that_was_never_good_has_no_item_until_it_is_mended(scanner: Scanner) -> None:
    scanner.site.write("a.txt", BAD)
    assert (scanner(), scanner.cards()) == ((1, 1, 1, 0), {})
    scanner.site.seed()
    assert (scanner(), scanner.qualities()) == ((1, 1, 1, 0), {"a.txt": 70})
    assert scanner.problems() == []


def test_seed_is_bad_for_one_reason_at_a_time(scanner: Scanner) -> None:
    """What was wrong with it before it grew too large is said no more."""
    scanner.site.write("a.txt", BAD)
    scanner()
    scanner.site.write("a.txt", "x" * (1024 * 1024 + 1))
    found = scanner.scan()
    assert [problem.path for problem in found.problems] == ["seeds/a.txt"]
    assert scanner.problems() == []


def test_seed_that_cannot_be_read_is_tried_again_in_every_pass() -> None:
    with open_folder() as folder, open_store(folder / "state.db", pytest.fail) as store:
        scanner = Scanner(Site(folder / "site"), store)
        seed = scanner.site.seed()
        scanner()
        before = scanner.cards()
        scanner.site.seed(quality=71)
        with closed(seed):
            for _ in range(2):
                assert scanner()[:2] == (1, 1)
                assert (scanner.cards(), scanner.problems()) == (before, ["seeds/a.txt "])
        assert scanner() == (1, 1, 1, 0)
        assert (scanner.qualities(), scanner.problems()) == ({"a.txt": 71}, [])


# Seeds that go


def test_deleted_seed_is_forgotten(scanner: Scanner) -> None:
    for number in range(2):
        scanner.site.seed(f"{number}.txt", number=number)
    scanner()
    (scanner.site.seeds / "0.txt").unlink()
    found = scanner.scan()
    assert (found.seeds, found.read, found.gone, found.emptied) == (1, 0, 1, [])
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
    (before,) = scanner.cards().values()
    target = scanner.site.seeds / new
    target.parent.mkdir(parents=True, exist_ok=True)
    (scanner.site.seeds / old).rename(target)
    assert scanner() == (1, 1, 1, 1)
    (after,) = scanner.cards().values()
    assert after.path != before.path
    assert (after.id, after.digest, after.memory) == (before.id, before.digest, before.memory)


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
    scanner()
    seed.rename(seed.with_name(".a.txt"))
    assert scanner() == (0, 0, 0, 1)


def test_folder_that_ran_empty_is_told(scanner: Scanner) -> None:
    site = scanner.site
    site.configure('[paths]\nseeds = ["seeds/one", "seeds/two"]')
    first, second = site.seed("one/a.txt"), site.seed("two/b.txt", number=2)
    scanner()
    first.unlink()
    assert scanner.scan().emptied == [str(first.parent)]
    second.unlink()
    assert scanner.scan().emptied == [str(second.parent)]


def test_folder_that_is_not_there_stops_the_rescan_before_anything_changes(
    scanner: Scanner,
) -> None:
    site = scanner.site
    site.configure('[paths]\nseeds = ["seeds/one", "seeds/two"]')
    site.seed("one/a.txt")
    site.seed("two/b.txt", number=2)
    scanner()
    before = scanner.cards()
    site.seed("one/a.txt", quality=1)
    (site.seeds / "two").rename(site.root / "elsewhere")
    with pytest.raises(SeedsFolderError, match="two"):
        scanner()
    assert scanner.cards() == before


def test_progress_counts_what_is_read(scanner: Scanner) -> None:
    for number in range(3):
        scanner.site.seed(f"{number}.txt", number=number)
    told: list[tuple[str, int, int]] = []
    loaded = scanner.site.load()
    with scanner.store.transaction():
        rescan(scanner.store, loaded.config, loaded.base, lambda *all_: told.append(all_))
    assert told == [("seeds", 1, 3), ("seeds", 2, 3), ("seeds", 3, 3)]
