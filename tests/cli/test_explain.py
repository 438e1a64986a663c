"""``feeds explain``: every reason, in words, for a story named in any way."""

from __future__ import annotations

import os
import re
import shutil
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.site import NOW, REAL_SEEDS, Site

URL = "https://news.example.com/stories/1"
ID = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, URL)}"
OLD = "2021-03-01T08:00:00Z"
REACHED = "quality 70 reaches 40, set by [selection]"
IN = f"in: {REACHED}; entry 1 of 1"
BELOW_80 = "out: quality 70 is below 80, set by"
DRAFT = "not published (published: false, or missing, in the seed)"
FUTURE = "dated in the future, not shown until 2998-12-31 23:30 UTC"
AGED = "dated 2021-03-01 08:00 UTC, older than max_age 365d"
TOPIC = '[topics."aI"]'
PROVIDER = '[providers."example.com"]'
RULE = '[[rules]] topic = "ai", provider = "example.com"'
RULES = RULE.replace("] ", "]\n").replace(", ", "\n")
CUSTOM = '[[feeds]] name = "Best of"'
CUSTOMS = CUSTOM.replace("] ", "]\n")


BEFORE_AND_AFTER = pytest.mark.parametrize("exports", [0, 1], ids=["before export", "after it"])


def verdicts(site: Site, story: str = "a.txt") -> dict[str, str]:
    """Returns what people read, by feed: ``in: WHY`` or ``out: WHY``."""
    lines = re.findall(r"^  (\S+) +(in|out): +(.*)$", site.run("explain", story).out, re.MULTILINE)
    assert lines
    return {feed: f"{verdict}: {words}" for feed, verdict, words in lines}


REASONS: list[tuple[str, dict[str, Any], str, str]] = [
    ("", {}, "all", IN),
    ("", {"topics": None}, "all", IN),
    ("[selection]\nmin_quality = 70", {}, "all", IN.replace("40", "70")),
    ("[selection]\nmin_quality = 80", {}, "providers/example.com", f"{BELOW_80} [selection]"),
    (f"{TOPIC}\nmin_quality = 80", {}, "topics/ai", f"{BELOW_80} {TOPIC}"),
    (f"{TOPIC}\nmin_quality = 80", {"topics": ["AI", "Art"]}, "all", IN),
    (f"{TOPIC}\nexclude = true", {}, "topics/ai", f"out: excluded by {TOPIC}"),
    ('[providers."Example.COM"]\nmin_quality = 80', {}, "topics/ai", f"{BELOW_80} {PROVIDER}"),
    (f"{PROVIDER}\nmin_quality = 80", {"topics": None}, "all", f"{BELOW_80} {PROVIDER}"),
    (f"{PROVIDER}\nexclude = true", {}, "all", f"out: excluded by {PROVIDER}"),
    (
        f"{PROVIDER}\nmin_quality = 75\n{TOPIC}\nmin_quality = 80",
        {},
        "topics/ai",
        f"{BELOW_80} {TOPIC}",
    ),
    (f"{RULES}\nmin_quality = 80", {}, "all", f"{BELOW_80} {RULE}"),
    (f"{RULES}\nexclude = true", {}, "topics/ai", f"out: excluded by {RULE}"),
    (
        f"{RULES}\nmin_quality = 9\n{TOPIC}\nmin_quality = 80\n{PROVIDER}\nexclude = true",
        {"quality": 10},
        "topics/ai",
        f"in: quality 10 reaches 9, set by {RULE}; entry 1 of 1",
    ),
    (f"{CUSTOMS}\nmin_quality = 80", {}, "custom/best-of", f"{BELOW_80} {CUSTOM}"),
    ("", {"published": None}, "all", f"out: {DRAFT}; ({REACHED})"),
    (
        "",
        {"published": False, "quality": 9},
        "all",
        f"out: quality 9 is below 40, set by [selection]; {DRAFT}",
    ),
    ("", {"publishedDateTime": "2999-01-01T01:30+02:00"}, "all", f"out: {FUTURE}; ({REACHED})"),
    (
        "[selection]\nmin_heat = 6",
        {},
        "all",
        f"out: heat 5 is below 6, set by [selection]; ({REACHED})",
    ),
    (
        "[selection]\nmin_heat = 0",
        {"heat": None},
        "all",
        f"out: heat unknown is below 0, set by [selection]; ({REACHED})",
    ),
    ('[selection]\nmax_age = "365d"', {}, "all", f"out: {AGED}; ({REACHED})"),
]


@pytest.mark.parametrize(
    ("toml", "changes", "feed", "verdict"),
    REASONS,
    ids=lambda value: str(value)[:50].replace("\n", " "),
)
def test_explain_gives_the_reason_and_what_set_it(
    toml: str, changes: dict[str, Any], feed: str, verdict: str, site: Site
) -> None:
    site.configure(toml)
    site.seed(**({"publishedDateTime": OLD} | changes))
    assert verdicts(site)[feed] == verdict


@pytest.mark.parametrize(
    ("toml", "changes"),
    [
        pytest.param("", {}, id="in"),
        pytest.param(f"{TOPIC}\nexclude = true", {}, id="excluded"),
        pytest.param("", {"published": False, "quality": 9}, id="draft"),
        pytest.param("", {"publishedDateTime": "2999-01-01T01:30+02:00"}, id="future"),
        pytest.param('[selection]\nmax_age = "365d"', {}, id="aged"),
    ],
)
def test_explain_gives_the_same_reasons_after_an_export(
    toml: str, changes: dict[str, Any], site: Site
) -> None:
    site.configure(toml)
    site.seed(**({"publishedDateTime": OLD} | changes))
    before = verdicts(site)
    site.run("export")
    assert verdicts(site) == before


@BEFORE_AND_AFTER
def test_explain_says_that_newer_items_fill_the_feed(exports: int, site: Site) -> None:
    site.configure("[selection]\nmax_items = 1")
    site.seed(publishedDateTime=OLD)
    site.seed("b.txt", number=2, publishedDateTime="2021-04-01T00:00:00Z")
    for _ in range(exports):
        site.run("export")
    assert verdicts(site)["all"] == (
        f"out: {REACHED}, but the feed holds its 1 newest items (max_items), and this one first "
        "qualified at 2021-03-01 08:00 UTC: longer ago than the exposure of 2d"
    )


@BEFORE_AND_AFTER
def test_explain_says_that_an_item_is_shown_for_having_come_late(exports: int, site: Site) -> None:
    site.configure("[selection]\nmax_items = 1\nmax_exposed = 1")
    site.seed("b.txt", number=2, publishedDateTime="2021-04-01T00:00:00Z")
    site.run("export")
    site.seed("c.txt", number=3, publishedDateTime="2021-03-02T00:00:00Z")
    site.seed("a.txt", publishedDateTime=OLD)
    for _ in range(exports):
        site.run("export")
    assert re.fullmatch(
        re.escape(f"in: {REACHED}; entry 2 of 2, beyond its 1 newest items (max_items) because it ")
        + rf"first qualified at {datetime.now(UTC):%Y-%m-%d} .* UTC, within the exposure of 2d",
        verdicts(site, "c.txt")["all"],
    )
    assert verdicts(site)["all"].startswith(f"out: {REACHED}, but the feed holds its 1 newest")
    assert verdicts(site)["all"].endswith(" UTC: among 1 too many")


def test_explain_tells_a_duplicate_which_seed_is_used_instead(site: Site) -> None:
    site.seed(publishedDateTime=OLD)
    site.seed("b.txt", publishedDateTime=OLD, quality=71)
    assert verdicts(site, "a.txt")["all"].startswith("out: a duplicate of seeds/b.txt; ")
    assert verdicts(site, "b.txt")["all"] == (
        "in: quality 71 reaches 40, set by [selection]; entry 1 of 1"
    )
    out = site.run("explain", URL).out
    assert out.index("seeds/a.txt") < out.index("seeds/b.txt")


@BEFORE_AND_AFTER
def test_explain_shows_the_problems_of_a_seed_that_cannot_be_used(exports: int, site: Site) -> None:
    site.seed(publishedDateTime=OLD, quality=101)
    site.seed("b.txt", number=2)
    for _ in range(exports):
        site.run("export")
    ran = site.run("explain", "a.txt")
    assert ran.code == 0
    assert "its seed cannot be used" in ran.out
    assert "seeds/a.txt:6:10: error: quality: found '101', wanted an integer" in ran.out
    (explanation,) = site.run("explain", "seeds/a.txt", "--json").report()
    assert [one["field"] for one in explanation["problems"]] == ["quality"]
    assert explanation["feeds"] == []


def test_explain_says_that_the_last_good_state_of_a_broken_seed_is_shown(site: Site) -> None:
    site.seed(publishedDateTime=OLD)
    site.run("export")
    site.seed(publishedDateTime=OLD, title="New title", quality=None)
    for _ in range(2):
        ran = site.run("explain", "a.txt")
        assert "error: quality: missing" in ran.out
        assert "the feeds keep its last good state" in ran.out
        assert "Story 1" in ran.out
        assert verdicts(site)["all"] == IN
        site.run("export")


def test_explain_shows_a_problem_of_the_path_itself(site: Site) -> None:
    os.mkfifo(site.seeds / "pipe.txt")
    assert "a named pipe (FIFO), wanted a regular file" in site.run("explain", "pipe.txt").out


def test_explain_gives_a_report_with_names_for_machines(site: Site) -> None:
    site.seed(publishedDateTime=OLD)
    (report,) = site.run("explain", "a.txt", "--json").report()
    assert report == {
        "seed": "seeds/a.txt",
        "id": ID,
        "title": "Story 1",
        "problems": [],
        "feeds": [
            {"address": address, "words": f"{REACHED}; entry 1 of 1", "inside": True}
            for address in ("all", "topics/ai", "providers/example.com")
        ],
    }


def test_explain_of_a_real_seed_is_worded_as_the_card_has_it(tmp_path: Path) -> None:
    site = Site(tmp_path / "site")
    shutil.copytree(REAL_SEEDS, site.seeds, dirs_exist_ok=True)
    shutil.copy(REAL_SEEDS.parent / "config.toml", site.root)
    assert verdicts(site, "001_792b0d4a2dfad34b.txt") == {
        "all": f"out: quality 39 is below 40, set by [selection]; {DRAFT}",
        "topics/computer-vision": (
            f'out: quality 39 is below 60, set by [topics."Computer Vision"]; {DRAFT}'
        ),
        "topics/ai": f"out: quality 39 is below 40, set by [selection]; {DRAFT}",
        "providers/jurist.org": f"out: quality 39 is below 40, set by [selection]; {DRAFT}",
    }


def test_explain_writes_nothing(site: Site) -> None:
    site.seed()
    before = site.files()
    site.run("explain", "a.txt")
    assert site.files() == before
    site.run("export")
    before = site.files()
    site.run("explain", "a.txt")
    assert site.files() == before


def test_explain_tells_the_date_that_readers_saw_first(site: Site) -> None:
    site.seed(publishedDateTime="2026-02-01T08:00:00Z")
    assert site.run("export").code == 0
    assert "shown as" not in site.run("explain", "a.txt").out
    site.seed(publishedDateTime="2026-02-02T08:00:00Z")
    assert site.run("export").code == 0
    lines = site.run("explain", "a.txt").out.splitlines()
    assert "  dated     2026-02-02 08:00 UTC" in lines
    shown = "2026-02-01 08:00 UTC (the date that readers saw first; it never moves)"
    assert f"  shown as  {shown}" in lines


def test_explain_of_a_feed_tells_people_what_it_asks_and_misses(site: Site) -> None:
    site.configure("[topics.AI]\nmin_quality = 60\n")
    site.seed(quality=70)
    for number in range(2, 10):
        site.seed(f"{number}.txt", number=number, quality=50 + number)
    ran = site.run("explain", "AI")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines() == [
        "Site: AI",
        "  address   topics/ai",
        "  link      https://feeds.example.org/topics/ai.atom",
        "  entries   1; max_items 50",
        '  any story needs quality 60, set by [topics."AI"]',
        "",
        "  no pass has run yet",
        "  nearest misses:",
        *(
            f"    Story {number} (seeds/{number}.txt): "
            f'quality {50 + number} is below 60, set by [topics."AI"]'
            for number in (9, 8, 7, 6, 5)
        ),
        "",
    ]
    assert "Story 2" in site.run("explain", "AI", "--verbose").out


def test_explain_of_a_feed_tells_people_what_came_and_went(site: Site) -> None:
    site.seed()
    site.publish(NOW + timedelta(hours=0))
    lines = site.run("explain", "topics/ai").out.splitlines()
    assert lines[6].endswith(" judged every story anew, so what went is not known")
    site.seed(quality=39)
    site.seed("b.txt", number=2)
    site.publish(NOW + timedelta(hours=1))
    lines = site.run("explain", "topics/ai").out.splitlines()
    assert lines[6].startswith("  the pass of ")
    assert lines[7:9] == [
        "    came: Story 2 (seeds/b.txt)",
        "    went: Story 1 (seeds/a.txt): quality 39 is below 40, set by [selection]",
    ]
    site.seed("c.txt", number=3, topics=["Law"])
    site.publish(NOW + timedelta(hours=2))
    assert "moved no story in or out" in site.run("explain", "topics/ai").out
    (report,) = site.run("explain", "topics/ai", "--json").report()
    assert (report["address"], report["came"], report["went"]) == ("topics/ai", [], [])
