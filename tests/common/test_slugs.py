"""feeds.common.slugs: the part of an address that a name gives."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from feeds.common.slugs import slug
from feeds.common.text import clean_line, fold

_SLUG = re.compile(r"[a-z0-9]+(?:[.-][a-z0-9]+)*")
_NAMES = (
    st.text(max_size=8)
    | st.text(alphabet="aBcé .-_/+#3", max_size=6)
    | st.text(alphabet="ab .", min_size=55, max_size=70)
)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("AI", "ai"),
        ("Computer Vision", "computer-vision"),
        (" computer\t VISION ", "computer-vision"),
        ("sky.com", "sky.com"),
        ("Web 2.0", "web-2.0"),
        ("a" * 60, "a" * 60),
        # Pinned: an address that people subscribed to never moves.
        ("C++", "c-cedb1bac"),
        ("C#", "c-951a4d36"),
        ("Café", "cafe-850f7dc4"),
        ("Deep-Fakes", "deep-fakes-b072123f"),
        ("人工知能", "d6bc0a3e"),
        ("../../etc/passwd", "etc-passwd-3754d6cb"),
    ],
)
def test_slug_of_a_name_is_pinned(name: str, wanted: str) -> None:
    assert slug(name) == wanted


def test_slug_that_config_gave_to_another_name_is_told_apart() -> None:
    assert slug("AI", reserved={"ai"}) == "ai-32e83e92"
    assert slug("AI", reserved={"computer-vision"}) == "ai"


@pytest.mark.parametrize(
    "name", ["a.", ".a", "a..b", "a . b", "a-b", "a_b", "a/b", "é", "²", "a" * 61]
)
def test_slug_of_a_name_that_loses_something_ends_in_its_hash(name: str) -> None:
    assert re.fullmatch(r"(?:[a-z0-9-]{1,60}-)?[0-9a-f]{8}", slug(name))


@pytest.mark.parametrize("name", ["", "/", "..", "+++", "\u200b", "é" * 200, "a" * 1000])
def test_slug_is_never_empty_nor_too_long_for_a_file_system(name: str) -> None:
    assert _SLUG.fullmatch(slug(name))
    assert len(slug(name)) <= 80


@example("C++", f"c {slug('C++')[2:]}")
@example("a b", "a-b")
@example("C", "C++")
@example("Straße", "STRASSE")
@example("人工知能", "人工智能")
@given(one=_NAMES, other=_NAMES)
def test_slugs_differ_exactly_where_names_do(one: str, other: str) -> None:
    one, other = clean_line(one, repair=False), clean_line(other, repair=False)
    assert _SLUG.fullmatch(slug(one))
    assert (slug(one) == slug(other)) == (fold(one) == fold(other))
