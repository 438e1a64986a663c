"""Very many feeds: what one changed seed costs them, in files of out/."""

from __future__ import annotations

import pytest

from feeds.publish.manifest import MANIFEST, PARTS
from tests.support.site import Site

_FEEDS, _TOPICS = 20_000, 50


def _seed(site: Site, number: int, title: str) -> None:
    first = number * _TOPICS
    topics = [f"{chr(97 + n % 26)}opic {n}" for n in range(first, first + _TOPICS)]
    provider = {"name": f"Paper {number}", "domain": f"paper{number}.test"}
    site.seed(f"{number}.txt", number=number, title=title, topics=topics, provider=provider)


def _sizes(site: Site) -> dict[str, tuple[int, int, int]]:
    found = {}
    for path in site.out.rglob("*"):
        status = path.stat()
        if path.is_file():
            name = str(path.relative_to(site.out))
            found[name] = (status.st_size, status.st_mtime_ns, status.st_ino)
    return found


@pytest.mark.timeout(900)
def test_one_changed_seed_of_20_000_feeds_rewrites_no_large_file(site: Site) -> None:
    for number in range(_FEEDS // _TOPICS):
        _seed(site, number, f"Story {number}")
    report = site.publish()
    assert len(report.feeds) > _FEEDS
    before = _sizes(site)
    assert max(size for name, (size, *_) in before.items() if name.endswith("html")) < 1_000_000
    assert len([name for name in before if name.startswith(PARTS + "/")]) == 256

    _seed(site, 27, "Renamed")
    written = site.publish().written
    # The feeds of the seed, that of everything, and the front page; a title stands in no list.
    assert len(written) == (_TOPICS + 2) * 4 + 1
    after = _sizes(site)
    changed = {name for name, one in after.items() if before.get(name) != one}
    assert changed == {*written, MANIFEST}
    assert max(after[name][0] for name in changed) < 2_000_000

    site.seed("new.txt", number=2827, topics=["A new topic"])
    written = site.publish().written
    before, after = after, _sizes(site)
    changed = {name for name, one in after.items() if before.get(name) != one}
    assert max(after[name][0] for name in changed) < 2_000_000
    assert {"feeds/topics/a.html", "feeds/topics/a.opml", "topics/a-new-topic.atom"} <= set(written)
    parts = {name for name in changed if name.startswith(PARTS)}
    assert len(parts - {MANIFEST}) <= 2  # of the topic, and of the provider
    lists = {name for name in changed if name.startswith("feeds/")}
    assert sum(after[name][0] for name in lists) < 1_000_000
