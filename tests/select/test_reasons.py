"""Why an item is, or is not, in each feed, in words with the numbers that decided."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from feeds.common.model import ItemHeader
from feeds.select.qualify import Past
from feeds.select.reasons import Reason, reasons_for
from tests.support.choosing import choose
from tests.support.site import config_of, header

NOW = 1_000_000
HOUR = 3600
OLD = Past(first_pass=False)


def reasons(
    item: ItemHeader, *others: ItemHeader, toml: str = "", past: Past = OLD, now: int = NOW
) -> dict[str, Reason]:
    config = config_of(toml)
    choice = choose([item, *others], config, past, now)
    feeds = {(one.feed.kind, one.feed.key): one for one in choice.feeds}
    item = replace(item, history=choice.histories.get(item.id, item.history))
    return {one.address: one for one in reasons_for(item, choice, feeds.get, config, now)}


@pytest.mark.parametrize(
    ("changes", "toml", "inside", "words"),
    [
        pytest.param(
            {"quality": 39},
            '[topics."AI"]\nmin_quality = 60',
            False,
            'quality 39 is below 60, set by [topics."AI"]',
            id="below",
        ),
        pytest.param(
            {"quality": 60},
            '[topics."AI"]\nmin_quality = 60',
            True,
            'quality 60 reaches 60, set by [topics."AI"]; entry 1 of 1',
            id="inside",
        ),
        pytest.param(
            {"quality": 99},
            '[topics."AI"]\nexclude = true',
            False,
            'excluded by [topics."AI"]',
            id="excluded",
        ),
        pytest.param(
            {"is_published": False},
            "",
            False,
            "not published (published: false, or missing, in the seed); "
            "(quality 70 reaches 40, set by [selection])",
            id="draft",
        ),
        pytest.param(
            {"is_published": False, "quality": 1},
            "",
            False,
            "quality 1 is below 40, set by [selection]; "
            "not published (published: false, or missing, in the seed)",
            id="bad draft",
        ),
        pytest.param(
            {"dated": NOW + 1},
            "",
            False,
            "dated in the future, not shown until 1970-01-12 13:46 UTC; "
            "(quality 70 reaches 40, set by [selection])",
            id="future",
        ),
        pytest.param(
            {"heat": 1},
            "[selection]\nmin_heat = 2",
            False,
            "heat 1 is below 2, set by [selection]; (quality 70 reaches 40, set by [selection])",
            id="heat",
        ),
        pytest.param(
            {"quality": 9},
            '[[rules]]\ntopic = "AI"\nprovider = "example.com"\nmin_quality = 80',
            False,
            'quality 9 is below 80, set by [[rules]] topic = "AI", provider = "example.com"',
            id="rule",
        ),
    ],
)
def test_reasons_say_what_decided(
    changes: dict[str, Any], toml: str, words: str, *, inside: bool
) -> None:
    assert reasons(header(**changes), toml=toml)["topics/ai"] == Reason("topics/ai", words, inside)


def test_reasons_cover_every_feed_that_the_item_could_be_in_and_no_other() -> None:
    toml = """
    [topics.Cars]
    min_quality = 90
    slug = "autos"
    [[feeds]]
    name = "Mine"
    topics = ["Cars"]
    [[feeds]]
    name = "Other"
    topics = ["Cats"]
    """
    item = header(topics=("AI", "Cars"))
    assert {address: one.inside for address, one in reasons(item, toml=toml).items()} == {
        "all": True,
        "topics/ai": True,
        "topics/autos": False,
        "providers/example.com": True,
        "custom/mine": False,
    }


@pytest.mark.parametrize(
    ("toml", "address"),
    [
        pytest.param("", "topics/ai", id="only drafts name it"),
        pytest.param("[topics.AI]\nexclude = true", "topics/ai", id="excluded"),
        pytest.param('[topics.AI]\nexclude = true\nslug = "x"', "topics/x", id="excluded, slug"),
    ],
)
def test_reasons_name_the_address_of_a_feed_that_there_is_not_yet(toml: str, address: str) -> None:
    assert address in reasons(header(is_published=False), toml=toml)


def test_reasons_say_of_which_seed_it_is_a_duplicate() -> None:
    loser, winner = header(1, id="urn:uuid:same"), header(2, id="urn:uuid:same")
    words = reasons(loser, winner)["all"].words
    assert words.startswith("a duplicate of /seeds/002.txt")
    assert reasons(winner, loser)["all"].inside


ONE = "[selection]\nmax_items = 1\n"


def remembered(number: int, since: int) -> ItemHeader:
    """Returns a header that qualified at that time."""
    one = header(number)
    return replace(one, history=choose([one], config_of(), OLD, since).histories[one.id])


@pytest.mark.parametrize(
    ("since", "words"),
    [
        pytest.param(
            NOW - 48 * HOUR,
            "; entry 2 of 2, beyond its 1 newest items (max_items) because it first qualified at "
            "1970-01-10 13:46 UTC, within the exposure of 48h",
            id="lately",
        ),
        pytest.param(
            NOW - 48 * HOUR - 1,
            ", but the feed holds its 1 newest items (max_items), and this one first qualified at "
            "1970-01-10 13:46 UTC: longer ago than the exposure of 48h",
            id="long ago",
        ),
    ],
)
def test_reasons_tell_what_is_exposed_from_what_is_past(since: int, words: str) -> None:
    toml = f'{ONE}exposure = "48h"'
    reason = reasons(remembered(1, since), remembered(2, NOW), toml=toml)["topics/ai"]
    # Two days are shown in days.
    assert reason.words == "quality 70 reaches 40, set by [selection]" + words.replace("48h", "2d")


def test_reasons_say_how_many_found_no_room() -> None:
    late = [remembered(number, NOW) for number in (1, 2, 3)]
    reason = reasons(*late, toml=f"{ONE}max_exposed = 1")["all"]
    assert reason.words.endswith("among 1 too many")
    assert not reason.inside


def test_reasons_know_what_qualifies_only_now() -> None:
    """Items that the last pass has not seen qualify at this moment."""
    toml = f'{ONE}max_exposed = 1\nexposure = "1h"'
    every = {
        n: reasons(header(n), *map(header, {1, 2, 3} - {n}), toml=toml)["all"] for n in (1, 2, 3)
    }
    assert [every[number].inside for number in (1, 2, 3)] == [False, True, True]
    assert "first qualified at 1970-01-12 13:46 UTC, within the exposure of 1h" in every[2].words
    assert every[1].words.endswith("among 1 too many")
