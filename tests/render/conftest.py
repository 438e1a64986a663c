"""A fixture that the tests of each format share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.rendering import publish_full


@pytest.fixture(scope="session")
def full_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The documents of a site that has everything; no test may change them."""
    return publish_full(tmp_path_factory.mktemp("full"))
