"""The catalog: which feeds there are, under which address, by which title."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from feeds.common.model import Feed, FeedRef, ItemHeader, Provider
from feeds.common.text import fold
from feeds.config import Config
from feeds.select.addresses import NOTHING_KNOWN, Known
from feeds.select.feeds import Names, catalog
from tests.support.site import config_of, header


def feeds_of(
    config: Config,
    headers: list[ItemHeader],
    non_empty: tuple[FeedRef, ...] | None = None,
    known: Known = NOTHING_KNOWN,
) -> dict[str, Feed]:
    names = Names(
        Counter(topic for one in headers for topic in one.topics),
        Counter((one.provider.domain, one.provider.name) for one in headers),
    )
    if non_empty is None:
        non_empty = tuple(refs_of(config, headers))
    every = catalog(config, names, non_empty, known).feeds
    assert all((feed.kind, feed.key) == ref for ref, feed in every.items())
    return {feed.address: feed for feed in every.values()}


def refs_of(config: Config, headers: list[ItemHeader]) -> Iterator[FeedRef]:
    """Yields where headers stand that qualify for all that is not excluded."""
    excluded = {fold(name) for name, named in config.topics.items() if named.exclude}
    excluded |= {name for name, named in config.providers.items() if named.exclude}
    for one in headers:
        named: list[FeedRef] = [("topic", fold(topic)) for topic in one.topics]
        named.append(("provider", one.provider.domain))
        yield from (ref for ref in named if ref[1] not in excluded)


def addresses(
    toml: str,
    *headers: ItemHeader,
    non_empty: tuple[FeedRef, ...] | None = None,
    known: Known = NOTHING_KNOWN,
) -> list[str]:
    return list(feeds_of(config_of(toml), list(headers), non_empty, known))


def test_catalog_of_nothing_is_the_feed_of_everything() -> None:
    assert addresses("") == ["all"]


def test_catalog_lists_everything_topics_providers_and_custom_feeds_in_order() -> None:
    toml = '[[feeds]]\nname = "Z"\n[[feeds]]\nname = "A"\n[topics.Beta]\n[providers."m.org"]'
    headers = [
        header(topics=("gamma", "Alpha"), provider="z.org"),
        header(provider="a.org", topics=()),
    ]
    assert addresses(toml, *headers) == [
        *("all", "topics/alpha", "topics/beta", "topics/gamma"),
        *("providers/a.org", "providers/m.org", "providers/z.org", "custom/z", "custom/a"),
    ]


@pytest.mark.parametrize(
    ("toml", "expected"),
    [
        pytest.param("[topics.AI]\nexclude = true", ["providers/example.com"], id="topic"),
        pytest.param('[providers."example.com"]\nexclude = true', ["topics/ai"], id="provider"),
    ],
)
def test_catalog_leaves_out_what_is_excluded(toml: str, expected: list[str]) -> None:
    assert addresses(toml, header()) == ["all", *expected]


@pytest.mark.parametrize(
    ("toml", "ref"),
    [
        pytest.param("[topics.AI]\nexclude = true", ("topic", "ai"), id="topic"),
        pytest.param(
            '[providers."example.com"]\nexclude = true', ("provider", "example.com"), id="provider"
        ),
    ],
)
def test_catalog_keeps_what_is_excluded_where_a_rule_let_items_in(toml: str, ref: FeedRef) -> None:
    every = addresses(toml, header(), non_empty=(("topic", "ai"), ("provider", "example.com")))
    assert ref in {("topic", "ai"), ("provider", "example.com")}
    assert every == ["all", "topics/ai", "providers/example.com"]


def test_catalog_keeps_feeds_that_the_configuration_names_without_any_item() -> None:
    every = feeds_of(config_of('[topics."Quiet  Topic"]\n[providers."quiet.org"]'), [])
    assert [feed.title for feed in every.values()] == [
        "Feeds",
        "Feeds: Quiet Topic",
        "Feeds: quiet.org",
    ]


@pytest.mark.parametrize(
    ("spellings", "title"),
    [
        pytest.param(["Computer Vision"], "Computer Vision", id="one"),
        pytest.param(["AI", "ai", "ai"], "ai", id="the usual"),
        pytest.param(["ai", "AI"], "AI", id="a tie goes to the first by code point"),
    ],
)
def test_topic_is_titled_by_its_usual_spelling(spellings: list[str], title: str) -> None:
    feed = feeds_of(config_of(), [header(topics=(name,)) for name in spellings])
    assert feed[f"topics/{title.lower().replace(' ', '-')}"].title == f"Feeds: {title}"


def test_topic_is_titled_as_the_configuration_spells_it() -> None:
    every = feeds_of(config_of("[topics.aI]"), [header(topics=("AI",))])
    assert every["topics/ai"].name == "aI"


def test_provider_is_titled_by_its_usual_name() -> None:
    names = ("Sky", "Sky News", "Sky News")
    headers = [replace(header(), provider=Provider(name, "sky.com")) for name in names]
    feed = feeds_of(config_of('[providers."sky.com"]\nmax_items = 7'), headers)["providers/sky.com"]
    assert (feed.name, feed.max_items) == ("Sky News", 7)


SPECIAL = 'title = "T"\ndescription = "D"\nmax_items = 3\nslug = "s"\n'


@pytest.mark.parametrize(
    ("table", "address"),
    [
        pytest.param("[topics.AI]", "topics/s", id="topic"),
        pytest.param('[providers."example.com"]', "providers/s", id="provider"),
        pytest.param('[[feeds]]\nname = "F"', "custom/s", id="custom"),
    ],
)
def test_feed_takes_title_description_size_and_slug_from_its_table(
    table: str, address: str
) -> None:
    feed = feeds_of(config_of(f"{table}\n{SPECIAL}"), [header()])[address]
    assert (feed.title, feed.description, feed.max_items) == ("T", "D", 3)


def test_feed_takes_all_else_from_the_site() -> None:
    site = '[site]\ntitle = "Site"\ndescription = "About"\n[selection]\nmax_items = 9\n'
    every = feeds_of(config_of(site + '[[feeds]]\nname = "Mine"'), [header()])
    assert {(feed.title, feed.description, feed.max_items) for feed in every.values()} == {
        ("Site", "About", 9),
        ("Site: AI", "About", 9),
        ("Site: example.com", "About", 9),
        ("Site: Mine", "About", 9),
    }


def test_slug_given_to_one_topic_moves_the_other_that_would_have_it() -> None:
    every = addresses('[topics.Music]\nslug = "ai"', header(topics=("AI", "Music")))
    moved = next(address for address in every if address.startswith("topics/ai-"))
    assert every == ["all", moved, "topics/ai", "providers/example.com"]


def test_slug_given_to_one_provider_moves_the_other_that_would_have_it() -> None:
    every = addresses('[providers."a.org"]\nslug = "b.org"', header(provider="b.org"))
    assert every[2] == "providers/b.org"
    assert every[3].startswith("providers/b-org-")


def test_slug_of_its_own_plain_form_changes_nothing() -> None:
    toml = '[topics.AI]\nslug = "ai"\n[providers."example.com"]\nslug = "example.com"'
    assert addresses(toml, header()) == addresses("", header())


@given(st.lists(st.text(min_size=1), max_size=8), st.text(min_size=1))
def test_adding_a_topic_never_moves_another(topics: list[str], newcomer: str) -> None:
    before = set(addresses("", header(topics=tuple(topics))))
    after = addresses("", header(topics=(*topics, newcomer)))
    assert before <= set(after)
    assert len(after) == len(set(after)) == 2 + len({fold(name) for name in [*topics, newcomer]})
