"""The rules of archives: what is sealed when, and which parts there are."""

from __future__ import annotations

import pytest

from feeds.common.archives import ArchivePart, end_of
from feeds.common.model import Feed
from feeds.select.periods import (
    ArchiveSetting,
    Settings,
    next_archive_end,
    sealed,
    with_archives,
)
from tests.support.site import config_of

_FEED = Feed("topics/ai", "topic", "ai", "AI", "AI", "", 50, aliases=("topics/ki",))
_PARTS = [ArchivePart("2021-08", 1), ArchivePart("2021-08", 2), ArchivePart("2021-10", 1)]


def _waiting(period: str, *ids: str) -> list[tuple[str, str]]:
    return [(period, one) for one in ids]


@pytest.mark.parametrize(
    ("now", "found"),
    [
        ("2021-08", [(ArchivePart("2021-08", 3), ["a", "b"])]),
        ("2021-09", [(ArchivePart("2021-08", 3), ["a", "b"]), (ArchivePart("2021-08", 4), ["c"])]),
    ],
    ids=["full parts of a period", "all of a period that ended"],
)
def test_what_is_sealed(now: str, found: list[tuple[ArchivePart, list[str]]]) -> None:
    waiting = _waiting("2021-08", "a", "b", "c")
    assert list(sealed(waiting, lambda _: 2, 2, now)) == found


def test_parts_stand_below_the_feed_and_its_aliases() -> None:
    feed, parts = with_archives(_FEED, reversed(_PARTS), ArchiveSetting("month", None), 0)
    assert [part.address for part in parts] == [
        *("topics/ai/2021-08", "topics/ai/2021-08-2", "topics/ai/2021-10")
    ]
    assert parts[1].aliases == ("topics/ki/2021-08-2",)
    assert parts[1].origin == "topics/ai"
    assert feed.archive is not None
    assert feed.archive.older == "topics/ai/2021-10"
    assert [one.part for one in (_FEED, feed)] == [None, None]
    assert all(one.part for one in parts)


def test_a_period_goes_when_it_ended_archive_keep_ago() -> None:
    setting = ArchiveSetting("month", 86_400)
    gone = end_of("2021-08") + 86_400
    assert len(with_archives(_FEED, _PARTS, setting, gone - 1)[1]) == 3
    assert len(with_archives(_FEED, _PARTS, setting, gone)[1]) == 1
    periods = [part.period for part in _PARTS]
    ever = ArchiveSetting("month", None)
    assert next_archive_end(periods, [ever, setting], gone - 10) == gone - 1
    assert next_archive_end(periods, [ever], gone - 10) == end_of("2021-09") - 1
    assert next_archive_end(periods, [], gone - 10) is None


def test_a_table_of_its_own_decides_before_the_site() -> None:
    config = config_of(
        'site.archive = "month"\nsite.archive_keep = "2d"\n'
        '[topics.AI]\narchive = "off"\n[providers."a.com"]\narchive_keep = "1d"\n'
        '[[feeds]]\nname = "Best"\narchive = "year"\n'
    )
    settings = Settings(config)
    assert settings.of(("all", "")) == ("month", 172_800)
    assert settings.of(("topic", "ai")).archive == "off"
    assert settings.of(("provider", "a.com")) == ("month", 86_400)
    assert settings.of(("custom", "custom/best")).archive == "year"
    assert settings.keeps(("all", ""), "2021-08")
    assert not settings.keeps(("all", ""), "2021")
    assert not settings.keeps(("topic", "ai"), "2021-08")


def test_archives_are_off_by_default() -> None:
    assert not Settings(config_of()).any
