"""Pages in other languages, one of them from right to left, in a real Chromium."""

from __future__ import annotations

from collections.abc import Iterator

import html5lib
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from tests.support.browsing import SCREENSHOTS, serving, visiting
from tests.support.site import Site
from tests.support.validator_html import html_findings

PAGES = ("index.html", "feeds.html", "follow.html", "404.html", "all.html", "topics/ai.html")
FOLLOW = {"de": "Folgen", "fr": "Suivre", "es": "Seguir", "ar": "تابع"}


@pytest.fixture(scope="module", params=FOLLOW)
def spoken(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, str, Site]]:
    """Serves a site in a language, with stories in it and in two others."""
    language: str = request.param
    site = Site(tmp_path_factory.mktemp(language) / "site")
    with serving(site.out) as url:
        (site.root / "config.toml").write_text(
            f'[site]\ntitle = "The Paper"\nbase_url = "{url}"\nlanguage = "{language}"\n'
        )
        site.seed("1.txt", number=1, locale=language)
        site.seed("2.txt", number=2, locale="he", title="שלום עולם", topics=["AI", "Künste"])
        site.seed(
            "3.txt", number=3, locale="en", related=[{"title": "M", "webUrl": "https://o.test/"}]
        )
        site.publish()
        yield language, url, site


@pytest.mark.parametrize("width", [320, 1440])
def test_browser_shows_pages_well_in_every_language(
    spoken: tuple[str, str, Site], browser: Browser, width: int
) -> None:
    language, url, _ = spoken
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    with visiting(browser, width) as visit:
        for name in PAGES:
            visit.page.goto(url + name)
            place = SCREENSHOTS / f"{language}-{name.replace('/', '-')}-{width}.png"
            visit.page.screenshot(path=place)
            assert (visit.overflow(), visit.moved()) == (0, 0), name
            shown = visit.page.evaluate("getComputedStyle(document.body).direction")
            assert shown == ("rtl" if language == "ar" else "ltr")
            if width == 320:
                found = Axe().run(visit.page)
                assert not found.response["violations"], found.generate_report()
        assert visit.console == []
        visit.page.goto(url)
        expect(visit.page.locator(".follow > summary")).to_have_text(FOLLOW[language])


def test_pages_have_the_direction_of_each_story(spoken: tuple[str, str, Site]) -> None:
    language, _, site = spoken
    for name in PAGES:
        data = site.read(name)
        assert html_findings(data) == []
        root = html5lib.parse(data, namespaceHTMLElements=False)
        assert (root.get("lang"), root.get("dir")) == (
            language,
            "rtl" if language == "ar" else None,
        )
    articles = html5lib.parse(site.read("all.html"), namespaceHTMLElements=False).iter("article")
    assert [(one.get("lang"), one.get("dir")) for one in articles] == [
        *(("en", "ltr"), ("he", "rtl"), (None, None)),
    ]
