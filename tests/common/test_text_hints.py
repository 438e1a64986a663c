"""Hints at what was probably meant."""

from __future__ import annotations

import pytest

from feeds.common.text import did_you_mean

KNOWN = ["Robotics", "topics/ai", "Computer Vision"]


@pytest.mark.parametrize(
    ("found", "hint"),
    [
        ("robotix", " (did you mean Robotics?)"),
        ("TOPICS/IA", " (did you mean topics/ai?)"),
        ("gardening", ""),
        ("", ""),
    ],
)
def test_hint_at_a_name_that_resembles(found: str, hint: str) -> None:
    assert did_you_mean(found, KNOWN) == hint


def test_hint_at_a_name_of_several_words_has_quotes() -> None:
    hint = did_you_mean("computer visions", KNOWN, quoted=True)
    assert hint == " (did you mean 'Computer Vision'?)"
