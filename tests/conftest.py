"""Fixtures that several test files share."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from feeds.store import Store, open_store
from tests.rescanning import Scanner
from tests.site import Site


def pytest_configure() -> None:
    """Undoes what a shell does to what it runs in the background: to ignore Ctrl-C.

    Processes that tests start and interrupt would ignore it, too.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """An empty site in a folder of its own."""
    return Site(tmp_path / "site")


@pytest.fixture
def scanner(site: Site) -> Iterator[Scanner]:
    """Rescans of an empty site into a store of its own."""
    with open_store(site.state, pytest.fail) as store:
        yield Scanner(site, store)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A new store, in a transaction that lasts as long as the test."""
    with open_store(tmp_path / "state.db", pytest.fail) as opened, opened.transaction():
        yield opened
