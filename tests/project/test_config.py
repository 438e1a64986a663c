"""The committed config.toml does with the five real seeds what its comments say."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.support.site import REAL_SEEDS, Site

CONFIG = REAL_SEEDS.parent / "config.toml"
GOOD = "Campaigners call for ban on use of facial recognition tech in UK"
SKY = "Civil liberties groups demand government bans facial recognition cameras"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A copy of config.toml and seeds/, published from where they stand."""
    site = Site(tmp_path_factory.mktemp("clone") / "site")
    shutil.copytree(REAL_SEEDS, site.seeds, dirs_exist_ok=True)
    shutil.copy(CONFIG, site.root)
    assert site.run("export", "--strict").code == 0
    return site


def titles(site: Site, address: str) -> list[str]:
    """Returns the titles in a feed, in its order."""
    return [entry["title"] for entry in json.loads(site.read(f"{address}.json"))["items"]]


def test_config_selects_both_published_seeds_by_the_default(published: Site) -> None:
    assert titles(published, "all") == [SKY, GOOD]
    assert titles(published, "topics/ai") == [SKY, GOOD]
    assert titles(published, "providers/sky.com") == [SKY]
    assert titles(published, "providers/diginomica.com") == [GOOD]


def test_config_selects_only_the_better_one_for_computer_vision(published: Site) -> None:
    assert titles(published, "topics/computer-vision") == [GOOD]
    out = published.run("explain", "003_d3ab86f532bae268.txt").out
    assert 'out: quality 58 is below 60, set by [topics."Computer Vision"]' in out


def test_config_makes_these_feeds_and_no_other(published: Site) -> None:
    assert published.run("list").out.splitlines() == [
        f"{title}\t{entries}\t{newest} UTC\thttps://feeds.example.org/{address}.atom"
        for title, entries, newest, address in (
            ("Example News", 2, "2021-08-23 09:27", "all"),
            ("Example News: AI", 2, "2021-08-23 09:27", "topics/ai"),
            ("Example News: Computer Vision", 1, "2021-08-19 11:58", "topics/computer-vision"),
            ("Example News: Diginomica", 1, "2021-08-19 11:58", "providers/diginomica.com"),
            ("Example News: Sky", 1, "2021-08-23 09:27", "providers/sky.com"),
        )
    ]


def test_config_and_seeds_are_without_any_problem_or_hint(published: Site) -> None:
    assert published.run("check") == (0, "5 seeds, 5 usable: 0 errors, 0 warnings\n", "")


@pytest.mark.parametrize(("provider", "quality"), [("Diginomica", 74), ("Sky", 58)])
def test_config_comments_give_the_qualities_that_the_seeds_have(
    provider: str, quality: int, published: Site
) -> None:
    comments = " ".join(
        line.lstrip("# ") for line in CONFIG.read_text(encoding="utf-8").splitlines()
    )
    assert f"{provider}'s of quality {quality}" in comments
    seed = {"Diginomica": "000_613e5fb5d2b32426.txt", "Sky": "003_d3ab86f532bae268.txt"}[provider]
    out = published.run("explain", seed).out
    assert f"quality   {quality}," in out
    assert f"provider {provider} (" in out
