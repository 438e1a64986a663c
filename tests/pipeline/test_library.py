"""The library: what `import feeds` gives, in the programs of its docs page and one by one."""

from __future__ import annotations

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

import feeds
from feeds.pipeline import library
from feeds.publish.manifest import MANIFEST
from tests.pipeline.test_state_images import NAME, URL, drop
from tests.support.imaging import picture, seed_with
from tests.support.markdown import Manual, blocks, code, tables
from tests.support.site import Site

PAGE = Manual()["docs/library.md"]
SCRIPT, APPLICATION = blocks(PAGE.text, "python")

# What an editor's browser does with the application.
BROWSER = """
from pathlib import Path
from fastapi.testclient import TestClient
from application import app

client = TestClient(app)
assert client.get("/problems").json() == []
assert client.get("/preview/all").text.count("<entry>") == 1
assert not Path("out").exists()
seed = Path("seeds/a.txt")
seed.write_text(seed.read_text().replace("Story 1", "Story one").replace("heat: 5", "heat: hot"))
assert client.post("/saved", params={"path": "seeds/a.txt"}).status_code == 202
assert "Story one" in Path("out/all.atom").read_text()
shown = client.get("/preview/all", params={"extension": "rss"})
assert shown.content == Path("out/all.rss").read_bytes()
assert shown.headers["content-type"].startswith("application/rss+xml")
(problem,) = client.get("/problems").json()
assert "heat" in problem
missing = client.get("/preview/topics/aj")
assert (missing.status_code, "did you mean 'topics/ai'?" in missing.text) == (404, True)
"""


# They are of no feed.
PAGES = {"404", "feeds", "follow", "index"}


def python(site: Site, file: str) -> str:
    """Runs a file in the folder of a site, and returns what it printed."""
    done = subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", file],
        cwd=site.root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_library_works_in_the_script_of_the_docs(site: Site) -> None:
    site.seed("first.md")
    (site.root / "script.py").write_text(SCRIPT, encoding="utf-8")
    first, *reasons = python(site, "script.py").splitlines()
    assert first == "1 stories, 27 documents written"
    assert reasons[0].startswith("all in: quality 70 reaches 40")
    assert {line.split()[0] for line in reasons} == {"all", "topics/ai", "providers/example.com"}


@pytest.mark.process
def test_library_works_in_the_script_of_the_docs_with_processes(site: Site) -> None:
    for number in range(1, 400):
        site.seed(f"{number}.txt", number=number, topics=[f"T{number}"])
    site.seed("first.md", number=400)
    (site.root / "script.py").write_text(SCRIPT, encoding="utf-8")
    assert python(site, "script.py").startswith("400 stories, ")


@pytest.mark.process
def test_library_works_in_the_application_of_the_docs(site: Site) -> None:
    site.seed()
    (site.root / "application.py").write_text(APPLICATION, encoding="utf-8")
    (site.root / "browser.py").write_text(BROWSER, encoding="utf-8")
    python(site, "browser.py")


def test_library_names_are_those_of_the_docs() -> None:
    (table,) = tables(PAGE.text)
    named = [one.partition("(")[0] for row in table for one in code(row["name"])] + ["kind_of"]
    assert sorted(named) == library.__all__
    assert dir(feeds) == sorted(["__version__", *library.__all__])
    for name in named:
        assert getattr(feeds, name) is getattr(library, name)


@pytest.mark.parametrize("name", ["publish_feeds", "difflib", "_render", "nothing"])
def test_library_has_no_other_name(name: str) -> None:
    with pytest.raises(AttributeError, match=f"'feeds' has no attribute '{name}'"):
        getattr(feeds, name)


def test_library_passes_of_threads_wait_for_each_other(site: Site) -> None:
    loaded = site.load()
    for number in range(8):
        site.seed(f"{number}.txt", number=number)
    with ThreadPoolExecutor(4) as threads:
        reports = list(threads.map(lambda _: feeds.publish_pass(loaded), range(4)))
    assert sorted(len(report.written) for report in reports) == [0, 0, 0, 27]


def test_library_check_finds_what_the_command_does(site: Site) -> None:
    site.configure("[topics.Tea]\n")
    site.seed(heat="hot")
    report = feeds.check(site.load())
    assert [str(one) for one in report.problems] == site.run("check").err.splitlines()[:1]
    assert [hint for hint in report.hints if "Tea" in hint] == ["no seed has the topic 'Tea'"]


# render_feed


def test_render_feed_gives_the_bytes_that_a_pass_publishes(site: Site) -> None:
    site.configure('[topics.AI]\naliases = ["machines"]\n')
    for number in range(1, 5):
        site.seed(f"{number}.txt", number=number, topics=["AI", "Art"][: number % 2 + 1])
    site.publish()
    checked = 0
    for path in sorted(site.documents()):
        address, _, extension = path.rpartition(".")
        if extension in ("atom", "rss", "json", "html") and address not in PAGES:
            document = feeds.render_feed(site.load(), address, extension)
            assert (document.path, document.data) == (path, site.read(path))
            checked += 1
    assert checked == 20


def test_render_feed_shows_images_as_a_pass_does(site: Site) -> None:
    site.configure('[images]\nfetch = "off"\n')
    seed_with(site, 1, URL)
    drop(site, picture())
    site.publish()
    document = feeds.render_feed(site.load(), "all")
    assert NAME.encode() in document.data
    assert document.data == site.read("all.atom")


def test_render_feed_shows_what_is_not_published_and_writes_nothing(site: Site) -> None:
    site.seed()
    site.publish()
    site.seed("b.txt", number=2)
    before = site.files()
    assert b"Story 2" in feeds.render_feed(site.load(), "all", "json").data
    assert site.files() == before
    assert (site.out / MANIFEST).exists()


@pytest.mark.parametrize(
    ("address", "extension", "reason"),
    [
        ("topics/a", "atom", "no feed at 'topics/a' (did you mean 'topics/ai'?)"),
        ("all", "xml", "the feed at 'all' has no document 'all.xml'"),
        ("all", "html", "the feed at 'all' has no document 'all.html'"),
    ],
)
def test_render_feed_of_nothing_says_what_there_is(
    site: Site, address: str, extension: str, reason: str
) -> None:
    site.configure("pages = false\n")
    site.seed()
    with pytest.raises(feeds.UnknownFeedError, match=re.escape(reason)):
        feeds.render_feed(site.load(), address, extension)
