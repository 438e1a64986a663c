"""Which seeds came, changed or went since they were last read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from feeds.common.errors import SeedsFolderError
from feeds.common.files import Fingerprint
from feeds.pipeline.due_seeds import Due, DueSeeds, parser_name, survey
from feeds.pipeline.state import read_state
from feeds.seeds.listing import Listing, list_plain
from feeds.seeds.scan import ScannedFile, scan
from tests.support.rescanning import Scanner, rewrite
from tests.support.site import config_of


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


def test_folder_that_is_not_there_stops_the_rescan_before_anything_changes(
    scanner: Scanner,
) -> None:
    site = scanner.site
    site.configure('[paths]\nseeds = ["seeds/one", "seeds/two"]')
    site.seed("one/a.txt")
    site.seed("two/b.txt", number=2)
    scanner()
    before = scanner.headers()
    site.seed("one/a.txt", quality=1)
    (site.seeds / "two").rename(site.root / "elsewhere")
    with pytest.raises(SeedsFolderError, match="two"):
        scanner()
    assert scanner.headers() == before


def test_folder_that_moves_while_it_is_looked_for_keeps_its_items(
    scanner: Scanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        scanner.site.seed(f"b/{number}.txt", number=number)
    scanner.site.seed("a.txt", number=9)
    scanner()
    ids = {header.id for header in scanner.headers().values()}

    def moving(*arguments: Any) -> Iterator[ScannedFile]:
        walk = scan(*arguments)
        yield next(walk)
        if (scanner.site.seeds / "b").exists():
            (scanner.site.seeds / "b").rename(scanner.site.seeds / "0")
        yield from walk

    monkeypatch.setattr("feeds.pipeline.due_seeds.list_plain", lambda *_: None)
    monkeypatch.setattr("feeds.pipeline.due_seeds.scan", moving)
    assert scanner() == (4, 3, 3, 3)
    assert {header.id for header in scanner.headers().values()} == ids


@pytest.mark.parametrize("is_plain", [True, False], ids=["plain folders", "links"])
def test_seed_that_a_scan_did_not_come_by_is_not_forgotten(
    scanner: Scanner, monkeypatch: pytest.MonkeyPatch, *, is_plain: bool
) -> None:
    """A folder that is written to while it is listed may leave out files that are there."""
    for number in range(3):
        scanner.site.seed(f"{number}.txt", number=number)
    scanner()

    seed, away = scanner.site.seeds / "1.txt", scanner.site.root / "away"

    def list_overlooking(*arguments: Any) -> list[Listing] | None:
        if not is_plain:
            return None
        seed.rename(away)
        found = list_plain(*arguments)
        away.rename(seed)
        return found

    def scan_overlooking(*arguments: Any) -> list[ScannedFile]:
        seed.rename(away)
        found = list(scan(*arguments))
        away.rename(seed)
        return found

    monkeypatch.setattr("feeds.pipeline.due_seeds.list_plain", list_overlooking)
    monkeypatch.setattr("feeds.pipeline.due_seeds.scan", scan_overlooking)
    assert scanner() == (3, 0, 0, 0)
    scanner.site.seed("1.txt", number=1, quality=71)
    assert scanner() == (3, 1, 1, 0)
    assert scanner.qualities() == {"0.txt": 70, "1.txt": 71, "2.txt": 70}
    monkeypatch.undo()
    seed.unlink()
    assert scanner() == (2, 0, 0, 1)


def test_due_seeds_are_given_as_they_were_added() -> None:
    due = DueSeeds()
    files = [
        ScannedFile("/one/a.txt", "/one", 1, 2, 3),
        ScannedFile("/two/b.txt", "/two", 4, 2**62, 2**63 - 1),
        ScannedFile("/one/c.txt", "/one", 7, -8, 9),
    ]
    for number, one in enumerate(files):
        due.add(one, is_known=number == 1)
    wanted = [
        Due(one.path, one.folder, Fingerprint(one.size, one.mtime_ns, one.inode), number == 1)
        for number, one in enumerate(files)
    ]
    assert (list(due), len(due), due[2]) == (wanted, 3, wanted[2])
    assert due.places() == {"/one/a.txt": 0, "/two/b.txt": 1, "/one/c.txt": 2}


@pytest.mark.parametrize(
    ("toml", "is_same"),
    [
        pytest.param('[site]\ntimezone = "Asia/Tokyo"', False, id="time zone"),
        pytest.param("[text]\nrepair = false", False, id="repair"),
        pytest.param('[site]\ntitle = "Other"', True, id="what no seed says"),
    ],
)
def test_seeds_are_read_anew_if_they_would_be_read_otherwise(toml: str, *, is_same: bool) -> None:
    assert (parser_name(config_of(toml)) == parser_name(config_of())) == is_same


def test_survey_says_what_came_changed_and_went(scanner: Scanner) -> None:
    site = scanner.site
    site.configure('[paths]\nseeds = ["seeds/one", "seeds/two"]\n')
    for name in ("one/same.txt", "one/changed.txt", "two/gone.txt"):
        site.seed(name, number=len(name))
        os.utime(site.seeds / name, (1e9, 1e9))
    scanner()
    run = scanner.begin()
    found = survey(run, read_state(run.store))
    assert (found.seeds, len(found.wanted), found.missing, found.is_quiet) == (3, 0, set(), True)
    rewrite(site.seeds / "one/changed.txt", b"quality: 70", b"quality: 7")
    new = site.seed("one/new.txt", number=9)
    (site.seeds / "two/gone.txt").unlink()
    found = survey(run, read_state(run.store))
    assert {(one.path, one.is_known) for one in found.wanted} == {
        (str(site.seeds / "one/changed.txt"), True),
        (str(new), False),
    }
    assert found.missing == {str(site.seeds / "two/gone.txt")}
    assert (found.emptied, found.is_quiet) == ([str(site.seeds / "two")], False)
