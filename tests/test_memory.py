"""Memory: the times that readers are told, and when they move."""

from __future__ import annotations

from typing import Any

import pytest

from feeds.model import Memory
from feeds.select.memory import recall
from tests.site import card

NOW = 1_000
MARKS = {"": 5, "#ai": 7}


@pytest.mark.parametrize(
    ("dated", "stamp", "updated"),
    [
        pytest.param(100, 100, 100, id="never updated"),
        pytest.param(100, 500, 500, id="updated since"),
        pytest.param(100, NOW, NOW, id="updated now"),
        pytest.param(100, NOW + 1, 100, id="an update in the future is doubted"),
        pytest.param(-100, -50, -50, id="before 1970"),
    ],
)
def test_memory_of_a_new_item_has_the_dates_of_its_seed(
    dated: int, stamp: int, updated: int
) -> None:
    new = card(dated=dated, stamp=stamp)
    assert recall(new, NOW) == Memory(dated, updated, b"shown", {})


@pytest.mark.parametrize("now", [NOW, 0], ids=["later", "clock set back"])
@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"quality": 1, "heat": 99}, id="quality and heat"),
        pytest.param({"stamp": 900}, id="updatedDateTime"),
        pytest.param({"dated": 900, "stamp": 900}, id="publishedDateTime"),
        pytest.param({"digest": b"related, tags, sizes"}, id="what else an item has"),
        pytest.param({"path": "/seeds/moved.txt", "number": 99}, id="its file"),
    ],
)
def test_memory_is_the_same_object_where_readers_would_not_care(
    changes: dict[str, Any], now: int
) -> None:
    memory = Memory(100, 200, b"shown", MARKS)
    assert recall(card(memory=memory, **changes), now) is memory


@pytest.mark.parametrize(
    ("stamp", "now", "updated"),
    [
        pytest.param(100, NOW, NOW, id="the seed tells no newer date"),
        pytest.param(200, NOW, NOW, id="the seed tells the date of before"),
        pytest.param(201, NOW, 201, id="the seed tells a newer date"),
        pytest.param(NOW, NOW, NOW, id="the seed tells this second"),
        pytest.param(NOW + 1, NOW, NOW, id="the seed tells a date in the future"),
        pytest.param(100, 150, 200, id="clock set back"),
    ],
)
def test_memory_moves_updated_for_an_edit_and_nothing_else(
    stamp: int, now: int, updated: int
) -> None:
    edited = card(
        dated=99, stamp=stamp, reader_digest=b"edited", memory=Memory(100, 200, b"shown", MARKS)
    )
    assert recall(edited, now) == Memory(100, updated, b"edited", MARKS)
