"""What a stage needs of the store, which it is handed: no stage imports another."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol, TypeVar

from feeds.common.reports import HubReport

T = TypeVar("T")


class MetaStore(Protocol):
    """The named values of the store, each of a type of its own."""

    def get_meta(self, name: str, kind: type[T]) -> T | None:
        """Returns a value; None if it was never set, or is of another type."""

    def set_meta(self, name: str, value: object) -> None:
        """Sets a value."""


class Ping(NamedTuple):
    """A hub is to be told that the document at `url` changed; `failures` counts what was tried.

    `number` belongs to this change of the document alone: a later one has another.
    """

    number: int
    url: str
    failures: int


class HubStore(MetaStore, Protocol):
    """The pings that a delivery sends, and the state of hubs; times are in seconds since 1970."""

    def transaction(self) -> AbstractContextManager[None]:
        """Returns a transaction; everything that writes stands in one."""

    def due_pings(self, hub: str, now: int, far: int, after: int, count: int) -> Sequence[Ping]:
        """Returns up to `count` pings that are due at `now`, or only after `far`, by number.

        Only those whose number is higher than `after`.
        """

    def old_pings(self, hub: str, since: int) -> Sequence[Ping]:
        """Returns the pings for changes before `since`."""

    def drop_ping(self, number: int) -> None:
        """Deletes a ping."""

    def put_off_ping(self, number: int, due: int, error: str) -> None:
        """Notes that a ping failed, and when to send it again."""

    def rest_of(self, hub: str) -> tuple[int, int]:
        """Returns how often a hub failed in a row, and until when to leave it alone."""

    def back_off(self, hub: str, until: int, error: str) -> None:
        """Notes that a hub failed, and until when to leave it alone."""

    def reset_hub(self, hub: str) -> None:
        """Notes that a hub answers."""

    def hub_reports(self) -> Sequence[HubReport]:
        """Returns what is pending for each hub; hubs without pings are left out."""
