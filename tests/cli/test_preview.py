"""``feeds preview``, in a real Chromium: what is saved is seen within a second."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, expect

from tests.support.browsing import visiting
from tests.support.site import Site


@contextmanager
def previewing(site: Site, *arguments: str) -> Iterator[str]:
    """Runs ``feeds preview``; gives its address once it has published."""
    process = site.start("preview", "--no-open", *arguments)
    try:
        assert process.stdout is not None
        match = re.search(r"preview at (http://127\.0\.0\.1:\d+/)", process.stdout.readline())
        assert match
        yield match[1]
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 0


@pytest.fixture
def written(site: Site) -> Site:
    """A site with a story, a draft, and a folder of templates."""
    (site.root / "mine").mkdir()
    site.configure('[paths]\ntemplates = "mine"\n')
    site.seed("a.txt", number=1)
    site.seed("draft.txt", number=2, title="Not yet", published=False)
    return site


def test_preview_shows_what_is_saved_and_leaves_the_site_alone(
    written: Site, browser: Browser
) -> None:
    written.configure('[paths]\ntemplates = "mine"\n[state]\nbackup = "copy.db"\n')
    (written.root / "copy.db").write_text("no backup of use", encoding="utf-8")
    before = written.files()
    with previewing(written) as url, visiting(browser) as visit:
        page = visit.page
        page.goto(url + "topics/ai.html")
        expect(page.get_by_role("heading", name="Story 1")).to_be_visible()
        assert page.get_by_text("Not yet").count() == 0
        page.wait_for_function("() => document.fonts.status === 'loaded'")
        written.seed("a.txt", number=1, title="Saved")
        expect(page.get_by_role("heading", name="Saved")).to_be_visible()
        written.seed("bad.txt", number=3, quality=500)
        expect(page.get_by_role("region", name="Problems")).to_contain_text(
            "bad.txt:6:10: error: quality"
        )
        (written.seeds / "bad.txt").unlink()
        expect(page.get_by_role("region", name="Problems")).to_be_hidden()
        (written.root / "mine/layout.html").write_text(
            '{% extends "feeds/layout.html" %}{% block footer %}My foot{% endblock %}'
        )
        expect(page.get_by_text("My foot")).to_be_visible()
        (written.root / "mine/layout.html").unlink()
        written.configure('description = "Described"\n')
        page.goto(url + "feeds.html")
        expect(page.get_by_text("Described")).to_be_visible()
        written.configure("titel = 3\n")
        expect(page.get_by_role("region", name="Problems")).to_contain_text("titel")
        assert visit.console == []
        assert [one for one in visit.requests if not one.startswith(url)] == []
    after = written.files()
    assert after.keys() == before.keys()


def test_preview_marks_drafts(written: Site, browser: Browser) -> None:
    with previewing(written, "--drafts") as url, visiting(browser) as visit:
        visit.page.goto(url + "topics/ai.html")
        story = visit.page.locator("article", has_text="Not yet")
        expect(story.locator(".draft")).to_have_text("Draft")
        assert visit.page.locator(".draft").count() == 1
        written.publish()
        assert b"Not yet" not in written.read("topics/ai.html")
