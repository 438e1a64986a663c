"""The pages for people, looked at in a real Chromium."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urldefrag, urljoin, urlsplit
from urllib.request import urlopen

import html5lib
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from feeds.render.page_context import READERS
from feeds.render.words import words_of
from tests.support.browsing import SCREENSHOTS, SlowHandler, Visit, serving, visiting
from tests.support.site import Site, documents_in

FEED = "topics/ai.html"
EMPTY = "topics/nothing-yet.html"
DIGESTS = "digests/daily.html"
PAGES = ("index.html", "feeds.html", "follow.html", "404.html", FEED, EMPTY, DIGESTS)
RAW = ("topics/ai.atom", "topics/ai.rss")
PROVIDERS = ("Exämple", "Exämple Zwei", *(f"Paper {number}" for number in range(30)))
TITLE = "Story 1: “what happened” & why"
LONG = "Campaigners demand that the Government publishes what it has learnt of " * 2


class Newsroom(NamedTuple):
    """A published site, where it is served, and where a picture that is not its own is."""

    site: Site
    url: str
    elsewhere: str


def picture(width: int, height: int) -> bytes:
    """Returns a PNG of one colour (www.w3.org/TR/png)."""
    rows = (b"\0" + b"\x7f\x4f\x2f" * width) * height
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ]
    chunks = [
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in parts
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.fixture(scope="module")
def newsroom(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Newsroom]:
    site = Site(tmp_path_factory.mktemp("site") / "site")
    pictures = tmp_path_factory.mktemp("pictures")
    (pictures / "far.png").write_bytes(picture(64, 36))
    (site.out / "media").mkdir(parents=True)
    (site.out / "media/own.png").write_bytes(picture(90, 60))
    with serving(site.out) as url, serving(pictures) as elsewhere:
        (site.root / "config.toml").write_text(
            f'[site]\ntitle = "The Paper"\nbase_url = "{url}"\nrights = "© The Paper"\n'
            'description = "What our editors picked."\n[topics."Nothing yet"]\n'
            '[[digests]]\nname = "Daily"\n'
        )
        for number, name in enumerate(PROVIDERS, 1):
            source = f"{url}media/own.png" if number % 2 else f"{elsewhere}far.png"
            size = {"width": 90, "height": 60} if number % 3 else {}
            site.seed(
                f"{number}.txt",
                number=number,
                title={1: TITLE, 2: LONG}.get(number, f"Story {number}"),
                provider={"name": name, "domain": f"paper{number}.test"},
                topics=["AI", f"Topic {number % 3}"],
                images=[{"url": source, "isCached": True, **size}] if number % 4 else None,
                related=[{"title": "Elsewhere", "webUrl": "https://other.example.com/1"}],
                updatedDateTime="2026-02-28T09:00:00Z" if number == 1 else None,
            )
        site.publish()
        yield Newsroom(site, url, elsewhere)


@pytest.mark.parametrize(
    ("width", "scheme"),
    [*((width, "light") for width in (320, 390, 768, 1440)), (390, "dark"), (1440, "dark")],
)
def test_browser_shows_every_page_well(
    newsroom: Newsroom, browser: Browser, width: int, scheme: str
) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    with visiting(browser, width, scheme) as visit:
        for name in (*PAGES, *RAW):
            visit.page.goto(newsroom.url + name)
            visit.page.screenshot(
                path=SCREENSHOTS / f"{name.replace('/', '-')}-{width}-{scheme}.png"
            )
            assert visit.overflow() == 0, name
            if name.endswith("html"):
                assert visit.moved() == 0, name
            dark = visit.style(":root", "backgroundColor") == "rgb(23, 21, 18)"
            assert dark == (scheme == "dark"), name
        assert visit.console == []
        assert [one for one in visit.requests if not one.startswith(newsroom.url)] == []


@pytest.mark.parametrize("width", [320, 1440])
@pytest.mark.parametrize("cut", ["</h1>", "<nav", "<form", "<details", "<summary", "<main"])
def test_browser_moves_nothing_of_a_page_that_comes_slowly(
    newsroom: Newsroom,
    browser: Browser,
    monkeypatch: pytest.MonkeyPatch,
    cut: str,
    width: int,
) -> None:
    monkeypatch.setattr(SlowHandler, "cut", cut.encode())
    with serving(newsroom.site.out, SlowHandler) as url, visiting(browser, width) as visit:
        for name in ("index.html", FEED):
            visit.page.goto(url + name)
            assert visit.moved() == 0, name


@pytest.mark.parametrize("name", ["index.html", FEED, "providers/paper1.test.html"])
def test_browser_shows_the_first_story_high_up_on_a_phone(
    newsroom: Newsroom, browser: Browser, name: str
) -> None:
    with visiting(browser, 390) as visit:
        visit.page.goto(newsroom.url + name)
        box = visit.page.locator("article").first.bounding_box()
        assert box is not None
        assert box["y"] < 420


@pytest.mark.parametrize("name", ["index.html", FEED])
def test_browser_leads_from_any_place_of_a_story_to_it_on_a_phone(
    newsroom: Newsroom, browser: Browser, name: str
) -> None:
    with visiting(browser, 390) as visit:
        visit.page.goto(newsroom.url + name)
        story = visit.page.locator("article").nth(1)
        story.scroll_into_view_if_needed()
        wanted = story.locator("h2 a, h3 a").first.get_attribute("href")
        at = """(one, [x, y]) => {
            const box = one.getBoundingClientRect();
            const found = document.elementFromPoint(box.x + x * box.width, box.y + y * box.height);
            return found.closest("a")?.href ?? "";
        }"""
        assert story.evaluate(at, [0.9, 0.5]) == wanted
        provider = story.locator(".provider a")
        assert provider.evaluate(at, [0.5, 0.5]) == provider.evaluate("(one) => one.href")
        assert visit.overflow() == 0


@pytest.mark.parametrize("name", ["index.html", FEED])
def test_browser_opens_readers_by_one_click(
    newsroom: Newsroom, browser: Browser, name: str
) -> None:
    address = newsroom.url + ("all.atom" if name == "index.html" else "topics/ai.atom")
    with visiting(browser, 390) as visit:
        page = visit.page
        page.goto(newsroom.url + name)
        link = page.get_by_role("link", name="NetNewsWire")
        expect(link).to_be_hidden()
        page.locator(".follow > summary").click()
        expect(link).to_have_attribute("href", f"feed:{address}")
        expect(page.get_by_role("button", name="Copy the Atom address")).to_be_visible()
        assert visit.overflow() == 0
        found = Axe().run(page)
        assert not found.response["violations"], found.generate_report()
        page.keyboard.press("Escape")
        expect(link).to_be_hidden()
        expect(page.locator(".follow > summary")).to_be_focused()
        page.goto(newsroom.url + name + "#follow")
        expect(link).to_be_visible()
        assert visit.console == []


def test_browser_shows_a_long_headline_to_its_end_on_a_phone(
    newsroom: Newsroom, browser: Browser
) -> None:
    with visiting(browser, 320) as visit:
        visit.page.goto(newsroom.url + FEED)
        headline = visit.page.get_by_role("heading", name=LONG.strip())
        assert headline.evaluate("(one) => one.scrollHeight <= one.clientHeight")


def test_browser_never_scrolls_sideways_with_letters_of_twice_the_size(
    newsroom: Newsroom, browser: Browser
) -> None:
    with visiting(browser, 320) as visit:
        for name in PAGES:
            visit.page.goto(newsroom.url + name)
            visit.page.evaluate("document.documentElement.style.fontSize = '200%'")
            assert visit.overflow() == 0, name


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_browser_finds_no_barrier(newsroom: Newsroom, browser: Browser, scheme: str) -> None:
    with visiting(browser, scheme=scheme) as visit:
        for name in PAGES:
            visit.page.goto(newsroom.url + name)
            for opened in visit.page.locator("article summary").all()[:1]:
                opened.click()
            found = Axe().run(visit.page)
            assert not found.response["violations"], (name, found.generate_report())


def _shown(visit: Visit) -> list[str]:
    links = visit.page.locator(".feeds > li:visible h3 a").all()
    return [link.inner_text() for link in links]


def test_browser_narrows_the_list_as_one_types(newsroom: Newsroom, browser: Browser) -> None:
    with visiting(browser) as visit:
        page = visit.page
        page.goto(newsroom.url + "feeds.html")
        everything = _shown(visit)
        assert len(everything) == 1 + 5 + len(PROVIDERS)  # not the topic that has no story
        box, status = page.get_by_label("Find a topic or source"), page.get_by_role("status")
        page.keyboard.press("/")
        expect(box).to_be_focused()
        box.press_sequentially("exam")
        assert _shown(visit) == list(PROVIDERS[:2])
        expect(page.get_by_role("heading", name="Topics", exact=True)).to_be_hidden()
        expect(page.get_by_role("heading", name="Sources 2")).to_be_visible()
        expect(status).to_have_text("2 found")
        box.fill("ZWEI  Exä")
        assert _shown(visit) == [PROVIDERS[1]]
        page.reload()
        assert _shown(visit) == [PROVIDERS[1]]
        page.goto(newsroom.url + "feeds.html#q=paper7.test")
        assert _shown(visit) == [PROVIDERS[6]]
        for nowhere in ("nowhere", "ample"):  # words are found by their beginnings
            box.fill(nowhere)
            assert _shown(visit) == []
            expect(page.get_by_text("No topic or source has this in its name.")).to_be_visible()
        box.fill("")
        assert _shown(visit) == everything
        assert "#" not in page.url
        assert visit.console == []


@pytest.mark.parametrize("way", ["clipboard", "old way", "keyboard"])
def test_browser_copies_the_address(newsroom: Newsroom, browser: Browser, way: str) -> None:
    address = newsroom.url + "topics/ai.atom"
    with visiting(browser) as visit:
        page = visit.page
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        if way == "old way":
            page.add_init_script("navigator.clipboard.writeText = () => Promise.reject();")
        page.goto(newsroom.url + FEED)
        page.locator(".follow > summary").click()
        assert page.locator(".address").all_inner_texts()[0] == address
        button = page.get_by_role("button", name="Copy the Atom address")
        if way == "keyboard":
            page.reload()
            page.keyboard.press("Tab")
            expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
            page.locator(".follow > summary").focus()
            page.keyboard.press("Enter")
            button.focus()
            page.keyboard.press("Enter")
        else:
            button.click()
        expect(page.get_by_role("status")).to_have_text("Atom address copied")
        expect(page.locator(".copy").first).to_have_text("Copied the Atom address")
        assert page.evaluate("navigator.clipboard.readText()") == address
        assert visit.console == []


def test_browser_shows_all_without_javascript(newsroom: Newsroom, browser: Browser) -> None:
    with visiting(browser, scripts=False) as visit:
        page = visit.page
        page.goto(newsroom.url)
        expect(page.get_by_role("heading", name="Story 27", exact=True)).to_be_visible()
        page.get_by_role("link", name="Topics and sources", exact=True).click()
        assert len(_shown(visit)) == 1 + 5 + len(PROVIDERS)
        expect(page.locator("#narrow")).to_be_hidden()
        page.get_by_role("link", name="AI", exact=True).click()
        expect(page.get_by_role("heading", name="AI", exact=True)).to_be_visible()
        page.locator(".follow > summary").click()
        expect(page.get_by_text(newsroom.url + "topics/ai.atom")).to_be_visible()
        assert page.locator(".copy:visible").count() == 0
        page.locator("article summary").first.click()
        expect(page.get_by_role("link", name="Elsewhere").first).to_be_visible()
        assert visit.console == []


@pytest.mark.parametrize("name", ["topics/ai.atom", "topics/ai.rss"])
@pytest.mark.parametrize("served", [True, False], ids=["served", "from disk"])
def test_browser_shows_a_notice_with_a_raw_feed(
    newsroom: Newsroom, browser: Browser, name: str, *, served: bool
) -> None:
    with visiting(browser, 768) as visit:
        visit.page.goto((newsroom.url if served else f"{newsroom.site.out.as_uri()}/") + name)
        notice = visit.style(":root", "content", "::before")
        assert notice == f'"{words_of("en").notice}"'
        visit.page.evaluate("getSelection().selectAllChildren(document.documentElement)")
        text = str(visit.page.evaluate("getSelection().toString()"))
        page = f"{newsroom.url}topics/ai.html"
        if name.endswith("rss"):
            assert page in text
        else:
            link = 'feed > link[rel="alternate"][type="text/html"]'
            assert visit.style(link, "display") == "block"
            assert visit.page.locator(link).get_attribute("href") == page
            assert visit.style(link, "content", "::after") in ("attr(href)", f'"{page}"')
            assert visit.style(link, "content", "::before") == '"Its page: "'
        for shown in ("The Paper: AI", TITLE, "What happened in story 1.", "Exämple"):
            assert shown in text
        for hidden in ("urn:uuid", "https://", "image/png", "Related coverage"):
            assert hidden not in text


def test_browser_loads_pictures_of_the_site_and_nothing_else(
    newsroom: Newsroom, browser: Browser
) -> None:
    with visiting(browser) as visit:
        page = visit.page
        page.goto(newsroom.url + FEED)
        for image in page.locator("img").all()[:5]:
            image.scroll_into_view_if_needed()
            expect(image).to_have_js_property("complete", value=True)
            assert image.evaluate("(image) => image.naturalWidth") > 0
        assert newsroom.url + "media/own.png" in visit.requests
        assert [one for one in visit.requests if not one.startswith(newsroom.url)] == []
        page.evaluate("(url) => { new Image().src = url; }", newsroom.elsewhere + "far.png")
        page.wait_for_function("() => true")
        assert any("Content Security Policy" in line for line in visit.console)


def test_browser_shows_no_sign_of_a_broken_picture(newsroom: Newsroom, browser: Browser) -> None:
    with visiting(browser) as visit:
        page = visit.page
        page.route("**/*.png", lambda route: route.abort())
        page.goto(newsroom.url + FEED)
        images, boxes = page.locator("img"), page.locator(".picture")
        for number in range(3):
            boxes.nth(number).scroll_into_view_if_needed()
            expect(images.nth(number)).to_be_hidden()
            expect(boxes.nth(number)).to_be_visible()
        assert visit.moved() == 0


def test_browser_prints_related_coverage_and_no_controls(
    newsroom: Newsroom, browser: Browser
) -> None:
    with visiting(browser, scheme="dark") as visit:
        visit.page.goto(newsroom.url + FEED)
        visit.page.emulate_media(media="print")
        expect(visit.page.get_by_role("link", name="Elsewhere").first).to_be_visible()
        assert visit.page.locator("button:visible").count() == 0
        assert visit.style(":root", "backgroundColor") == "rgb(255, 255, 255)"
        printed = visit.page.pdf(format="A4")
        assert printed.count(b"/Type /Page\n") + printed.count(b"/Type /Page ") <= 12


def test_links_of_the_site_lead_somewhere(newsroom: Newsroom) -> None:
    pages = {
        newsroom.url + name: html5lib.parse(data, namespaceHTMLElements=False)
        for name, data in documents_in(newsroom.site.out).items()
        if name.endswith(".html")
    }
    targets = {
        urljoin(url, target)
        for url, page in pages.items()
        for element in page.iter()
        if (target := element.get("href") or element.get("src"))
    }
    own = sorted(target for target in targets if target.startswith(newsroom.url))
    assert len(own) > 5 * len(PROVIDERS)
    for target in own:
        url, fragment = urldefrag(target)
        with urlopen(url, timeout=60) as answer:  # noqa: S310 (an address of ours)
            assert answer.status == 200
        if fragment:
            assert pages[url].find(f".//*[@id='{fragment}']") is not None
    outside = {target for target in targets if not target.startswith(newsroom.url)}
    hosts = {urlsplit(target.removeprefix("feed:")).hostname for target in outside}
    readers = {urlsplit(subscribe).hostname for _, _, subscribe in READERS}
    assert hosts - readers == {"127.0.0.1", "news.example.com", "other.example.com"}


def test_screenshots_are_kept_from_git() -> None:
    ignored = (Path(__file__).parent.parent.parent / ".gitignore").read_text(encoding="utf-8")
    assert f"/{SCREENSHOTS.parent.name}/" in ignored.splitlines()
