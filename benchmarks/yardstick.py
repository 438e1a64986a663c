"""The script that a user would write instead of `feeds`, which the benchmarks measure against.

Ordinary Python with the two libraries that offer themselves, PyYAML (with libyaml) and feedgen:
nothing in it is there to make it fast or slow.
"""

import argparse
import mimetypes
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import yaml
from feedgen.feed import FeedGenerator

BASE_URL = "https://feeds.example.org/"


def read(path: Path) -> dict[str, Any]:
    """Return the front matter of a seed."""
    _, front_matter, _ = path.read_text(encoding="utf-8").split("---\n", 2)
    story: dict[str, Any] = yaml.load(front_matter, Loader=yaml.CSafeLoader)
    return story


def write_feed(out: Path, folder: str, title: str, stories: list[dict[str, Any]]) -> None:
    """Write the newest 50 of the stories as RSS and Atom."""
    name = folder + re.sub(r"[^a-z0-9.]+", "-", title.lower()).strip("-")
    feed = FeedGenerator()
    feed.id(f"{BASE_URL}{name}.atom")
    feed.title(title)
    feed.description(f"The newest stories: {title}")
    feed.link({"href": f"{BASE_URL}{name}.atom", "rel": "self"})
    feed.link({"href": "https://www.example.org/", "rel": "alternate"})
    stories = sorted(stories, key=lambda story: story["publishedDateTime"], reverse=True)
    for story in stories[:50]:
        provider = story["provider"]
        entry = feed.add_entry(order="append")
        entry.id(story["originalUrl"])
        entry.title(story["title"])
        entry.link({"href": story["webUrl"]})
        entry.summary(story["excerpt"])
        entry.published(story["publishedDateTime"])
        entry.updated(story["publishedDateTime"])
        entry.author({"name": provider["name"], "uri": f"https://{provider['domain']}/"})
        entry.category([{"term": topic} for topic in story["topics"]])
        image = next((image for image in story["images"] if image["isCached"]), None)
        if image:
            kind = mimetypes.guess_type(image["url"])[0] or "image/jpeg"
            entry.enclosure(image["url"], "0", kind)
    (out / folder).mkdir(parents=True, exist_ok=True)
    (out / f"{name}.rss").write_bytes(feed.rss_str(pretty=True))
    (out / f"{name}.atom").write_bytes(feed.atom_str(pretty=True))


def main() -> None:
    """Read all seeds, and write a feed of everything, one per topic, and one per provider."""
    parser = argparse.ArgumentParser(description="Publish seeds as RSS and Atom.")
    parser.add_argument("seeds", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    stories = [read(path) for path in sorted(arguments.seeds.rglob("*.txt"))]
    selected = [story for story in stories if story["published"] and story["quality"] >= 40]
    by_topic, by_provider = defaultdict(list), defaultdict(list)
    for story in selected:
        by_provider[story["provider"]["domain"]].append(story)
        for topic in story["topics"]:
            by_topic[topic].append(story)
    write_feed(arguments.out, "", "All", selected)
    for topic, members in by_topic.items():
        write_feed(arguments.out, "topics/", topic, members)
    for provider, members in by_provider.items():
        write_feed(arguments.out, "providers/", provider, members)


if __name__ == "__main__":
    main()
