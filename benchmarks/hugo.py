"""The same stories as a site of Hugo: one RSS of all, one per topic and one per provider, no pages.

Hugo cannot be told a threshold of quality, so stories that `feeds` leaves out are drafts. It knows
no provider with a name and a domain, so the domain is a term of a taxonomy.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import measure
from generate import Story
from measure import Measurement

MIN_QUALITY = 40
CONFIG = """\
baseURL = "https://feeds.example.org/"
title = "Feeds"
disableKinds = ["404", "robotsTXT", "sitemap"]

[taxonomies]
topic = "topics"
domain = "domains"

[frontmatter]
date = ["publishedDateTime"]

[outputs]
home = ["RSS"]
section = []
taxonomy = []
term = ["RSS"]

[services.rss]
limit = 50

[[cascade]]
[cascade._build]
render = "link"
[cascade._target]
kind = "page"
"""


def is_installed() -> bool:
    """Tell whether there is a Hugo to compare with."""
    return shutil.which("hugo") is not None


def prepare(site: Path, seeds: Path, stories: list[Story]) -> None:
    """Write the site: each seed as it is, with a line or two before its first key."""
    (site / "content").mkdir(parents=True)
    (site / "hugo.toml").write_text(CONFIG, encoding="utf-8")
    for number, story in enumerate(stories):
        shown = story.published and story.quality >= MIN_QUALITY
        head = f'---\ndomains: ["{story.provider.domain}"]\n' + ("" if shown else "draft: true\n")
        text = (seeds / story.path).read_text(encoding="utf-8")
        (site / "content" / f"{number}.md").write_text(
            head + text.removeprefix("---\n"), encoding="utf-8"
        )


def build(site: Path) -> Measurement:
    """Run Hugo from a cold start: nothing published, no cache."""
    for folder in ("public", "resources", "cache"):
        shutil.rmtree(site / folder, ignore_errors=True)
    argv = ("hugo", "--quiet", "--source", str(site), "--cacheDir", str(site / "cache"))
    return measure.run(argv, site)
