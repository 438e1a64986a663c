"""Hostile text in every field of a seed, and in the configuration, as a real Chromium shows it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Browser

from feeds.common.text import clean_line
from tests.support.browsing import serving, visiting
from tests.support.site import Site

TEXTS = {
    "script": "<script>attack()</script>",
    "attribute": "\"><img src=x onerror=attack()>'><svg onload=attack()>",
    "url": "javascript:attack()",
    "entity": "&lt;b&gt; &amp; &#60;script&#62;attack()&#60;/script&#62;",
    "template": "{{ 7 * 7 }}{% raw %}{#",
    "closing": "</title></style></textarea>--></h2></article></main>",
    "right to left": "\u202egnihtyna\u202c \u2067שלום\u2066 \u200fעולם! (1)",
    "word": "w" * 10_000,
    "emoji": "👩🏽‍🚀🏳️‍🌈" * 300,
    "marks": "Z" + "\u0334\u0335\u0336\u0337" * 200,
}
FIELDS = ("title", "excerpt", "topic", "provider", "alt", "related", "source")


class Attacked(NamedTuple):
    """Where a site of hostile seeds is served, and the addresses of its pages."""

    url: str
    pages: list[str]


def _seed(text: str, field: str) -> dict[str, Any]:
    """Returns the fields of a seed with the text in one of them."""
    image: dict[str, Any] = {"url": "https://feeds.example.org/a.png", "isCached": True}
    story = {"title": "Elsewhere", "webUrl": "https://other.example.com/1"}
    fields: dict[str, dict[str, Any]] = {
        "title": {"title": text},
        "excerpt": {"excerpt": text},
        "topic": {"topics": ["AI", text]},
        "provider": {"provider": {"name": text, "domain": "example.com"}},
        "alt": {"images": [image | {"title": text}]},
        "related": {"related": [story | {"title": text}]},
        "source": {"related": [story | {"provider": {"name": text, "domain": "other.test"}}]},
    }
    return fields[field]


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacked]:
    site = Site(tmp_path_factory.mktemp("site") / "site")
    number = 0
    for name, text in TEXTS.items():
        for field in FIELDS:
            number += 1
            changes: dict[str, Any] = {"title": f"{name} as {field}"} | _seed(text, field)
            site.seed(f"{number}.txt", number=number, **changes)
        links: dict[str, Any] = {"webUrl": text, "images": [{"url": text, "isCached": True}]}
        site.seed(f"link {number}.txt", number=1000 + number, **links)
    site.configure(
        'description = "<script>attack()</script>"\nrights = "<script>attack()</script>"\n'
        "[selection]\nmax_items = 200\n"
        '[topics."<img src=x onerror=attack()>"]\ntitle = "<script>attack()</script>"\n'
    )
    site.publish()
    with serving(site.out) as url:
        pages = sorted(path.relative_to(site.out).as_posix() for path in site.out.rglob("*.html"))
        yield Attacked(url, pages)


def test_browser_runs_nothing_and_keeps_its_layout(attacked: Attacked, browser: Browser) -> None:
    with visiting(browser, 320) as visit:
        visit.page.route(
            lambda url: not url.startswith(attacked.url) or url.endswith("a.png"),
            lambda route: route.abort("failed"),
        )
        visit.page.add_init_script("window.attacks = 0; window.attack = () => { attacks += 1; };")
        for name in attacked.pages:
            visit.page.goto(attacked.url + name)
            visit.page.evaluate(
                "document.querySelectorAll('details').forEach(one => one.open = true)"
            )
            assert visit.overflow() == 0, name
            heights = "(all) => Math.max(0, ...all.map((one) => one.offsetHeight))"
            assert visit.page.locator("article, .feeds > li").evaluate_all(heights) < 3000, name
            assert visit.page.evaluate("attacks") == 0, name
            assert visit.page.locator("script, style, textarea").count() == 1, name
            assert visit.page.locator("svg:not(.activity)").count() == 0, name
        assert [one for one in visit.requests if not one.startswith(attacked.url)] == []
        assert {line for line in visit.console if "net::ERR_FAILED" not in line} == set()


def test_browser_shows_hostile_text_as_text(attacked: Attacked, browser: Browser) -> None:
    with visiting(browser) as visit:
        visit.page.route(
            lambda url: not url.startswith(attacked.url) or url.endswith("a.png"),
            lambda route: route.abort("failed"),
        )
        visit.page.goto(attacked.url + "all.html")

        def shown(selector: str, what: str = "textContent") -> list[str]:
            script = f"(all) => all.map((one) => one.{what})"
            return list(visit.page.locator(selector).evaluate_all(script))

        seen = {
            "title": shown("article h3 a"),
            "excerpt": shown(".excerpt"),
            "topic": shown(".topics li"),
            "provider": shown(".provider"),
            "alt": shown("img", "alt"),
            "related": shown("article details li a"),
            "source": shown("article details li bdi"),
        }
        protocols = set(shown("a", "protocol"))
    for field in FIELDS:
        missing = {
            name for name, text in TEXTS.items() if clean_line(text, repair=True) not in seen[field]
        }
        assert missing == set(), field
    assert protocols == {"http:", "https:", "feed:"}
