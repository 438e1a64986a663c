"""A published site on loopback, and a real Chromium to look at it."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from feeds.common.media import kind_of
from tests.support.markdown import ROOT
from tests.support.processes import PATIENCE

T = TypeVar("T")

SCREENSHOTS = ROOT / "build/screenshots"
FEED_TYPES = {f".{one}": kind_of(one).media_type for one in ("atom", "rss", "json")}
# Chromium shows a feed that is served with its own type as source text, whatever it says.
SHOWN_TYPES = {".atom": "application/xml", ".rss": "application/xml"}

_ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


def needed(found: T | None, what: str) -> T:
    """Returns what a test needs beyond Python; skips it without, but not where CI installs it."""
    if found is None:
        message = f"{what} is missing"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return found


class Handler(SimpleHTTPRequestHandler):
    """Files with the types that documents are to be served with, and no log."""

    def guess_type(self, path: str | os.PathLike[str]) -> str:
        suffix = Path(path).suffix
        types = FEED_TYPES | {".opml": kind_of("opml").media_type} | SHOWN_TYPES
        return types.get(suffix) or super().guess_type(path)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the library's name)
        pass


class SlowHandler(Handler):
    """Pages in two parts: a browser draws the first, which ends before `cut`, by itself."""

    cut = b""

    def copyfile(self, source: Any, outputfile: Any) -> None:
        data = source.read()
        first, found, rest = data.partition(self.cut)
        outputfile.write(first)
        if found and self.path.endswith(".html"):
            outputfile.flush()
            time.sleep(0.3)
        outputfile.write(found + rest)


@contextmanager
def serving(folder: Path, handler: type[Handler] = Handler) -> Iterator[str]:
    """Serves a folder, which may come later; gives its address, with a slash at the end."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def chromium() -> Iterator[Browser]:
    """Starts the system's Chromium, which asks nobody for anything by itself."""
    names = ("chromium", "chromium-browser", "google-chrome")
    path = needed(
        next(filter(None, map(shutil.which, names)), None), "Chromium (apt-get install chromium)"
    )
    with sync_playwright() as playwright:
        expect.set_options(timeout=PATIENCE * 1000)
        browser = playwright.chromium.launch(executable_path=path, args=list(_ARGUMENTS))
        # A first window costs most of a second of processor time: it stays, for those after it.
        browser.new_context().new_page()
        try:
            yield browser
        finally:
            browser.close()


class Visit:
    """A page that is open in a window, and all that went on in it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.console: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.console.append(str(error)))
        self.page.on("dialog", lambda dialog: self.console.append(dialog.message))
        self.page.on("request", lambda request: self.requests.append(request.url))

    def _hear(self, message: ConsoleMessage) -> None:
        # Pages name their icon; a raw feed cannot, and then browsers look for it in this place.
        if not message.location["url"].endswith("/favicon.ico"):
            self.console.append(message.text)

    def overflow(self) -> int:
        """Returns by how many pixels the page is wider than its window."""
        script = "document.documentElement.scrollWidth - innerWidth"
        return max(0, int(self.page.evaluate(script)))

    def moved(self) -> float:
        """Returns how much of the page moves each time that it is loaded (web.dev/cls).

        On a busy machine a browser may draw a page of which it has read a part: that moves once.
        """
        least = self._moved()
        for _ in range(4):
            if not least:
                break
            self.page.reload()
            least = min(least, self._moved())
        return least

    def _moved(self) -> float:
        script = """() => new Promise((done) => {
            new PerformanceObserver((list) => done(list.getEntries().map((one) => one.value)))
                .observe({type: "layout-shift", buffered: true});
            setTimeout(() => done([]), 30);
        })"""
        return float(sum(self.page.evaluate(script)))

    def style(self, selector: str, name: str, pseudo: str | None = None) -> str:
        """Returns a property of the first such element, as it is shown."""
        script = (
            "([css, name, pseudo]) => getComputedStyle(document.querySelector(css), pseudo)[name]"
        )
        return str(self.page.evaluate(script, [selector, name, pseudo]))


@contextmanager
def visiting(
    browser: Browser, width: int = 1440, scheme: str = "light", *, scripts: bool = True
) -> Iterator[Visit]:
    """Opens a window of a visitor who likes it light or dark, with or without JavaScript."""
    context = browser.contexts[0] if scripts else browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    try:
        yield Visit(page)
    finally:
        page.close()
        if not scripts:
            context.close()
