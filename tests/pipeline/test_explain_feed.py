"""Explanations of feeds: how they are named, and what came and went with the last pass."""

from __future__ import annotations

from datetime import timedelta

import pytest

from feeds.common.errors import UnknownSeedError
from feeds.common.reports import NO_CALLBACKS, Options
from feeds.pipeline.explain_feed import FeedExplanation, explained_any
from feeds.pipeline.explain_story import Explained
from tests.support.site import NOW, Site

DRAFT = "not published (published: false, or missing, in the seed)"
LATER, LATEST = NOW + timedelta(hours=1), NOW + timedelta(hours=2)


def feeds_called(site: Site, name: str) -> list[FeedExplanation]:
    """Returns the explanations of the feeds with a name."""
    found = explained_any(site.load(), name, NO_CALLBACKS)
    return [one for one in found if isinstance(one, FeedExplanation)]


def feed_called(site: Site, name: str) -> FeedExplanation:
    """Returns the explanation of the only feed with a name."""
    (found,) = feeds_called(site, name)
    return found


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("topics/ai", "topics/ai"),
        ("topics/ai.atom", "topics/ai"),
        ("https://feeds.example.org/topics/ai.rss", "topics/ai"),
        ("aI", "topics/ai"),
        ("example.com", "providers/example.com"),
        ("The Example", "providers/example.com"),
        ("all", "all"),
        ("best", "custom/best"),
        ("custom/old", "custom/best"),
        ("Site: AI", "topics/ai"),
    ],
)
def test_feed_is_found_by_its_names(name: str, address: str, site: Site) -> None:
    site.configure('[[feeds]]\nname = "Best"\naliases = ["old"]\n')
    site.seed()
    assert feed_called(site, name).address == address


def test_feeds_of_one_name_are_all_explained(site: Site) -> None:
    site.configure('[[feeds]]\nname = "AI"\n')
    site.seed()
    assert [one.address for one in feeds_called(site, "AI")] == ["topics/ai", "custom/ai"]


def test_topic_without_documents_is_explained(site: Site) -> None:
    site.seed(quality=39)
    found = feed_called(site, "AI")
    assert (found.address, found.entries) == ("topics/ai", 0)
    assert [one.why for one in found.missed] == ["quality 39 is below 40, set by [selection]"]


def test_story_comes_before_a_feed_of_its_name(site: Site) -> None:
    site.seed("all.txt")
    (found,) = explained_any(site.load(), "all.txt", NO_CALLBACKS)
    assert isinstance(found, Explained)


@pytest.mark.parametrize(
    ("name", "hint"), [("topics/ia", " (did you mean 'topics/ai'?)"), ("zzz", "")]
)
def test_name_of_nothing_is_refused_with_a_hint(name: str, hint: str, site: Site) -> None:
    site.seed()
    with pytest.raises(UnknownSeedError) as refused:
        explained_any(site.load(), name, NO_CALLBACKS)
    assert str(refused.value).endswith(f"and no feed is called so{hint}")


def test_site_without_a_pass_has_no_changes(site: Site) -> None:
    site.seed()
    found = feed_called(site, "AI")
    assert (found.last_pass, found.came, found.went) == (None, [], None)


def test_stories_come_and_go_with_the_last_pass(site: Site) -> None:
    for number in range(1, 6):
        site.seed(f"{number}.txt", number=number)
    site.publish()
    assert feed_called(site, "AI").went is None  # the first pass judges every story
    site.seed("6.txt", number=6)
    site.seed("1.txt", number=1, quality=39)
    site.seed("2.txt", number=2, published=False)
    site.seed("3.txt", number=3, topics=["Law"])
    (site.seeds / "4.txt").unlink()
    site.seed("5.txt", number=5, title="Edited")
    site.publish(LATER)
    found = feed_called(site, "AI")
    assert found.last_pass == LATER
    assert [(one.title, one.seed) for one in found.came] == [("Story 6", "seeds/6.txt")]
    assert found.went is not None
    assert {(one.title, one.why) for one in found.went} == {
        ("Story 1", "quality 39 is below 40, set by [selection]"),
        ("Story 2", f"{DRAFT}; (quality 70 reaches 40, set by [selection])"),
        ("Story 3", "its seed does not name this feed any more"),
        ("", "its seed is gone"),
    }
    site.publish(LATEST)  # finds nothing changed
    assert feed_called(site, "AI").last_pass == LATER


def test_story_that_went_and_will_come_back_says_so(site: Site) -> None:
    site.seed()
    site.publish()
    site.seed(quality=39)
    site.publish(LATER)
    site.seed()
    found = feed_called(site, "AI")
    assert [one.why for one in found.went or ()] == ["it comes back with the next pass"]


def test_next_pass_with_changes_elsewhere_ends_the_news(site: Site) -> None:
    site.seed()
    site.publish()
    site.seed("2.txt", number=2)
    site.publish(LATER)
    assert [one.title for one in feed_called(site, "AI").came] == ["Story 2"]
    site.seed("3.txt", number=3, topics=["Law"])
    site.publish(LATEST)
    found = feed_called(site, "AI")
    assert (found.last_pass, found.came, found.went) == (LATEST, [], [])


def test_newer_stories_move_older_ones_out(site: Site) -> None:
    site.configure('[selection]\nmax_items = 2\nexposure = "0s"\n')
    for number in (1, 2):
        site.seed(f"{number}.txt", number=number)
    site.publish()
    site.seed("3.txt", number=3)
    site.publish(LATER)
    found = feed_called(site, "all")
    assert [one.title for one in found.came] == ["Story 3"]
    assert [(one.title, one.why) for one in found.went or ()] == [
        ("Story 1", "newer stories fill the feed (max_items 2)")
    ]


def test_what_a_pass_would_do_now_is_no_news_of_the_last(site: Site) -> None:
    site.seed()
    site.publish()
    site.seed("2.txt", number=2)
    site.publish(LATER)
    (site.seeds / "2.txt").unlink()
    site.seed("3.txt", number=3)
    found = feed_called(site, "AI")
    assert (found.came, found.went, found.entries) == ([], [], 2)


def test_pass_after_a_change_of_rules_does_not_know_what_went(site: Site) -> None:
    site.seed()
    site.publish()
    site.configure("[selection]\nmin_quality = 71\n")
    site.publish(LATER)
    found = feed_called(site, "AI")
    assert (found.last_pass, found.came, found.went) == (LATER, [], None)


def test_explanation_of_a_feed_writes_nothing(site: Site) -> None:
    site.seed()
    site.publish(options=Options())
    site.seed("2.txt", number=2)
    before = site.files()
    feed_called(site, "AI")
    assert site.files() == before
