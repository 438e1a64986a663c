"""Thresholds: who decides how good an item must be, and what keeps it out whatever its quality."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from feeds.common.model import ItemHistory
from feeds.config import Config
from feeds.select.thresholds import Threshold, Thresholds, exclusion_reasons, is_due, next_turn
from tests.support.site import config_of, header

DAY = 86_400
RULE = '[[rules]] topic = "AI", provider = "rt.com"'


def threshold(config: Config, topic: str = "ai", provider: str = "rt.com") -> Threshold:
    return Thresholds(config).get(topic, provider)


@pytest.mark.parametrize(
    ("toml", "expected"),
    [
        pytest.param("", Threshold(40, "[selection]"), id="built-in default"),
        pytest.param(
            "[selection]\nmin_quality = 0", Threshold(0, "[selection]"), id="configured default"
        ),
        pytest.param(
            "[topics.AI]\nmin_quality = 60", Threshold(60, '[topics."AI"]'), id="topic above"
        ),
        pytest.param(
            "[topics.AI]\nmin_quality = 0", Threshold(0, '[topics."AI"]'), id="topic below default"
        ),
        pytest.param(
            '[providers."rt.com"]\nmin_quality = 30',
            Threshold(30, '[providers."rt.com"]'),
            id="provider below default",
        ),
        pytest.param(
            '[topics.AI]\nmin_quality = 20\n[providers."rt.com"]\nmin_quality = 30',
            Threshold(30, '[providers."rt.com"]'),
            id="stricter is the provider",
        ),
        pytest.param(
            '[topics.AI]\nmin_quality = 31\n[providers."rt.com"]\nmin_quality = 30',
            Threshold(31, '[topics."AI"]'),
            id="stricter is the topic",
        ),
        pytest.param(
            '[topics.AI]\ntitle = "x"\n[providers."rt.com"]\nmax_items = 3',
            Threshold(40, "[selection]"),
            id="tables without a threshold set none",
        ),
        pytest.param(
            '[topics.AI]\nexclude = true\n[providers."rt.com"]\nmin_quality = 100',
            Threshold(0, '[topics."AI"]', excluded=True),
            id="exclusion is stricter than any number",
        ),
        pytest.param(
            '[topics.AI]\nexclude = true\n[[rules]]\ntopic = "AI"\nprovider = "rt.com"\n'
            "min_quality = 0",
            Threshold(0, RULE),
            id="a rule lets an excluded topic in",
        ),
        pytest.param(
            '[topics.AI]\nmin_quality = 1\n[[rules]]\ntopic = "AI"\nprovider = "rt.com"\n'
            "exclude = true",
            Threshold(0, RULE, excluded=True),
            id="a rule excludes the pair",
        ),
        pytest.param(
            '[[rules]]\ntopic = "AI"\nprovider = "sky.com"\nmin_quality = 99\n'
            '[[rules]]\ntopic = "Cars"\nprovider = "rt.com"\nmin_quality = 98',
            Threshold(40, "[selection]"),
            id="rules of other pairs",
        ),
        pytest.param(
            '[topics."  a I "]\nmin_quality = 1\n[topics."aI"]\nmin_quality = 61',
            Threshold(61, '[topics."aI"]'),
            id="topics are compared without case",
        ),
        pytest.param(
            '[[rules]]\ntopic = " Ai "\nprovider = "RT.com."\nmin_quality = 7',
            Threshold(7, '[[rules]] topic = "Ai", provider = "rt.com"'),
            id="rules are compared in normal form",
        ),
    ],
)
def test_threshold_is_set_by(toml: str, expected: Threshold) -> None:
    assert threshold(config_of(toml)) == expected


@pytest.mark.parametrize("topic", ["computer vision", ""], ids=["topic", "no topic"])
def test_threshold_folds_white_space_and_leaves_items_without_topics_alone(topic: str) -> None:
    config = config_of('[topics."Computer \\t  VISION"]\nmin_quality = 60')
    assert threshold(config, topic).min_quality == (60 if topic else 40)


def test_threshold_follows_the_design_in_every_combination() -> None:
    """The sentence of the design, once more and differently, over all that can be set."""
    settings = (None, 20, 60, "exclude")
    for topic, provider, rule in product(settings, repeat=3):
        toml = ""
        for head, value in (
            ("[topics.AI]", topic),
            ('[providers."rt.com"]', provider),
            ('[[rules]]\ntopic = "AI"\nprovider = "rt.com"', rule),
        ):
            if value is not None:
                setting = "exclude = true" if value == "exclude" else f"min_quality = {value}"
                toml += f"{head}\n{setting}\n"
        own = [101 if value == "exclude" else value for value in (topic, provider) if value]
        deciding = [101 if rule == "exclude" else rule] if rule else own or [40]
        needed = max(int(value or 0) for value in deciding)
        entered = [
            quality
            for quality in range(101)
            if not threshold(config_of(toml)).rejection_reason(quality)
        ]
        assert entered == list(range(needed, 101)), toml


@pytest.mark.parametrize(
    ("quality", "words"),
    [(39, "quality 39 is below 40, set by [selection]"), (40, ""), (100, "")],
)
def test_threshold_is_inclusive_and_names_the_numbers(quality: int, words: str) -> None:
    assert threshold(config_of()).rejection_reason(quality) == words


@pytest.mark.parametrize(
    ("toml", "changes", "words"),
    [
        pytest.param("", {}, [], id="nothing"),
        pytest.param(
            "",
            {"is_published": False},
            ["not published (published: false, or missing, in the seed)"],
            id="draft",
        ),
        pytest.param("", {"dated": DAY}, [], id="dated this very second"),
        pytest.param(
            "",
            {"dated": DAY + 1},
            ["dated in the future, not shown until 1970-01-02 00:00 UTC"],
            id="dated a second ahead",
        ),
        pytest.param("[selection]\nmin_heat = -1", {"heat": -1}, [], id="unknown heat by default"),
        pytest.param(
            "[selection]\nmin_heat = 0",
            {"heat": -1},
            ["heat unknown is below 0, set by [selection]"],
            id="unknown heat",
        ),
        pytest.param("[selection]\nmin_heat = 3", {"heat": 3}, [], id="heat inclusive"),
        pytest.param(
            "[selection]\nmin_heat = 3",
            {"heat": 2},
            ["heat 2 is below 3, set by [selection]"],
            id="too little heat",
        ),
        pytest.param('[selection]\nmax_age = "1h"', {"dated": DAY - 3600}, [], id="age inclusive"),
        pytest.param(
            '[selection]\nmax_age = "1h"',
            {"dated": DAY - 3601},
            ["dated 1970-01-01 22:59 UTC, older than max_age 1h"],
            id="too old",
        ),
        pytest.param("", {"dated": -99 * 365 * DAY}, [], id="no age is too old by default"),
    ],
)
def test_item_is_excluded_by(toml: str, changes: dict[str, Any], words: list[str]) -> None:
    assert list(exclusion_reasons(header(**changes), config_of(toml), now=DAY)) == words


def test_item_is_excluded_for_every_reason_at_once() -> None:
    config = config_of('[selection]\nmin_heat = 1\nmax_age = "1s"')
    reasons = list(exclusion_reasons(header(is_published=False, dated=0), config, now=DAY))
    assert [reason.split()[0] for reason in reasons] == ["not", "heat", "dated"]


@pytest.mark.parametrize(
    ("toml", "dated", "turn"),
    [
        ("", [], None),
        ("", [50], None),
        ("", [50, 101, 200], 100),
        ('max_age = "1m"', [50], 110),  # it expires after this moment
        ('max_age = "1m"', [40, 200], 100),
        ('max_age = "1m"', [39, 131], 130),
        ('max_age = "1m"', [39], None),  # it has expired
    ],
)
def test_next_turn_is_the_last_moment_before_an_item_becomes_due_or_expires(
    toml: str, dated: list[int], turn: int | None
) -> None:
    def next_dated(after: int) -> int | None:
        return min((one for one in dated if one > after), default=None)

    assert next_turn(config_of(f"[selection]\n{toml}\n"), next_dated, 100) == turn


@pytest.mark.parametrize(
    ("dated", "shown", "due"),
    [(100, None, True), (101, None, False), (101, 101, True), (101, 99, False)],
    ids=["its date has come", "its date is to come", "shown under it", "shown under another"],
)
def test_item_is_due_from_its_date_on_or_if_it_was_shown_under_it(
    dated: int,
    shown: int | None,
    due: bool,  # noqa: FBT001 (a parameter of a test)
) -> None:
    history = None if shown is None else ItemHistory(shown, shown, b"", {})
    assert is_due(header(dated=dated, history=history), 100) is due
