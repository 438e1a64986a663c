"""What is served beside passes, and before the first of them."""

from __future__ import annotations

import pytest

from feeds.serve.content import Content
from feeds.serve.messages import Request
from feeds.serve.query import Query
from feeds.store import open_state
from tests.support.site import Site


def test_retired_documents_are_remembered_until_they_come_back(site: Site) -> None:
    paths = {f"topics/rare.{extension}" for extension in ("atom", "rss", "json", "html")}
    found = []
    for topics in (["AI", "Rare"], ["AI"], ["AI"], ["AI", "Rare"]):
        site.seed(topics=topics)
        site.publish()
        with open_state(site.state, "serve") as store:
            assert store is not None
            found.append(store.retired())
    assert found == [set(), paths, paths, set()]


def test_content_of_a_state_file_in_the_making_serves_what_there_is(site: Site) -> None:
    site.state.parent.mkdir()
    site.state.touch()  # a pass has just begun to make it
    content = Content(site.load().config, pytest.fail)
    assert content.form(Request("GET", "/query")).status == 200
    assert content.query(Request("GET", "/query.json"), "json", Query()).status == 200
    assert not content.is_gone("all.atom")
    assert content.gauges().report is None
    content.close()


def test_content_of_nothing_serves_nothing(site: Site) -> None:
    content = Content(site.load().config, pytest.fail)
    content.warm()
    assert content.publication.texts == {}
    assert content.health().status == 503
    content.close()
