"""What feeds show of their entries, by config.toml, read back from what a pass publishes."""

from __future__ import annotations

import feedparser
import pytest

from tests.support.serving import Server
from tests.support.site import Site

CONFIG = """
show = "excerpt"
[topics.AI]
show = "link"
show_images = false
[[feeds]]
name = "Whole"
show = "full"
"""
IMAGE = {"url": "https://img.example.com/a.png", "isCached": True}
RELATED = {
    "title": "Another story",
    "originalUrl": "https://other.example.com/1",
    "webUrl": "https://other.example.com/1",
}


def publish(site: Site, toml: str) -> None:
    site.configure(toml)
    site.seed("1.md", body="The whole *story*.", images=[IMAGE], relatedContent=[RELATED])
    site.publish()


@pytest.mark.parametrize("extension", ["atom", "rss"])
def test_feeds_show_what_their_tables_say_and_else_the_sites(site: Site, extension: str) -> None:
    publish(site, CONFIG)
    entries = {
        address: feedparser.parse(site.read(f"{address}.{extension}")).entries[0]
        for address in ("all", "topics/ai", "custom/whole")
    }
    # Of an entry without a description feedparser takes the content for it.
    contents = {
        address: entry.content[0].value if "content" in entry else entry.summary
        for address, entry in entries.items()
    }
    assert "whole" in contents["custom/whole"]
    assert "whole" not in contents["all"]
    assert "What happened" in contents["all"]
    assert (
        contents["topics/ai"] == '<p><a href="https://news.example.com/stories/1">Story 1</a></p>'
    )
    has_images = {address: bool(entry.enclosures) for address, entry in entries.items()}
    assert has_images == {"all": True, "topics/ai": False, "custom/whole": True}
    assert "media_content" not in entries["topics/ai"]
    assert [entry.title for entry in entries.values()] == ["Story 1"] * 3


def test_feeds_change_with_what_they_show_and_back_to_the_byte(site: Site) -> None:
    publish(site, "")
    before = site.read("topics/ai.atom"), site.read("topics/ai.html"), site.read("all.atom")
    site.configure('[topics.AI]\nshow = "link"\n')
    assert "topics/ai.atom" in site.publish().written
    assert site.read("all.atom") == before[2]
    site.configure("")
    site.publish()
    assert (site.read("topics/ai.atom"), site.read("topics/ai.html")) == before[:2]


@pytest.mark.parametrize(
    ("toml", "hidden"),
    [
        ("", set()),
        ("[topics.AI]\nnoindex = true\n", {"topics/ai.atom", "topics/ai.html"}),
        (
            "noindex = true\n[topics.AI]\nnoindex = false\n",
            {"all.atom", "all.html", "index.html", "feeds.opml", "query.atom?topic=ai"},
        ),
    ],
    ids=["nothing", "a topic", "the site but a topic"],
)
def test_server_and_pages_tell_search_engines_what_to_leave_out(
    site: Site, toml: str, hidden: set[str]
) -> None:
    publish(site, toml)
    paths = ["all.atom", "all.html", "index.html", "feeds.opml", "topics/ai.atom", "topics/ai.html"]
    with Server(site) as server:
        found = {
            path
            for path in [*paths, "query.atom?topic=ai"]
            if server.get(f"/{path}").headers.get("x-robots-tag") == "noindex"
        }
    assert found == hidden
    mark = b'<meta name="robots" content="noindex">'
    pages = [path for path in paths if path.endswith(".html")]
    assert {path for path in pages if mark in site.read(path)} == hidden & set(pages)
    mapped = (site.out / "sitemap.xml").exists()
    assert mapped != ("index.html" in hidden)
    if mapped:
        assert (b"topics/ai.html" in site.read("sitemap.xml")) != ("topics/ai.html" in hidden)
