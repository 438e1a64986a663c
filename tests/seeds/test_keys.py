"""feeds.seeds.keys: which key an unknown one was meant to be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.seeds.keys import KNOWN, suggestion

_LONG = sorted(key for key in KNOWN if len(key) > 4)


@pytest.mark.parametrize("key", sorted(KNOWN))
def test_known_key_is_meant_by_its_other_cases_and_numbers_and_not_by_itself(key: str) -> None:
    assert suggestion(key) is None
    others = {key.upper(), key.title(), key + "s", key[:1].upper() + key[1:], f"_{key}"[1:] + "_"}
    others |= {key.removesuffix("s"), key.lower()} - {key}
    for other in others - {key}:
        assert suggestion(other) == key


@pytest.mark.parametrize("key", sorted(KNOWN))
def test_known_key_is_meant_where_two_letters_changed_places(key: str) -> None:
    for at in range(1, len(key) - 1):
        swapped = key[:at] + key[at + 1] + key[at] + key[at + 2 :]
        assert suggestion(swapped) == (key if swapped != key else None)


@pytest.mark.parametrize("key", _LONG)
def test_known_key_is_meant_where_a_letter_is_missing_or_wrong_or_too_many(key: str) -> None:
    for at in range(1, len(key)):
        for wrong in (
            key[:at] + key[at + 1 :],
            f"{key[:at]}x{key[at:]}",
            f"{key[:at]}x{key[at + 1 :]}",
        ):
            assert suggestion(wrong) == (key if wrong != key else None)


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("categories", "category"),
        ("published_date_time", "publishedDateTime"),
        ("publishedDate", "publishedDateTime"),
        ("original-url", "originalUrl"),
        ("web url", "webUrl"),
        ("tag", "tags"),
        ("titel", "title"),
    ],
)
def test_key_is_meant_by_what_people_write(key: str, meant: str) -> None:
    assert suggestion(key) == meant


@pytest.mark.parametrize(
    "key",
    [
        *("author", "slug", "id", "date", "description", "summary", "url", "link", "subtitle"),
        *("publisher", "publishedAt", "publishedBy", "providerId", "categoryId", "unpublished"),
        *("created", "updated", "lang", "language", "head", "page", "text", "note", "custom", "x"),
        *("", "title\n", "tïtle", "title: x", "x" * 200, "тitle", "body", "layout", "draft"),
    ],
)
def test_other_key_means_nothing(key: str) -> None:
    assert suggestion(key) is None


@given(st.text())
def test_any_text_means_a_known_key_or_nothing(key: str) -> None:
    assert suggestion(key) in KNOWN | {None}
