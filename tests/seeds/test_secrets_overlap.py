"""feeds.seeds.secrets: which texts hold a part of a secret, told in time linear in their length."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.seeds.secrets import reaches

BLOB = "wmN1XUkAeqeLw74hJAUdxFhxipbSYo35MMIBJs1MlGyE0jZpTm1DYJO3Aw3uiOIj"
_MIB = 1 << 20


@pytest.mark.parametrize(
    ("secret", "text"),
    [
        ("A" * _MIB, "B" * _MIB),
        ("ab" * (_MIB // 2), ("ab" * 5 + "c") * (_MIB // 11)),
        (BLOB * 8000, BLOB[::-1] * 8000),
    ],
    ids=["nothing", "eleven", "backwards"],
)
def test_comparison_takes_time_linear_in_the_length(secret: str, text: str) -> None:
    began = time.process_time()
    reaches(secret, text.encode())
    assert time.process_time() - began < 30


def test_secret_reaches_a_text_that_holds_twelve_characters_in_a_row_of_it() -> None:
    for start in range(len(BLOB) - 12):
        assert reaches(BLOB, f"The text {BLOB[start : start + 12]} and more".encode())
        assert not reaches(BLOB, f"The text {BLOB[start : start + 11]} and more".encode())
    assert reaches("abcd efgh ijkl", b"Xabcdefgh\nijklX")
    assert not reaches("x", b"x")


@given(
    secret=st.text("abC/ ", max_size=40),
    text=st.text("abC/ \n", max_size=60),
    common=st.text("abC/", max_size=14),
    at=st.tuples(st.integers(0, 40), st.integers(0, 60)),
)
def test_secret_reaches_a_text_exactly_if_any_part_of_it_does(
    secret: str, text: str, common: str, at: tuple[int, int]
) -> None:
    secret = secret[: at[0]] + common + secret[at[0] :]
    text = text[: at[1]] + common + text[at[1] :]
    dense = "".join(secret.split())
    seen = "".join(text.split()) if dense != secret else text
    parts = {dense[start : start + 12] for start in range(len(dense) - 11)}
    assert reaches(secret, text.encode()) == any(part in seen for part in parts)
