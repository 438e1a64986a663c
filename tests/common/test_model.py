"""The values that stages hand on: what they tell of themselves."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from feeds.common.archives import Archive, ArchivePart
from feeds.common.model import (
    Digest,
    DigestStory,
    Entry,
    Feed,
    FeedContents,
    Problem,
    Related,
)
from feeds.common.times import recent_days
from tests.support.rendering import make_item

FEED = Feed("topics/ai", "topic", "ai", "AI", "AI", "", 50)
DAY = 86_400


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        pytest.param(
            Problem("a.txt", 6, 10, "quality", "found 'x'"),
            "a.txt:6:10: error: quality: found 'x'",
            id="place and field",
        ),
        pytest.param(
            Problem("a.txt", 6, 0, "", "no YAML", "warning"),
            "a.txt:6: warning: no YAML",
            id="line",
        ),
        pytest.param(Problem("a.txt", 0, 7, "", "a pipe"), "a.txt: error: a pipe", id="file"),
    ],
)
def test_problem_is_written_as_compilers_do(problem: Problem, text: str) -> None:
    assert str(problem) == text


def test_related_stories_are_the_best_in_the_order_of_the_seed() -> None:
    stories = tuple(Related(name, "https://a.example/", quality) for name, quality in
                    (("low", 10), ("first", 70), ("best", 90), ("second", 70)))  # fmt: skip
    item = make_item(related=stories)
    assert [one.title for one in item.best_related(3)] == ["best", "first", "second"]
    assert len(item.best_related(9)) == 4


@pytest.mark.parametrize(
    ("archive", "part"),
    [
        pytest.param(None, None, id="no archives"),
        pytest.param(Archive(older="topics/ai/2021"), None, id="subscription document"),
        pytest.param(
            Archive(current="topics/ai", part=ArchivePart("2021", 2)),
            ArchivePart("2021", 2),
            id="part",
        ),
    ],
)
def test_feed_is_a_part_of_archives_if_it_stands_in_none_before_all(
    archive: Archive | None, part: ArchivePart | None
) -> None:
    assert replace(FEED, archive=archive).part == part


def test_summary_has_the_newest_times_and_days_of_its_entries() -> None:
    entries = (Entry(1, "a", 5 * DAY, 6 * DAY, b""), Entry(2, "b", 7 * DAY, 7 * DAY, b""))
    tombstones = (Entry(-1, "c", 9 * DAY, 9 * DAY, b""),)
    summary = FeedContents(FEED, entries, 1, 2, 8 * DAY, tombstones).summary()
    assert (summary.feed, summary.entries) == (FEED, 2)
    assert (summary.newest, summary.updated) == (7 * DAY, 9 * DAY)
    assert (summary.exposed, summary.left_out, summary.until) == (1, 2, 8 * DAY)
    assert summary.days == recent_days([5 * DAY, 7 * DAY])


def test_summary_of_an_empty_feed_has_no_times() -> None:
    summary = FeedContents(FEED, ()).summary()
    assert (summary.entries, summary.newest, summary.updated) == (0, None, None)


def test_digest_shows_a_withdrawn_story_only_with_notices() -> None:
    stories = (DigestStory(1, make_item(1)), DigestStory(2, make_item(2), "deleted"))
    digest = Digest(0, DAY, "1970-01-01", stories)
    assert digest.shown(notices=False) == [stories[0]]
    assert digest.shown(notices=True) == list(stories)
