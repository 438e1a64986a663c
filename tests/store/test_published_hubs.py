"""The store's memory of what hubs were not told yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from feeds.common.times import from_unix
from feeds.store import DamagedStateError, Store, open_state
from feeds.store.our_files import claim

A, B = "https://a.example/hub", "https://b.example/hub"
X, Y = "https://feeds.example.org/x.atom", "https://feeds.example.org/y.atom"
NOW = 1_000_000
FAR = NOW + 86_400


def urls(store: Store, hub: str = A, now: int = NOW) -> list[str]:
    """Returns the URLs of all pings of a hub that are due."""
    return [ping.url for ping in store.due_pings(hub, now, now + 86_400, 0, 99)]


def test_pings_are_one_for_each_hub_and_change(store: Store) -> None:
    store.queue_pings((A, B), [X], NOW)
    assert (urls(store, A), urls(store, B)) == ([X], [X])
    assert store.ping_count() == 2


def test_pings_of_a_newer_change_take_the_place_of_the_older(store: Store) -> None:
    store.queue_pings((A,), [X, Y], NOW)
    first = store.due_pings(A, NOW, FAR, 0, 1)[0]
    store.put_off_ping(first.number, NOW + 500, "500")
    store.queue_pings((A,), [X], NOW + 10)
    pings = store.due_pings(A, NOW + 10, FAR, 0, 99)
    assert [(ping.url, ping.failures) for ping in pings] == [(Y, 0), (X, 0)]
    assert pings[1].number > first.number


def test_pings_number_is_never_used_again(store: Store) -> None:
    store.queue_pings((A,), [X], NOW)
    sent = store.due_pings(A, NOW, FAR, 0, 1)[0]
    store.queue_pings((A,), [X], NOW)  # while it is being sent
    store.drop_ping(sent.number)
    assert urls(store) == [X]
    (left,) = store.due_pings(A, NOW, FAR, 0, 1)
    store.drop_ping(left.number)
    store.queue_pings((A,), [X], NOW)
    assert store.due_pings(A, NOW, FAR, 0, 1)[0].number > left.number


def test_pings_of_other_hubs_and_documents_are_dropped(store: Store) -> None:
    store.queue_pings((A, B), [X, Y], NOW)
    store.back_off(A, NOW + 60, "away")
    store.drop_pings_but((B,), [Y])
    assert (urls(store, A), urls(store, B)) == ([], [Y])
    assert store.rest_of(A) == (0, 0)


def test_pings_are_given_from_a_number_on_a_few_at_a_time(store: Store) -> None:
    many = [f"https://feeds.example.org/{number}.atom" for number in range(10)]
    store.queue_pings((A,), many, NOW)
    seen, last = list[str](), 0
    while some := store.due_pings(A, NOW, FAR, last, 3):
        assert len(some) <= 3
        seen += [ping.url for ping in some]
        last = some[-1].number
    assert seen == many


def test_pings_put_off_are_due_in_time_or_when_a_clock_was_wrong(store: Store) -> None:
    store.queue_pings((A,), [X], NOW)
    (ping,) = store.due_pings(A, NOW, FAR, 0, 1)
    store.put_off_ping(ping.number, NOW + 60, "500 Internal Server Error")
    assert urls(store, now=NOW + 59) == []
    assert urls(store, now=NOW + 60) == [X]
    assert urls(store, now=NOW - 10_000_000) == [X]
    assert store.due_pings(A, NOW + 60, FAR, 0, 1)[0].failures == 1


def test_pings_of_old_changes_are_those_before_a_time(store: Store) -> None:
    store.queue_pings((A,), [X], NOW)
    store.queue_pings((A, B), [Y], NOW + 10)
    assert [ping.url for ping in store.old_pings(A, NOW + 10)] == [X]
    assert store.old_pings(A, NOW) == store.old_pings(B, NOW + 10) == []


def test_pings_hub_rests_longer_with_each_failure_until_it_answers(store: Store) -> None:
    assert store.rest_of(A) == (0, 0)
    store.back_off(A, NOW + 5, "refused")
    store.back_off(A, NOW + 15, "refused")
    assert store.rest_of(A) == (2, NOW + 15)
    assert store.rest_of(B) == (0, 0)
    store.reset_hub(A)
    assert store.rest_of(A) == (0, 0)


def test_pings_report_tells_of_each_hub_that_is_behind(store: Store) -> None:
    assert store.hub_reports() == []
    store.queue_pings((B, A), [X], NOW)
    store.queue_pings((B, A), [Y], NOW + 10)
    store.back_off(A, NOW + 60, "Connection refused")
    for later, ping in enumerate(store.due_pings(B, NOW + 10, FAR, 0, 99)):
        store.put_off_ping(ping.number, NOW + 30 + later, "500")
    first, second = store.hub_reports()
    assert (first.hub, first.pending, first.oldest) == (A, 2, from_unix(NOW))
    assert (first.next_try, first.error) == (from_unix(NOW + 60), "Connection refused")
    assert (second.hub, second.next_try, second.error) == (B, from_unix(NOW + 30), "500")


@pytest.mark.parametrize("content", [None, b"no database" * 99], ids=["missing", "damaged"])
def test_pings_leave_a_state_file_that_cannot_be_used_alone(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "state.db"
    claim(path)
    if content is not None:
        path.write_bytes(content)
    before = {one: one.read_bytes() for one in tmp_path.iterdir()}
    with pytest.raises(DamagedStateError), open_state(path, "note"):
        pass
    assert {one: one.read_bytes() for one in tmp_path.iterdir()} == before


def test_ping_is_due_at_once_only_if_it_was_put_off_for_longer_than_can_be(store: Store) -> None:
    store.queue_pings((A,), [X], NOW)
    (ping,) = store.due_pings(A, NOW, FAR, 0, 1)
    for until, due in ((FAR, []), (FAR + 1, [X])):
        store.put_off_ping(ping.number, until, "500 Internal Server Error")
        assert urls(store, now=NOW) == due
