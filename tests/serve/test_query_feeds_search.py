"""What the page of a search says of its topics and sources, without a socket."""

from __future__ import annotations

import pytest

from feeds.common.model import Feed
from feeds.serve.query import Query
from feeds.serve.query_feeds import search_of
from feeds.store.search import Facets

KNOWN = {
    (one.kind, one.key): one
    for one in (
        Feed("topics/computer-vision", "topic", "computer vision", "Computer Vision", "C", "", 50),
        Feed("topics/robotics", "topic", "robotics", "Robotics", "R", "", 50),
        Feed("topics/ai", "topic", "ai", "AI", "AI", "", 50),
        Feed("providers/sky.com", "provider", "sky.com", "Sky News", "S", "", 50),
    )
}
NONE = Facets(0, [], [])


def test_facets_add_what_is_not_chosen_and_take_away_what_is() -> None:
    query = Query(topics=("ai", "unheard of"), text="a b")
    counts = [("robotics", 7), ("ai", 3), ("computer vision", 1), ("gone", 1)]
    topics, sources = search_of(query, KNOWN, Facets(9, counts, [("sky.com", 9)])).facets
    assert [(one.name, one.stories, one.chosen) for one in topics.options] == [
        *(("AI", 3, True), ("Robotics", 7, False), ("Computer Vision", 1, False))
    ]
    assert [one.href for one in (*topics.options[:2], *sources.options)] == [
        "query?topic=unheard+of&q=a+b",
        "query?topic=ai&topic=robotics&topic=unheard+of&q=a+b",
        "query?topic=ai&topic=unheard+of&provider=sky.com&q=a+b",
    ]


def test_form_keeps_what_has_no_field() -> None:
    query = Query(("ai",), ("sky.com", "x.org"), 5, "a", 7)
    search = search_of(query, KNOWN, NONE)
    assert search.hidden == (
        *(("topic", "ai"), ("provider", "sky.com"), ("provider", "x.org"), ("limit", "7")),
    )
    assert search.names == ("AI", "Sky News", "x.org")
    assert search_of(Query(), KNOWN, NONE).hidden == ()


@pytest.mark.parametrize(
    ("query", "near"),
    [
        (Query(topics=("vision",)), ["query?topic=computer+vision"]),
        (Query(topics=("robotic",)), ["query?topic=robotics"]),
        (Query(topics=("computr vison", "ai")), ["query?topic=ai&topic=computer+vision"]),
        (Query(topics=("nothing alike",)), []),
        (Query(topics=("x" * 200,)), []),
        (Query(providers=("sky.co",)), ["query?provider=sky.com"]),
        (Query(providers=("sky.com",)), None),
    ],
)
def test_what_there_is_not_is_said_with_what_is_near(query: Query, near: list[str] | None) -> None:
    unknown = search_of(query, KNOWN, NONE).unknown
    assert [[link.href for link in one.near] for one in unknown] == ([] if near is None else [near])


def test_only_some_unknown_names_are_looked_for() -> None:
    query = Query(topics=("robotic", "robotica", "robotice", "robotico"))
    found = search_of(query, KNOWN, NONE).unknown
    assert [len(one.near) for one in found] == [1, 1, 1, 0]
    assert found[0].without == "query?topic=robotica&topic=robotice&topic=robotico"
