"""Periods of archives, and how their parts are linked."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from feeds.common.archives import Archive, ArchivePart, end_of, period_of
from feeds.common.times import to_unix


def _unix(*date: int) -> int:
    return to_unix(datetime(*date, tzinfo=UTC))  # type: ignore[arg-type,misc]


@pytest.mark.parametrize(
    ("period", "end"),
    [
        ("2021-08", (2021, 9, 1)),
        ("2021-11", (2021, 12, 1)),
        ("2021-12", (2022, 1, 1)),
        ("2021", (2022, 1, 1)),
    ],
    ids=["August", "November", "December", "year"],
)
def test_a_period_ends_where_the_next_begins(period: str, end: tuple[int, ...]) -> None:
    archive = "month" if "-" in period else "year"
    assert end_of(period) == _unix(*end)
    assert period_of(end_of(period) - 1, archive) == period
    assert period_of(end_of(period), archive) > period


def test_the_first_part_has_no_number() -> None:
    parts = [ArchivePart("2021-08", number).name for number in (1, 2, 10)]
    assert parts == ["2021-08", "2021-08-2", "2021-08-10"]


def test_only_documents_that_exist_are_linked() -> None:
    assert list(Archive(older="a").relations()) == [("prev-archive", "a")]
    assert dict(Archive("a", "c", "all").relations()) == {
        "prev-archive": "a",
        "next-archive": "c",
        "current": "all",
    }
