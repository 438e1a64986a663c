"""Fixtures of what a server serves, without a server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from feeds.serve.content import Content
from tests.support.site import Site


@pytest.fixture
def content(site: Site) -> Iterator[Content]:
    """The content of a site without a pass."""
    with closing(Content(site.load().config, pytest.fail)) as content:
        yield content


@pytest.fixture
def published(site: Site) -> Iterator[Content]:
    """The content of a site with one story."""
    site.seed()
    site.publish()
    with closing(Content(site.load().config, pytest.fail)) as content:
        yield content
