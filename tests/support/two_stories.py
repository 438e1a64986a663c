"""A site of two stories that share few feeds, for the tests of what passes remember."""

from __future__ import annotations

from datetime import datetime

from tests.support.site import NOW, Site

OF_SECOND_STORY = ["all", "providers/other.org", "topics/bio"]


def two_stories(site: Site) -> Site:
    """Publishes two stories that share no feed but that of everything."""
    site.seed("a.txt", number=1, topics=["AI"])
    edit(site, "Story 2")
    site.publish()
    return site


def edit(site: Site, title: str) -> None:
    """Gives the second story a title."""
    provider = {"name": "Other", "domain": "other.org"}
    site.seed("b.txt", number=2, topics=["Bio"], provider=provider, title=title)


def configured_in_turns(site: Site, toml: str, now: datetime = NOW) -> None:
    """Configures a site as it was not, then as it was; out/ is right each time."""
    before = site.documents()
    for one in (toml, ""):
        site.configure(one)
        site.publish(now)
        assert site.documents() == site.fresh(now)
        assert (site.documents() == before) == (one == "")
