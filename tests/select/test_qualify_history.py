"""ItemHistory: the times that readers are told, and when they move."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from feeds.common.model import ItemHistory
from feeds.common.times import LATEST
from feeds.select.qualify import history_of
from tests.support.site import header

NOW = 1_000
MARKS = {"": 5, "#ai": 7}


@pytest.mark.parametrize(
    ("dated", "revised", "updated"),
    [
        pytest.param(100, 100, 100, id="never updated"),
        pytest.param(100, 500, 500, id="updated since"),
        pytest.param(100, NOW, NOW, id="updated now"),
        pytest.param(100, NOW + 1, 100, id="an update in the future is doubted"),
        pytest.param(-100, -50, -50, id="before 1970"),
    ],
)
def test_history_of_a_new_item_has_the_dates_of_its_seed(
    dated: int, revised: int, updated: int
) -> None:
    new = header(dated=dated, revised=revised)
    assert history_of(new, NOW) == ItemHistory(dated, updated, b"shown", {})


@pytest.mark.parametrize("now", [NOW, 0], ids=["later", "clock set back"])
@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"quality": 1, "heat": 99}, id="quality and heat"),
        pytest.param({"revised": 900}, id="updatedDateTime"),
        pytest.param({"dated": 900, "revised": 900}, id="publishedDateTime"),
        pytest.param({"digest": b"related, tags, sizes"}, id="what else an item has"),
        pytest.param({"path": "/seeds/moved.txt", "number": 99}, id="its file"),
    ],
)
def test_history_is_the_same_object_where_readers_would_not_care(
    changes: dict[str, Any], now: int
) -> None:
    history = ItemHistory(100, 200, b"shown", MARKS)
    assert history_of(header(history=history, **changes), now) is history


@pytest.mark.parametrize(
    ("revised", "now", "updated"),
    [
        pytest.param(100, NOW, NOW, id="the seed tells no newer date"),
        pytest.param(200, NOW, NOW, id="the seed tells the date of before"),
        pytest.param(201, NOW, 201, id="the seed tells a newer date"),
        pytest.param(NOW, NOW, NOW, id="the seed tells this second"),
        pytest.param(NOW + 1, NOW, NOW, id="the seed tells a date in the future"),
        pytest.param(100, 150, 201, id="clock set back"),
        pytest.param(100, 200, 201, id="the second of before"),
        pytest.param(201, 150, 201, id="clock set back, the seed tells a date in the future"),
    ],
)
def test_history_moves_updated_for_an_edit_and_nothing_else(
    revised: int, now: int, updated: int
) -> None:
    edited = header(
        dated=99,
        revised=revised,
        reader_digest=b"seen anew",
        history=ItemHistory(100, 200, b"shown", MARKS),
    )
    assert history_of(edited, now) == ItemHistory(100, updated, b"seen anew", MARKS)


def test_history_of_a_digest_of_another_version_gets_the_new_one_and_keeps_its_dates() -> None:
    history = ItemHistory(100, 200, b"\x01" + b"a" * 15, MARKS)
    other = header(dated=99, revised=500, reader_digest=b"\x02" + b"b" * 15, history=history)
    renewed = ItemHistory(100, 200, b"\x02" + b"b" * 15, MARKS)
    assert history_of(other, NOW) == renewed
    edited = replace(other, reader_digest=b"\x02" + b"c" * 15, history=renewed)
    assert history_of(edited, NOW).updated == 500


@given(
    st.lists(
        st.tuples(
            st.sampled_from([b"s1", b"s2"]),
            st.integers(0, LATEST),
            st.integers(0, 99) | st.integers(0, LATEST),
        ),
        max_size=9,
    )
)
def test_history_moves_updated_forward_with_every_edit_under_any_clock(
    seen: list[tuple[bytes, int, int]],
) -> None:
    history = None
    for digest, revised, now in seen:
        told = history_of(
            header(dated=0, revised=revised, reader_digest=digest, history=history), now
        )
        if history is not None and history.digest == digest:
            assert told is history
        elif history is not None:
            assert told.updated > history.updated or told.updated == LATEST
        history = told
