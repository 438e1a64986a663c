"""Queries: how they are read, named and written, and what is rendered; without a socket."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds.common.model import Feed
from feeds.serve import query as module
from feeds.serve.content import Content
from feeds.serve.query import MAX_TEXT, BadQueryError, Query, QueryFeeds
from tests.support.site import Site, config_of

FEEDS = [
    Feed("topics/c", "topic", "c++", "C++", "C", "", 50, aliases=("topics/cpp",)),
    Feed("providers/x.org", "provider", "x.org", "X", "X", "", 50),
]


@pytest.mark.parametrize(
    ("query", "parsed"),
    [
        ("", Query()),
        ("topic=&provider=&min_quality=&q=&limit=", Query()),
        ("topic=B&topic=a&topic=b", Query(topics=("a", "b"))),
        ("provider=X.org.&provider=a.org", Query(providers=("a.org", "x.org"))),
        ("min_quality=0", Query()),
        ("min_quality=007", Query(min_quality=7)),
        ("min_quality=100", Query(min_quality=100)),
        ("limit=1", Query(limit=1)),
        ("limit=200", Query(limit=200)),
        ("q=+a++b+", Query(text="a b")),
        ("q=" + "a" * 200, Query(text="a" * 200)),
        ("q=" + "a+" * 16, Query(text=" ".join("a" * 16))),
        ("topic=" + "a" * 200, Query(topics=("a" * 200,))),
        ("&".join(f"topic={n}" for n in range(10, 30)), Query(tuple(map(str, range(10, 30))))),
    ],
)
def test_query_is_read(query: str, parsed: Query) -> None:
    assert Query.parse(query) == parsed
    assert Query.parse(parsed.canonical()) == parsed


@pytest.mark.parametrize(
    ("query", "canonical"),
    [
        (Query(), "limit=50"),
        (
            Query(("b", "c d"), ("x.org",), 7, 'a "b"', 9),
            "topic=b&topic=c+d&provider=x.org&min_quality=7&q=a+%22b%22&limit=9",
        ),
    ],
)
def test_query_is_written_in_one_order(query: Query, canonical: str) -> None:
    assert query.canonical() == canonical


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ""),
        ("a b", '"a" "b"'),
        ('"a b" c', '"a b" "c"'),
        ('a"b', '"a" "b"'),
        ("a - _ b*", '"a" "b*"'),
        ('"" "-" x', '"x"'),
        ("a OR NEAR(b", '"a" "OR" "NEAR(b"'),
    ],
)
def test_query_asks_the_index_for_strings_alone(text: str, words: str) -> None:
    assert Query(text=text).words() == words


@pytest.mark.parametrize(
    ("query", "described"),
    [
        (Query(), "everything"),
        (Query(("c++", "unknown")), "C++ or unknown"),
        (Query(("x.org",), ("x.org", "c++")), "x.org, X or c++"),
        (Query(min_quality=1), "quality from 1"),
        (Query(text="a b"), "“a b”"),
        (Query(text='"a b"'), '"a b"'),
        (Query(("c++",), ("x.org",), 60, "a"), "“a”, C++, X, quality from 60"),
    ],
)
def test_query_is_described_with_the_names_of_feeds(query: Query, described: str) -> None:
    assert query.describe(FEEDS) == described


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


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("topics=ai", "topics: unknown (known: topic, provider, min_quality, q, limit)"),
        ("min_quality=101", "min_quality: found '101', wanted a whole number from 0 to 100"),
        ("min_quality=-1", "min_quality: found '-1'"),
        ("min_quality=%D9%A1", "min_quality: found"),
        ("limit=0", "limit: found '0', wanted a whole number from 1 to 200"),
        ("limit=201", "limit: found '201'"),
        ("limit=1e1", "limit: found '1e1'"),
        ("limit=1&limit=2", "limit: given twice"),
        ("q=a&q=b", "q: given twice"),
        ("q=%22%22", "q: no letter or digit in it"),
        ("q=" + "a" * 201, "q: 201 characters, wanted at most 200"),
        ("q=" + "a+" * 17, "q: 17 words, wanted at most 16"),
        ("provider=not+a+host", "provider: found 'not a host', wanted a host name"),
        ("&".join(f"topic={n}" for n in range(21)), "topic: 21 of them, wanted at most 20"),
        ("&".join(f"topic={n}" for n in range(99)), "more than 43 parameters"),
        ("q=%FF", "not UTF-8"),
    ],
)
def test_query_that_is_wrong_is_told_why(query: str, says: str) -> None:
    with pytest.raises(BadQueryError) as error:
        Query.parse(query)
    assert says in str(error.value)


def test_query_that_many_ask_is_rendered_once(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    content = Content(site.load().config, pytest.fail)
    rendered = []
    render = QueryFeeds._render

    def count(self: QueryFeeds, query: Query, *rest: Any) -> Any:
        rendered.append(query)
        return render(self, query, *rest)

    monkeypatch.setattr(QueryFeeds, "_render", count)
    for query in ("topic=ai&q=x", "q=x&topic=AI", "topic=ai&q=x"):
        for extension in ("atom", "rss", "json"):
            content._queries.find(Query.parse(query), extension)
    assert len(rendered) == 1
    content.close()


def test_results_that_are_kept_have_a_bound(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_RESULTS", 2)
    content = Content(site.load().config, pytest.fail)
    queries = [Query.parse(f"q={n}") for n in range(3)]
    for query in (queries[0], queries[1], queries[0], queries[2]):
        content._queries.find(query, "atom")
    assert list(content._queries._results) == queries[1:]
    content.close()


@given(st.text(max_size=200))
@settings(max_examples=200, deadline=None)
def test_query_parsing_gives_a_canonical_form_that_parses_to_itself(text: str) -> None:
    try:
        query = Query.parse(urlencode({"q": text, "topic": text}, errors="replace"))
    except BadQueryError:
        return
    assert Query.parse(query.canonical()) == query


def test_query_for_a_topic_that_is_too_long_is_refused() -> None:
    assert Query.parse(f"topic={'x' * MAX_TEXT}").topics == ("x" * MAX_TEXT,)
    with pytest.raises(BadQueryError, match=f"topic: longer than {MAX_TEXT} characters"):
        Query.parse(f"topic={'x' * (MAX_TEXT + 1)}")
