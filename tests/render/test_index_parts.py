"""The parts of groups of many feeds: their letters, their order, their paths, their sizes."""

from __future__ import annotations

from collections import Counter
from html import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.common.media import MEDIA
from feeds.common.model import FeedSummary
from feeds.render import index_parts
from feeds.render.index_parts import MOST_IN_PART, Part, split_group
from feeds.select import addresses
from tests.support.many_feeds import named, summary
from tests.support.rendering import HOSTILE_LINE


def _name(one: FeedSummary) -> str:
    return one.feed.name


def _split(*names: str) -> list[Part]:
    """Returns the parts of topics of these names, and of as many others as it takes to split."""
    fillers = (f"m{number:03}" for number in range(MOST_IN_PART))
    return split_group("topic", named("topic", (*names, *fillers)), _name)


def _part_of(name: str) -> Part:
    (part,) = [one for one in _split(name) if name in map(_name, one.feeds)]
    return part


@pytest.mark.parametrize(
    ("name", "letter", "path"),
    [
        pytest.param("Art", "A", "a", id="letter"),
        pytest.param("art", "A", "a", id="small letter"),
        pytest.param("Écologie", "E", "e", id="accent"),
        pytest.param("ßarg", "S", "s", id="sharp s"),
        pytest.param("3D", "0–9", "0-9", id="digit"),
        pytest.param("٣", "0–9", "0-9", id="Arabic digit"),
        pytest.param("Жизнь", "Ж", "u0416", id="Cyrillic"),
        pytest.param("فن", "ف", "u0641", id="Arabic"),
        pytest.param("カメラ", "カ", "u30ab", id="kana"),
        pytest.param("한국", "ᄒ", "u1112", id="Hangul"),
        pytest.param("人工智能", "Other", "other", id="ideograph"),
        pytest.param(".NET", "Other", "other", id="sign"),
        pytest.param("😀", "Other", "other", id="emoji"),
        pytest.param("\u0301", "Other", "other", id="nothing but a mark"),
    ],
)
def test_letter_is_the_first_of_the_name_without_accent(name: str, letter: str, path: str) -> None:
    part = _part_of(name)
    assert (part.letter, part.number, part.path) == (letter, 1, f"feeds/topics/{path}")


def test_letters_stand_between_digits_and_everything_else() -> None:
    found = [part.letter for part in _split(".NET", "Zoo", "Art", "Ж", "3D", "人工智能")]
    assert found == ["0–9", "A", "M", "Z", "Ж", "Other"]


def test_feeds_of_a_letter_stand_by_their_names_without_case_and_accents() -> None:
    (part, *_) = _split("Azur", "Ámbar", "AI", "ambition")
    assert [_name(one) for one in part.feeds] == ["AI", "Ámbar", "ambition", "Azur"]


def test_group_that_is_small_is_one_part() -> None:
    feeds = named("custom", [chr(97 + number % 26) for number in range(MOST_IN_PART)])
    (part,) = split_group("custom", feeds, _name)
    assert (part.letter, part.path, len(part.feeds)) == ("All", "feeds/custom/all", MOST_IN_PART)
    assert split_group("custom", [], _name) == []


def test_letter_of_many_feeds_has_numbered_parts() -> None:
    names = [f"a{number:04}" for number in range(MOST_IN_PART * 2 + 1)]
    parts = [part for part in _split(*names) if part.letter == "A"]
    assert [(part.number, part.path, part.title) for part in parts] == [
        (1, "feeds/topics/a", "A"),
        (2, "feeds/topics/a-2", "A, 2"),
        (3, "feeds/topics/a-3", "A, 3"),
    ]
    assert [len(part.feeds) for part in parts] == [MOST_IN_PART, MOST_IN_PART, 1]
    assert [_name(one) for part in parts for one in part.feeds] == names


def _escaped(part: Part) -> str:
    return escape("".join(one.feed.title for one in part.feeds))


def test_part_of_long_names_has_fewer_feeds() -> None:
    names = [f"a{number} " + "<&>" * 100 for number in range(MOST_IN_PART)]
    parts = [part for part in _split(*names) if part.letter == "A"]
    assert len(parts) == 7
    assert max(len(_escaped(part)) for part in parts) <= index_parts.MOST_BYTES
    (first, *_) = _split("a" * index_parts.MOST_BYTES * 2, "ab")
    assert [_name(one)[:2] for one in first.feeds] == ["aa"]


@given(st.lists(HOSTILE_LINE | st.characters(categories=["L", "N", "P", "So"]), max_size=40))
def test_every_feed_is_in_one_part_and_every_part_has_its_path(names: list[str]) -> None:
    parts = _split(*names)
    found = Counter(one.feed.address for part in parts for one in part.feeds)
    assert len(found) == len(names) + MOST_IN_PART
    assert set(found.values()) == {1}
    paths = [part.path for part in parts]
    assert len(set(paths)) == len(paths)
    assert all(path.isascii() and path == path.lower() for path in paths)
    assert {len({part.letter for part in parts if part.path == path}) for path in paths} == {1}


def test_parts_do_not_depend_on_the_order_of_the_feeds() -> None:
    feeds = [summary("topic", f"Name {number % 9}", part=f"{number}") for number in range(600)]
    assert split_group("topic", feeds, _name) == split_group("topic", feeds[::-1], _name)


def test_no_feed_has_an_address_in_the_folder_of_parts() -> None:
    assert index_parts.FOLDER not in {*addresses._FOLDERS.values(), MEDIA}
