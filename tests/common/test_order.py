"""The order of entries is the same in Python and in SQL."""

from __future__ import annotations

import sqlite3

import pytest

from feeds.common.model import Entry
from feeds.common.order import order_sql, place_of

ENTRIES = [
    Entry(number, f"urn:uuid:{id_}", published, 0, b"")
    for number, (id_, published) in enumerate(
        [("b", 5), ("a", 5), ("é", 5), ("c", -1), ("z", 9), ("B", 5), ("a-", 5)]
    )
]


def test_order_is_the_newest_first_then_by_id() -> None:
    found = [(one.published, one.id[9:]) for one in sorted(ENTRIES, key=place_of)]
    assert found == [(9, "z"), (5, "B"), (5, "a"), (5, "a-"), (5, "b"), (5, "é"), (-1, "c")]


@pytest.mark.parametrize("prefix", ["", "slot.", "+"])
def test_order_of_rows_is_that_of_entries(prefix: str) -> None:
    rows = [(one.number, one.id, one.published) for one in ENTRIES]
    database = sqlite3.connect(":memory:")
    database.execute("CREATE TABLE slot (number, id, published)")
    database.executemany("INSERT INTO slot VALUES (?, ?, ?)", rows)
    query = f"SELECT number FROM slot ORDER BY {order_sql(prefix)}"  # noqa: S608 (our own)
    found = database.execute(query).fetchall()
    database.close()
    assert [number for (number,) in found] == [one.number for one in sorted(ENTRIES, key=place_of)]
