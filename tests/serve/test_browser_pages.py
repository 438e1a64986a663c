"""What ``feeds serve`` adds to the pages, looked at in a real Chromium."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from feeds.render.words import words_of
from tests.support.browsing import SCREENSHOTS, Visit, visiting
from tests.support.ports import HOST
from tests.support.serving import Server
from tests.support.site import Site

NOTICE = f'"{words_of("en").notice}"'


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    site = Site(tmp_path_factory.mktemp("site") / "site")
    site.seed("1.txt", number=1, title="About cars", topics=["Cars"])
    site.seed("2.txt", number=2, title="About art", topics=["Art"])
    site.publish()
    with Server(site) as server:
        yield f"http://{HOST}:{server.port}/"


def _text(page: Page) -> str:
    page.evaluate("getSelection().selectAllChildren(document.documentElement)")
    return str(page.evaluate("getSelection().toString()"))


def _failed(visit: Visit) -> list[str]:
    failed: list[str] = []
    visit.page.on(
        "response", lambda answer: failed.append(answer.url) if answer.status >= 400 else None
    )
    return failed


@pytest.mark.parametrize("name", ["all.atom", "topics/cars.rss", "query.atom?topic=cars"])
def test_browser_shows_a_notice_with_a_raw_feed_of_the_server(
    served: str, browser: Browser, name: str
) -> None:
    with visiting(browser, 768) as visit:
        failed = _failed(visit)
        visit.page.goto(served + name)
        assert visit.style(":root", "content", "::before") == NOTICE
        assert "About cars" in _text(visit.page)
        assert (visit.console, failed) == ([], [])


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1440])
def test_browser_searches_and_follows_the_search(
    served: str, browser: Browser, width: int, scheme: str
) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    with visiting(browser, width, scheme) as visit:
        page, failed = visit.page, _failed(visit)
        page.goto(served + "index.html")
        if width > 1000:
            page.get_by_label("Search stories").fill("about")
            page.keyboard.press("Enter")
        else:
            page.get_by_role("link", name="Search", exact=True).click()
            page.get_by_label("Search stories").fill("about")
            page.get_by_role("button", name="Search").click()
        page.wait_for_url(served + "query?q=about")
        page.get_by_role("link", name="Art 1").click()
        page.wait_for_url(served + "query?topic=art&q=about")
        page.screenshot(path=SCREENSHOTS / f"query-{width}-{scheme}.png")
        assert (visit.overflow(), visit.moved()) == (0, 0)
        found = Axe().run(page)
        assert not found.response["violations"], found.generate_report()
        page.get_by_text("Follow this search").click()
        page.get_by_role("link", name="Atom").click()
        page.wait_for_url("**/query.atom?topic=art&q=about&limit=50")
        assert visit.style(":root", "content", "::before") == NOTICE
        assert "About art" in _text(page)
        assert "About cars" not in _text(page)
        assert (visit.console, failed) == ([], [])
