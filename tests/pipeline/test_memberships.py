"""Selection: what is judged anew in a pass comes to the same as judging all."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from feeds.common.files import Fingerprint
from feeds.common.model import Feed, FeedContents, FeedRef, ItemHeader, ItemHistory, ParsedSeed
from feeds.common.reports import DEFAULTS, NO_CALLBACKS
from feeds.common.times import from_unix
from feeds.config import Config, Loaded
from feeds.pipeline.context import Pass
from feeds.pipeline.memberships import contents_of, memberships
from feeds.pipeline.rescan import Changes
from feeds.pipeline.state import LastPass, read_state
from feeds.select.qualify import Past
from feeds.select.thresholds import next_turn
from feeds.store import Store
from feeds.store.readings import ReadSeed
from feeds.store.schema import migrate
from tests.support.choosing import choose
from tests.support.rendering import make_item
from tests.support.site import config_of, header

# What the store keeps of every seed here: it says nothing of what is selected.
ITEM = msgspec.msgpack.encode(make_item())

CARDS = st.builds(
    lambda number, dated, late, history, marks, **changes: header(
        number,
        dated=dated,
        revised=dated + late,
        history=ItemHistory(dated, dated + history, b"shown", marks)
        if history is not None
        else None,
        **changes,
    ),
    number=st.integers(1, 9),
    dated=st.integers(0, 60),
    late=st.sampled_from([0, 5, 200]),
    history=st.none() | st.integers(0, 9),
    marks=st.dictionaries(
        st.sampled_from(["", "#a", "#b", "@p.org", "=custom/f"]), st.integers(0, 60)
    ),
    quality=st.sampled_from([90, 50, 40, 10]),
    heat=st.sampled_from([-1, 5]),
    is_published=st.sampled_from([True, True, False]),
    topics=st.sampled_from([(), ("A",), ("B",), ("A", "B")]),
    provider=st.sampled_from(["p.org", "q.org"]),
    digest=st.sampled_from([b"item", b"other"]),
    reader_digest=st.sampled_from([b"shown", b"seen anew"]),
)
CONFIGS = st.builds(
    "[selection]\nmax_items = {}\nmax_exposed = {}\nexposure = '{}s'\n{}min_heat = {}\n"
    "[topics.B]\nmin_quality = 50\n{}".format,
    st.integers(1, 3),
    st.integers(0, 2),
    st.sampled_from([0, 7, 30]),
    st.sampled_from(["max_age = '20s'\n", "", "max_age = '0s'\n"]),
    st.sampled_from([-1, 0]),
    st.sampled_from(["", '[[feeds]]\nname = "F"\nproviders = ["q.org"]']),
).map(config_of)


def turns(headers: list[ItemHeader], config: Config) -> set[int]:
    """Returns the seconds at which time alone can change a feed."""
    exposure = int(config.selection.exposure.total_seconds()) + 1
    age = config.selection.max_age
    every = {one.dated for one in headers}
    every |= {one.dated + int(age.total_seconds()) + 1 for one in headers if age is not None}
    marks = (one.history.qualified.values() for one in headers if one.history)
    return every | {since + exposure for some in marks for since in some}


@settings(max_examples=settings().max_examples // 2)
@given(
    st.lists(CARDS, min_size=2, max_size=8, unique_by=lambda one: one.number),
    CONFIGS,
    st.sampled_from([Past(), Past(first_pass=False)]),
    st.integers(0, 70),
)
def test_choice_holds_until_the_moment_it_names(
    headers: list[ItemHeader], config: Config, past: Past, now: int
) -> None:
    choice = choose(headers, config, past, now)
    headers = [replace(one, history=choice.histories.get(one.id, one.history)) for one in headers]
    past = Past(first_pass=False, feeds=frozenset(one.feed.address for one in choice.feeds))
    end = 500 if choice.until is None else choice.until
    assert now <= end
    every = turns(headers, config)
    assert choice.until is None or choice.until + 1 in every
    # Between two turns nothing can change, so their two sides are all that need be tried.
    for moment in {now, end} | {turn - side for turn in every for side in (0, 1)}:
        if now <= moment <= end:
            again = choose(headers, config, past, moment)
            assert again.feeds == choice.feeds
            assert (again.histories, again.until) == ({}, choice.until)


class Step(NamedTuple):
    """What happens to the seeds (None: the file goes), the configuration and the clock."""

    changes: dict[str, ItemHeader | None]
    config: int
    seconds: int


# Fewer ids than paths: duplicates come and go.
# The digest is another whenever anything of the item is.
SEEDS = st.builds(lambda one, id_: replace(one, id=id_), CARDS, st.sampled_from("wxyz")).map(
    lambda one: replace(one, digest=repr(replace(one, number=0, history=None)).encode())
)
STEPS = st.builds(
    Step,
    st.dictionaries(st.sampled_from("abcdef"), st.none() | SEEDS, max_size=2),
    st.sampled_from([0, 0, 0, 1]),
    st.sampled_from([0, 1, 5, 8, 20, 31, -7]),
)


class Passes:
    """A store, and the passes over it as `feeds.pipeline.output` makes them."""

    def __init__(self, connection: sqlite3.Connection, configs: tuple[Config, Config]) -> None:
        migrate(connection)
        self.connection = connection
        self.configs = configs
        self.last: LastPass | None = None
        self.repeated: frozenset[str] | None = None
        self.past = Past()
        self.before: dict[Feed, FeedContents] = {}

    def run(self, step: Step, now: int) -> None:
        store = Store(self.connection)
        changes = Changes(0, 0, 0, 0, [], frozenset(self.change(store, step)))
        config = self.configs[step.config]
        whole = choose(store.item_headers(), config, self.past, now)
        histories = {one.id: one.history for one in store.item_headers()} | whole.histories
        run = self.begin(store, step, now)
        state = read_state(store)._replace(last=self.last, repeated=self.repeated)
        selection = memberships(run, state, changes, self.past)
        self.repeated = selection.repeated
        assert self.repeated == store.repeated_ids()
        self.check_tally(store)
        feeds = [contents_of(run, feed) for feed in selection.feeds]
        assert feeds == list(whole.feeds)
        assert selection.duplicates == whole.duplicates
        # What was withdrawn counts as edited when it comes back, whatever it shows then.
        for id_ in {one.id for one in store.withdrawals()} & histories.keys():
            history = histories[id_]
            assert history
            histories[id_] = replace(history, digest=history.digest[:1] + b"withdrawn")
        assert {one.id: one.history for one in store.item_headers()} == histories
        self.check_what_is_left_alone(selection.changed, feeds, now)
        # A pass may come sooner than it must, never later.
        turns = [next_turn(config, store.next_dated, now), *(one.until for one in feeds)]
        until = min((turn for turn in turns if turn is not None), default=10**9)
        assert now <= until <= (10**9 if whole.until is None else whole.until)
        self.last = LastPass(now, None, run.key, b"", [], ())
        self.past = Past(first_pass=False, feeds=frozenset(one.feed.address for one in feeds))
        self.before = {one.feed: one for one in feeds}

    def begin(self, store: Store, step: Step, now: int) -> Pass:
        loaded = Loaded(self.configs[step.config], Path())
        key = str(step.config).encode()
        return Pass(store, loaded, DEFAULTS, NO_CALLBACKS, from_unix(now), 0, (), key)

    def change(self, store: Store, step: Step) -> set[str]:
        ids: set[str] = set()
        for path, one in step.changes.items():
            if one is not None:
                reading = ParsedSeed(path, b"", header=replace(one, path=path), data=ITEM)
                ids |= store.record(
                    [ReadSeed("", Fingerprint(0, 0, 0), reading, settled=True)], "1"
                )
            elif path in store.seed_fingerprints(""):
                ids |= store.forget([path])
        return ids

    def check_tally(self, store: Store) -> None:
        items = list(store.item_headers())
        published = [one for one in items if one.is_published]
        assert store.seed_count() == len(store.seed_fingerprints(""))
        assert store.item_count() == len(items)
        assert store.topic_names(10**9) == Counter(name for one in published for name in one.topics)
        providers = Counter((one.provider.domain, one.provider.name) for one in published)
        assert store.provider_names(10**9) == providers

    def check_what_is_left_alone(
        self, changed: frozenset[FeedRef] | None, feeds: list[FeedContents], now: int
    ) -> None:
        for one in feeds:
            old = self.before.get(one.feed)
            if changed is None or (one.feed.kind, one.feed.key) in changed or old is None:
                continue
            if old.until is None or now <= old.until:
                assert one == old


@settings(max_examples=settings().max_examples // 2)
@given(
    st.lists(SEEDS, min_size=6, max_size=6),
    st.lists(STEPS, min_size=2, max_size=8),
    st.tuples(CONFIGS, CONFIGS),
    st.integers(0, 40),
)
def test_selection_of_what_changed_is_the_selection_of_all(
    seeds: list[ItemHeader], steps: list[Step], configs: tuple[Config, Config], now: int
) -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        passes = Passes(connection, configs)
        passes.run(Step(dict(zip("abcdef", seeds, strict=True)), 0, 0), now)
        for step in steps:
            now += step.seconds
            passes.run(step, now)
