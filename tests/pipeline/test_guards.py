"""Which removals speak of a lost disk, folder by folder."""

from __future__ import annotations

import time

import pytest

from feeds.pipeline.guards import large_losses, mass_removals

Stories = dict[str, str]


def stories(folder: str, count: int, first: int = 0) -> Stories:
    """Returns so many stories in a folder, id by path."""
    return {f"{folder}/{number}.md": f"{folder} {number}" for number in range(first, first + count)}


def counts(before: Stories, folders: list[str]) -> dict[str, int]:
    """Returns how many stories there were below each folder that may lose many."""
    return large_losses(before, folders)


def removals(lost: Stories, before: Stories, share: float = 0.5, *emptied: str) -> Stories:
    return mass_removals(lost, counts(before, ["/s"]), ["/s"], emptied, share)


@pytest.mark.parametrize(
    ("count", "of", "share", "is_held"),
    [
        pytest.param(19, 19, 0.5, False, id="all, but few"),
        pytest.param(20, 20, 0.5, True, id="all, just enough"),
        pytest.param(20, 40, 0.5, False, id="just half"),
        pytest.param(21, 40, 0.5, True, id="more than half"),
        pytest.param(90, 100, 0.9, False, id="as much as is allowed"),
        pytest.param(91, 100, 0.9, True, id="more than is allowed"),
        pytest.param(100, 100, 1.0, False, id="never"),
        pytest.param(20, 10_000, 0.0, True, id="from 20 on"),
    ],
)
def test_missing_stories_are_held_where_they_are_many_and_a_large_part(
    count: int, of: int, share: float, *, is_held: bool
) -> None:
    lost = stories("/s/a", count)
    held = removals(lost, stories("/s/a", of), share)
    assert held == (dict.fromkeys(lost, "/s/a") if is_held else {})


@pytest.mark.parametrize(
    ("lost", "folder"),
    [
        pytest.param(stories("/s/2021/08", 30), "/s/2021/08", id="lowest"),
        pytest.param(
            stories("/s/2021/08", 100) | stories("/s/2021/09", 15), "/s/2021", id="in between"
        ),
        pytest.param(
            {path: id_ for month in range(12) for path, id_ in stories(f"/s/m/{month}", 2).items()},
            "/s/m",
            id="few each, many together",
        ),
        pytest.param(stories("/s", 600), "/s", id="at the top itself"),
    ],
)
def test_missing_stories_are_counted_in_folders_of_every_level(lost: Stories, folder: str) -> None:
    before = lost | stories("/s/other", 500)
    assert removals(lost, before) == dict.fromkeys(lost, folder)


def test_missing_few_stories_of_a_whole_folder_go_while_another_is_held() -> None:
    gone = stories("/s/small", 5)
    lost = stories("/s/a", 50) | gone
    before = lost | stories("/s/b", 500)
    assert removals(lost, before).keys() == lost.keys() - gone.keys()


def test_missing_story_with_two_files_counts_once() -> None:
    lost = {f"/s/{number}.md": str(number % 15) for number in range(30)}
    assert removals(lost, lost) == {}


def test_missing_stories_of_an_emptied_folder_are_held_however_few() -> None:
    lost = stories("/s/a", 2)
    assert removals(lost, lost, 1.0, "/s") == dict.fromkeys(lost, "/s/a")


def test_missing_stories_of_folders_in_folders_and_of_the_root() -> None:
    lost = stories("/s/a", 30)
    before = lost | stories("/s/b", 31)
    for folders in (["/s", "/s/a"], ["/s/a", "/s"], ["/"]):
        held = mass_removals(lost, counts(before, folders), folders, [], 0.5)
        assert held == dict.fromkeys(lost, "/s/a")
    assert mass_removals(lost, {}, ["/s/b", "/sea"], ["/s/b"], 0.5) == {}


def test_missing_stories_of_a_large_site_are_told_in_time() -> None:
    lost = {
        path: id_
        for number in range(2000)
        for path, id_ in stories(f"/s/{number % 12}/{number}/x", 25).items()
    }
    began = time.process_time()
    assert removals(lost, lost).keys() == lost.keys()
    assert time.process_time() - began < 30
