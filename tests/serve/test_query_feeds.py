"""What answers queries: whom they name, what is rendered and kept, and by which templates."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from feeds.common.model import Feed
from feeds.serve import query_feeds as module
from feeds.serve.content import Content
from feeds.serve.messages import Request
from feeds.serve.query import BadQueryError, Query
from feeds.serve.query_feeds import QueryFeeds
from tests.serve.test_query import FEEDS
from tests.support.site import Site, config_of


@pytest.mark.parametrize(
    ("query", "resolved"),
    [
        (Query(("c++",)), Query(("c++",))),
        (Query(("c",)), Query(("c++",))),
        (Query(("cpp",)), Query(("c++",))),
        (Query(("c", "c++", "unheard of")), Query(("c++", "unheard of"))),
        (Query(("x.org",), ("old.org",)), Query(("x.org",), ("x.org",))),
        (Query((), ("x.org", "old.org", "a.org")), Query((), ("a.org", "x.org"))),
    ],
)
def test_query_names_topics_by_address_and_providers_by_former_domain(
    query: Query, resolved: Query
) -> None:
    feeds = (*FEEDS, Feed("topics/x", "topic", "x", "X", "X", "", 50, aliases=("topics/c++",)))
    config = config_of('[providers."x.org"]\naliases = ["old.org"]\n')
    assert module._with_keys(query, feeds, config) == resolved


def test_query_that_many_ask_is_rendered_once(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    content = Content(site.load().config, pytest.fail)
    rendered = []
    render = QueryFeeds._render

    def count(self: QueryFeeds, query: Query, *rest: Any, **more: Any) -> Any:
        rendered.append(query)
        return render(self, query, *rest, **more)

    monkeypatch.setattr(QueryFeeds, "_render", count)
    for query in ("topic=ai&q=x", "q=x&topic=AI", "topic=ai&q=x"):
        for extension in ("atom", "rss", "json", "html"):
            content._query_feeds().find(Query.parse(query), extension)
    assert len(rendered) == 2  # the feeds, and the page
    content.close()


def test_results_that_are_kept_have_a_bound(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_RESULTS", 2)
    content = Content(site.load().config, pytest.fail)
    queries = [Query.parse(f"q={n}") for n in range(3)]
    for query in (queries[0], queries[1], queries[0], queries[2]):
        content._query_feeds().find(query, "atom")
    assert list(content._query_feeds()._results) == [(query, False) for query in queries[1:]]
    content.close()


@pytest.fixture
def own(site: Site) -> Iterator[Content]:
    """A published site with a template of its own for searches."""
    templates = site.root / "templates"
    templates.mkdir()
    (templates / "search.html").write_text("{{ search.faults|length }} in {{ feed.name }}")
    site.configure('[paths]\ntemplates = "templates"\n')
    site.seed()
    site.publish()
    content = Content(site.load().config, pytest.fail)
    yield content
    content.close()


def refusal(query: str) -> BadQueryError:
    with pytest.raises(BadQueryError) as error:
        Query.parse(query)
    return error.value


def page(content: Content) -> bytes:
    return content.query(Request("GET", "/query", browser=True), "html", Query()).body


def test_search_is_shown_by_the_templates_of_the_last_pass(site: Site, own: Content) -> None:
    assert page(own) == b"0 in All stories"
    refused = own.faulty_query(Request("GET", "/query", browser=True), refusal("limit=0&q=!"))
    assert (refused.status, refused.body) == (400, b"2 in All stories")
    (site.root / "templates" / "search.html").write_text("other")
    assert page(own) == b"0 in All stories"
    site.seed("2.txt", number=2)
    site.publish()
    own.refresh()
    assert page(own) == b"other"


def test_search_whose_own_template_fails_looks_as_ours_and_says_so_once(site: Site) -> None:
    template = site.root / "templates" / "search.html"
    template.parent.mkdir()
    template.write_text("\n{{ nothing.more }}")
    template.with_name("style.css").write_text("p {}")
    site.configure('language = "de"\n[paths]\ntemplates = "templates"\n')
    site.seed()
    site.publish()
    warned = list[str]()
    content = Content(site.load().config, warned.append)
    assert all(b"Meldungen suchen" in page(content) for _ in range(2))
    (style,) = re.findall(r"assets/style\.\w+\.css", page(content).decode())
    assert style in site.tree()
    refused = content.faulty_query(Request("GET", "/query", browser=True), refusal("limit=0"))
    assert "erwartet wird eine ganze Zahl von 1 bis 200" in refused.body.decode()
    (told,) = warned
    assert told.startswith("template search.html, line 2: 'nothing' is undefined")
    template.write_text("mended")
    site.seed("2.txt", number=2)
    site.publish()
    content.refresh()
    assert page(content) == b"mended"
    assert len(warned) == 1
    content.close()


def test_search_of_a_site_without_pages_is_a_feed(site: Site) -> None:
    site.configure("pages = false\n")
    site.seed()
    site.publish()
    content = Content(site.load().config, pytest.fail)
    answer = content.faulty_query(Request("GET", "/query", browser=True), refusal("q=!"))
    assert (answer.status, answer.body) == (400, b"q: no letter or digit in it\n")
    content.close()
