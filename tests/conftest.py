"""Fixtures that several test files share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from feeds.store import Store, open_store
from tests.rescanning import Scanner
from tests.site import Site


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
