"""Queries: how they are read, named and written."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.common.model import Feed
from feeds.serve.query import MAX_TEXT, BadQueryError, Query, format_of

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
    ("query", "address"),
    [
        ("", ""),
        ("limit=50", ""),
        ("limit=5&q=a", "q=a&limit=5"),
        ("q=a+%22b%22&topic=C%2B%2B&provider=&min_quality=", "topic=c%2B%2B&q=a+%22b%22"),
    ],
)
def test_page_of_a_query_has_the_shortest_address(query: str, address: str) -> None:
    parsed = Query.parse(query)
    assert parsed.address() == address
    assert Query.parse(address) == parsed
    assert parsed.is_address(address)
    assert parsed.is_address("&".join(reversed(address.replace("%22", '"').split("&"))))
    assert parsed.is_address(query) == (query in {"", "limit=5&q=a"})


@pytest.mark.parametrize(
    ("query", "browser", "format_name", "rest"),
    [
        pytest.param("q=a", True, "html", "q=a", id="browser"),
        pytest.param("q=a", False, "atom", "q=a", id="reader"),
        pytest.param("format=json&q=a", True, "json", "q=a", id="first"),
        pytest.param("q=a&format=html&limit=5", False, "html", "q=a&limit=5", id="between"),
        pytest.param("q=a&format=rss", True, "rss", "q=a", id="last"),
        pytest.param("q=format=rss", True, "html", "q=format=rss", id="within another"),
        pytest.param("format=pdf", True, "html", "format=pdf", id="unknown, which is a fault"),
    ],
)
def test_format_is_what_a_query_says_or_else_by_who_asks(
    query: str,
    browser: bool,  # noqa: FBT001
    format_name: str,
    rest: str,
) -> None:
    assert format_of(query, browser=browser) == (format_name, rest)


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


@given(st.text(max_size=200))
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
