"""How many feeds a site may have, and what is said of more."""

from __future__ import annotations

import pytest

from feeds.common.errors import PublishError
from feeds.common.reports import Options
from tests.support.site import Site


def _many(site: Site, limit: int) -> None:
    site.configure(f"max_feeds = {limit}\n")
    site.seed("few.txt", number=1, topics=["AI"])
    site.seed("many.txt", number=2, topics=[f"Topic {number}" for number in range(40)])
    drafts = [f"Draft {number}" for number in range(50)]
    site.seed("draft.txt", number=3, topics=drafts, published=False)


def test_more_feeds_than_allowed_end_the_pass_and_leave_out_as_it_was(site: Site) -> None:
    site.seed("few.txt", number=1, topics=["AI"])
    site.publish()
    before = site.tree()
    _many(site, 42)
    with pytest.raises(
        PublishError, match=r"43 feeds are more than site.max_feeds \(42\)"
    ) as caught:
        site.publish()
    assert caught.value.exit_code == 3
    assert str(caught.value).index("many.txt (40)") < str(caught.value).index("few.txt (1)")
    with pytest.raises(PublishError, match="max_feeds"):
        site.publish(options=Options(dry_run=True))
    assert site.tree() == before


def test_as_many_feeds_as_allowed_are_published(site: Site) -> None:
    _many(site, 43)
    assert len(site.publish().feeds) == 43


def test_check_and_list_tell_of_too_many_feeds(site: Site) -> None:
    _many(site, 42)
    checked, listed = site.run("check"), site.run("list")
    assert (checked.code, listed.code) == (1, 0)
    assert "site.max_feeds" in checked.err
    assert "site.max_feeds" in listed.err
