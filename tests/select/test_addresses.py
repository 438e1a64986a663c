"""Addresses: which name stands where, whatever there was before and whatever is configured."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.common.errors import ConfigError
from feeds.common.model import FeedRef
from feeds.common.slugs import slug
from feeds.common.text import clean_line, fold
from feeds.config import Config
from feeds.select.addresses import NOTHING_KNOWN, Directory, Known, is_made
from tests.support.site import config_of, made

# Two names whose SHA-256 begin with the same 32 bits, found by trying.
TWINS = ("c<^#+", "c>$#~")
SHARED = "topics/c-dc5368b5"


def directory(toml: str, *topics: str, known: Known = NOTHING_KNOWN) -> Directory:
    return Directory(config_of(toml), known, [("topic", fold(name)) for name in topics])


def where(toml: str, *topics: str, known: Known = NOTHING_KNOWN) -> list[str]:
    found = directory(toml, *topics, known=known)
    return [found.spot("topic", fold(name)).address for name in topics]


def after(toml: str, *topics: str, known: Known = NOTHING_KNOWN) -> Known:
    """Returns what a pass leaves behind."""
    found = directory(toml, *topics, known=known)
    live: dict[str, FeedRef] = {
        found.spot("topic", fold(name)).address: ("topic", fold(name)) for name in topics
    }
    made = {one: owner for one, owner in live.items() if is_made(owner, one)}
    owners = {one: owner for one, owner in made.items() if one not in known.owners}
    return Known({**known.owners, **owners}, live)


def test_twins_have_one_digest() -> None:
    assert [f"topics/{slug(name)}" for name in TWINS] == [SHARED] * 2


def test_first_of_twins_by_folded_name_has_the_short_address() -> None:
    one, other = sorted(TWINS, key=fold)
    assert where("", one, other) == where("", other, one)[::-1]
    assert where("", one, other)[0] == SHARED
    assert len(where("", one, other)[1]) == len(SHARED) + 8


@pytest.mark.parametrize("first", TWINS)
def test_the_twin_that_was_there_keeps_its_address(first: str) -> None:
    (second,) = set(TWINS) - {first}
    known = after("", first)
    both = where("", first, second, known=known)
    assert both[0] == SHARED
    known = after("", first, second, known=known)
    # Also when the other goes, and when it comes back.
    assert where("", second, known=known) == both[1:]
    known = after("", second, known=known)
    assert where("", first, second, known=known) == both


def test_slug_that_equals_a_made_address_moves_the_other_and_leaves_it_its_id() -> None:
    known = after("", "AI", "Music")
    toml = '[topics.Music]\nslug = "ai"'
    found = directory(toml, "AI", "Music", known=known)
    music, ai = found.spot("topic", "music"), found.spot("topic", "ai")
    assert music.address == "topics/ai"
    assert ai.address == "topics/ai-32e83e92"
    assert ai.origin == "topics/ai"
    assert music.origin == "topics/ai music"  # as nobody else's can be
    assert ai.aliases == ()  # where another feed stands now
    known = after(toml, "AI", "Music", known=known)
    back = directory("", "AI", "Music", known=known)
    assert back.spot("topic", "ai").address == "topics/ai"
    assert back.spot("topic", "ai").aliases == ("topics/ai-32e83e92",)
    assert back.spot("topic", "ai").origin == ""
    gone = directory('[topics.Music]\nslug = "tunes"', "AI", "Music", known=known)
    assert gone.spot("topic", "ai").address == "topics/ai"


def test_slug_that_equals_a_digest_goes_first_too() -> None:
    assert where(f'[topics.Music]\nslug = "{slug("C++")}"', "C++", "Music") == [
        "topics/c-cedb1bac7efcd7db",
        "topics/c-cedb1bac",
    ]


def test_slug_that_was_there_from_the_start_keeps_its_own_id() -> None:
    found = directory('[topics.Music]\nslug = "ai"', "AI", "Music")
    assert [found.spot("topic", name).origin for name in ("ai", "music")] == ["", ""]


def test_alias_gives_the_id_and_the_oldest_is_last() -> None:
    toml = '[topics.Music]\nslug = "tunes"\naliases = ["songs", "music"]'
    spot = directory(toml, "Music").spot("topic", "music")
    assert spot.address == "topics/tunes"
    assert spot.aliases == ("topics/songs", "topics/music")
    assert spot.origin == "topics/music"


@pytest.mark.parametrize(
    ("toml", "topics"),
    [
        pytest.param('[topics.Music]\naliases = ["ai"]', ("AI", "Music"), id="of seeds"),
        pytest.param('[topics.Music]\naliases = ["ai"]\n[topics.AI]', ("AI", "Music"), id="named"),
        pytest.param('[topics.AI]\naliases = ["ai"]', ("AI",), id="its own"),
    ],
)
@pytest.mark.parametrize("known", [False, True])
def test_alias_that_is_a_live_address_is_refused(
    toml: str, topics: tuple[str, ...], *, known: bool
) -> None:
    before = after("", *topics) if known else NOTHING_KNOWN
    with pytest.raises(
        ConfigError, match=r'topics\."\w+"\.aliases: found \'ai\'.*topics\."[aA][iI]"'
    ):
        directory(toml, *topics, known=before)


def test_topic_that_comes_later_yields_to_an_alias_and_stops_nothing() -> None:
    toml = '[topics.Music]\naliases = ["ai"]'
    known = after(toml, "Music")
    assert where(toml, "Music", "AI", known=known) == ["topics/music", "topics/ai-32e83e92"]
    known = after(toml, "Music", "AI", known=known)
    assert where(toml, "Music", "AI", known=known) == ["topics/music", "topics/ai-32e83e92"]


def test_name_that_has_no_feed_is_told_where_it_would_stand() -> None:
    found = directory('[topics.Music]\nslug = "ai"', "Music")
    assert found.add("topic", "ai") == "topics/ai-32e83e92"
    assert found.add("provider", "sky.com") == "providers/sky.com"
    one, other = TWINS
    assert found.add("topic", one) != found.add("topic", other)


NAMES = st.lists(
    st.sampled_from([*TWINS, "AI", "ai 32e83e92", "ai 32e83e925ee64dab", "Café", "cafe\u0301", "a"])
    | st.text(max_size=6),
    max_size=6,
)
SLUGS = st.sampled_from(["", "ai", "ai-32e83e92", "c-dc5368b5", "index", "all", "a"])


def configured(slugs: dict[str, str]) -> Config:
    tables: dict[str, dict[str, str]] = {}
    for name, part in slugs.items():
        if part not in {one["slug"] for one in tables.values() if one["slug"]}:
            tables[name] = {"slug": part}
    return made(Config, {"topics": tables})


@given(
    st.lists(
        st.tuples(NAMES, st.dictionaries(st.sampled_from(["Music", "AI", TWINS[0]]), SLUGS)),
        min_size=1,
        max_size=4,
    )
)
def test_two_names_never_share_an_address_nor_an_id(
    passes: list[tuple[list[str], dict[str, str]]],
) -> None:
    known = NOTHING_KNOWN
    for names, slugs in passes:
        topics = {fold(clean_line(name, repair=False)) for name in [*names, *slugs]} - {""}
        config = configured(slugs)
        found = Directory(config, known, [("topic", name) for name in topics])
        spots = {name: found.spot("topic", name) for name in topics}
        addresses = [spot.address for spot in spots.values()]
        everywhere = addresses + [one for spot in spots.values() for one in spot.aliases]
        assert len({one.lower() for one in everywhere}) == len(everywhere)
        ids = [spot.origin or spot.address for spot in spots.values()]
        assert len(set(ids)) == len(ids)
        compact = found.exceptions()
        assert all(compact.topic(name) == spot.address for name, spot in spots.items())
        live: dict[str, FeedRef] = {spot.address: ("topic", name) for name, spot in spots.items()}
        made = {one: owner for one, owner in live.items() if is_made(owner, one)}
        owners = {one: owner for one, owner in made.items() if one not in known.owners}
        known = Known({**known.owners, **owners}, live)


@pytest.mark.parametrize(
    ("owner", "address", "is_own"),
    [
        (("topic", "ai"), "topics/ai", True),
        (("topic", "ai"), f"topics/{slug('AI')}-32e83e92", True),
        (("topic", "ai"), "topics/machines", False),
        (("topic", "ai"), "providers/ai", False),
        (("custom", "ai"), "custom/ai", False),
    ],
)
def test_address_is_made_of_a_name_or_thought_up(
    owner: FeedRef, address: str, *, is_own: bool
) -> None:
    assert is_made(owner, address) is is_own


def test_exceptions_tell_where_a_provider_stands_by_its_former_domains_if_it_has_a_feed() -> None:
    toml = '[providers."new.example"]\naliases = ["old.example"]'
    without = Directory(config_of(toml), NOTHING_KNOWN, [])
    assert without.exceptions().providers == {}
    with_feed = Directory(config_of(toml), NOTHING_KNOWN, [("provider", "new.example")])
    assert with_feed.exceptions().providers == {"old.example": "new.example"}
