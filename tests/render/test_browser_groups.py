"""The pages that list more feeds than fit on one, looked at in a real Chromium."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from tests.support.browsing import SCREENSHOTS, serving, visiting
from tests.support.many_feeds import smaller_limits
from tests.support.site import Site

PAGES = ("feeds.html", "feeds/providers/p-2.html", "feeds/topics/all.html")
PROVIDERS = tuple(f"Paper {number:02}" for number in range(30))


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    site = Site(tmp_path_factory.mktemp("site") / "site")
    site.configure('[[feeds]]\nname = "Best of all"\n')
    for number, name in enumerate((*PROVIDERS, "Émile", "ورق", "人民日报", "w" * 2_000), 1):
        provider = {"name": name, "domain": f"paper{number}.test"}
        site.seed(f"{number}.txt", number=number, provider=provider)
    with smaller_limits(together=20, in_part=10), serving(site.out) as url:
        site.publish()
        yield url


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_browser_finds_no_barrier_in_lists(address: str, browser: Browser, scheme: str) -> None:
    with visiting(browser, scheme=scheme) as visit:
        for name in PAGES:
            visit.page.goto(address + name)
            found = Axe().run(visit.page)
            assert not found.response["violations"], (name, found.generate_report())
        assert visit.console == []


@pytest.mark.parametrize("width", [320, 768, 1440])
def test_browser_shows_lists_well(address: str, browser: Browser, width: int) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    with visiting(browser, width) as visit:
        for name in PAGES:
            visit.page.goto(address + name)
            visit.page.screenshot(path=SCREENSHOTS / f"{name.replace('/', '-')}-{width}.png")
            assert (visit.overflow(), visit.moved()) == (0, 0), name
            sizes = visit.page.locator(".ways a").evaluate_all(
                "(all) => all.map((one) => one.getBoundingClientRect())"
                ".map((box) => Math.min(box.width, box.height))"
            )
            assert all(size >= 44 for size in sizes), name
            if width == 320:
                visit.page.evaluate("document.documentElement.style.fontSize = '200%'")
                assert visit.overflow() == 0, name


def test_browser_leads_from_letter_to_feed(address: str, browser: Browser) -> None:
    with visiting(browser, scripts=False) as visit:
        page = visit.page
        page.goto(address + "feeds.html")
        letters = page.get_by_role("navigation", name="Sources by letter")
        assert letters.get_by_role("link").all_inner_texts() == ["E", "P", "W", "و", "Other"]
        letters.get_by_role("link", name="P", exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Sources: P")
        expect(letters.locator("[aria-current]")).to_have_text("P")
        seen = page.locator(".feeds h3 a").all_inner_texts()
        page.get_by_role("link", name="Next page").click()
        expect(page.get_by_text("Page 2 of 3")).to_be_visible()
        seen += page.locator(".feeds h3 a").all_inner_texts()
        pages = page.get_by_role("navigation", name="Pages")
        expect(pages.locator("[aria-current]")).to_have_text("2")
        pages.get_by_role("link", name="3").click()
        seen += page.locator(".feeds h3 a").all_inner_texts()
        assert seen == list(PROVIDERS)
        page.get_by_role("link", name="Paper 29", exact=True).click()
        expect(page.get_by_role("heading", name="Paper 29")).to_be_visible()


def test_browser_narrows_one_page_of_a_list(address: str, browser: Browser) -> None:
    with visiting(browser) as visit:
        page = visit.page
        page.goto(address + "feeds/providers/p.html")
        box = page.get_by_label("Find a topic or source on this page")
        box.fill("paper 07")
        assert page.locator(".feeds > li:visible h3 a").all_inner_texts() == ["Paper 07"]
        box.fill("paper 29")
        expect(
            page.get_by_text("No topic or source on this page has this in its name.")
        ).to_be_visible()
        assert visit.console == []
