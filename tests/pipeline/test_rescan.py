"""Rescan: a seed is read when its file changed, and only then."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from feeds.pipeline.rescan import Changes
from tests.support.rescanning import Scanner, rewrite

SETTLED_NS = 1_500_000_000 * 10**9


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
    before = scanner.headers(), scanner.problems()
    action(path)
    assert scanner.scan() == Changes(1, 1, 0, 0, [])
    assert scanner() == (1, 0, 0, 0)
    assert (scanner.headers(), scanner.problems()) == before


def test_reading_everything_changes_nothing_where_nothing_changed(scanner: Scanner) -> None:
    scanner.site.seed("a.txt", number=1)
    scanner.site.write("bad.txt", "---\ntitle: Bad\n---\n")
    scanner()
    before = scanner.headers(), scanner.problems()
    assert scanner(full=True) == (2, 2, 0, 0)
    assert (scanner.headers(), scanner.problems()) == before


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


def test_seed_is_left_alone_once_its_change_is_long_past(
    scanner: Scanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [scanner.site.seed().stat().st_mtime_ns + 1_000_000_000]
    monkeypatch.setattr(time, "time_ns", lambda: clock[0])
    scanner()
    clock[0] += 1_200_000_000
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
    before = scanner.headers()
    config = seed.parent.parent / "config.toml"
    config.write_text(toml)
    assert scanner()[:2] == (2, 2)
    assert scanner() == (2, 0, 0, 0)
    after = scanner.headers()
    assert after["seeds/a.txt"].digest != before["seeds/a.txt"].digest
    assert after["seeds/b.txt"] == before["seeds/b.txt"]
    config.write_text("")
    scanner()
    assert scanner.headers() == before
