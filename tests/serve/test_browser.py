"""What ``feeds serve`` gives a real Chromium."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from feeds.render.words import words_of
from tests.support.browsing import visiting
from tests.support.ports import HOST
from tests.support.serving import Server
from tests.support.site import Site


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    site = Site(tmp_path_factory.mktemp("site") / "site")
    site.seed(title="What happened")
    site.publish()
    with Server(site) as server:
        yield f"http://{HOST}:{server.port}/"


@pytest.mark.parametrize("name", ["topics/ai.atom", "topics/ai.rss"])
def test_browser_shows_a_served_feed_with_its_notice(url: str, browser: Browser, name: str) -> None:
    with visiting(browser) as visit:
        for _ in ("first", "again"):  # then it has it, and asks whether that is current
            visit.page.goto(url + name)
            notice = visit.style(":root", "content", "::before")
            assert notice == f'"{words_of("en").notice}"'
            expect(visit.page.get_by_text("What happened", exact=True)).to_be_visible()
        assert visit.console == []


def test_browser_goes_from_the_index_to_a_feed(url: str, browser: Browser) -> None:
    with visiting(browser) as visit:
        visit.page.goto(url)
        visit.page.get_by_role("link", name="AI", exact=True).click()
        expect(visit.page.get_by_role("link", name="What happened")).to_be_visible()
        assert visit.console == []
