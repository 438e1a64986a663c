"""The pictures of pages in a real Chromium: what a phone loads of them, and how they are shown."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Browser

from feeds.images.cache import likely_name
from feeds.pipeline.image_cache import narrow_images
from tests.support.browsing import SCREENSHOTS
from tests.support.imaging import encoded, seed_with
from tests.support.ports import HOST
from tests.support.serving import Server
from tests.support.site import Site

STORIES = 50
# Issue: a page of 50 stories, on a phone of 390 px at a pixel ratio of 2, scrolled to its end.
MOST_BYTES = 400_000


def photograph(size: tuple[int, int]) -> Image.Image:
    """Returns what weighs as much as a photograph: large shapes, and some grain."""
    shapes = Image.effect_noise((size[0] // 16 + 1, size[1] // 16 + 1), 80).resize(size)
    return Image.blend(shapes, Image.effect_noise(size, 22), 0.25).convert("RGB")


def shape(number: int) -> tuple[Image.Image, str]:
    """Returns a picture and its format: a photograph, but for the first four."""
    kinds: dict[int, tuple[int, int]] = {0: (600, 1000), 1: (1600, 400), 2: (60, 40)}
    if number == 3:
        logo = Image.new("RGBA", (600, 300))
        ImageDraw.Draw(logo).ellipse((100, 20, 500, 280), fill=(20, 90, 160, 255))
        return logo, "png"
    return photograph(kinds.get(number, (900, 600))), "jpg"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    site = Site(tmp_path_factory.mktemp("site") / "site")
    site.configure('[images]\nfetch = "off"\n')
    for number in range(STORIES):
        image, extension = shape(number)
        url = f"https://images.example.com/{number}.{extension}"
        path = site.root / ".feeds/images" / likely_name(url, f"image/{extension}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(image, extension, quality=85))
        seed_with(site, number, url, title=f"Story {number}", topics=["AI"])
    site.publish()
    # The small one and the logo are best as they are.
    assert narrow_images(site.load().config, pytest.fail)[0] == STORIES - 2
    site.publish()
    with Server(site) as server:
        yield f"http://{HOST}:{server.port}/"


def test_browser_on_a_phone_loads_little_of_fifty_pictures(served: str, browser: Browser) -> None:
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, device_scale_factor=2, has_touch=True
    )
    page = context.new_page()
    sizes: dict[str, int] = {}
    names: dict[str, str] = {}
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    session.on(
        "Network.requestWillBeSent", lambda e: names.update({e["requestId"]: e["request"]["url"]})
    )
    session.on(
        "Network.loadingFinished",
        lambda e: sizes.update({names[e["requestId"]]: int(e["encodedDataLength"])}),
    )
    page.goto(served + "topics/ai.html")
    for _ in range(200):
        page.mouse.wheel(0, 600)
        page.wait_for_timeout(20)
        if page.evaluate("scrollY + innerHeight >= document.documentElement.scrollHeight - 2"):
            break
    page.wait_for_load_state("networkidle")
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / "pictures-390.png", full_page=True)
    shown = page.evaluate("[...document.images].map((one) => [one.currentSrc, one.naturalWidth])")
    context.close()
    assert len(shown) == STORIES
    assert all(width for _, width in shown)
    assert all(address.startswith(served) for address in names.values())
    assert not [address for address, _ in shown if address.endswith("-1280.webp")]
    assert sum(sizes.values()) <= MOST_BYTES, sizes


def test_browser_draws_in_the_colours_of_the_visitor(served: str, browser: Browser) -> None:
    context = browser.new_context(forced_colors="active", color_scheme="dark")
    page = context.new_page()
    page.goto(served + "topics/ai.html")
    page.screenshot(path=SCREENSHOTS / "forced-colors.png")
    text, fill = page.evaluate(
        "[['body', 'color'], ['.activity path', 'fill']].map(([name, property]) =>"
        " getComputedStyle(document.querySelector(name))[property])"
    )
    context.close()
    assert fill == text
