"""Single values in the state file: their names, and counts that grow."""

from __future__ import annotations

from feeds.common import store_protocols
from feeds.common.store_protocols import IMAGE_FETCHES, Meta, count, pings_to, totals
from feeds.store import Store


def test_counts_add_up_over_passes(store: Store) -> None:
    assert totals(store, IMAGE_FETCHES) == {}
    count(store, IMAGE_FETCHES, ["fetched", "missing", "fetched"])
    count(store, IMAGE_FETCHES, iter(["fetched"]))
    assert totals(store, IMAGE_FETCHES) == {"fetched": 3, "missing": 1}


def test_counts_of_hubs_are_apart(store: Store) -> None:
    count(store, pings_to("https://a.example/"), ["sent"])
    count(store, pings_to("https://b.example/"), ["lost"])
    assert totals(store, pings_to("https://a.example/")) == {"sent": 1}


def test_no_two_values_have_one_name() -> None:
    names = [one.name for one in vars(store_protocols).values() if isinstance(one, Meta)]
    assert len(names) > 10
    assert len(set(names)) == len(names)
