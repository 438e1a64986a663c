"""publish_pass(): the whole way, on real files."""

from __future__ import annotations

from tests.site import Site


def test_pass_publishes_a_seed_in_every_feed_it_qualifies_for(site: Site) -> None:
    site.seed()
    report = site.publish()
    assert {feed.address: feed.entries for feed in report.feeds} == {
        "all": 1,
        "topics/ai": 1,
        "providers/example.com": 1,
    }


def test_pass_twice_changes_not_one_byte_or_mtime(site: Site) -> None:
    site.seed()
    site.publish()
    before = site.tree()
    report = site.publish()
    assert site.tree() == before
    assert report.written == []
