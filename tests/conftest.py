"""Fixtures that several test files share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from feeds.store import open_store
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
