"""Killed at any moment, while seeds are edited: out/ is whole, and the next pass sets all right."""

from __future__ import annotations

import json
import os
import random
import re
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from itertools import count
from pathlib import Path

import pytest
from lxml import etree

from feeds.pipeline.run import publish_feeds
from feeds.publish.manifest import MANIFEST, read_manifest
from feeds.render.html import NEW
from feeds.store import open_state
from tests.support.processes import Forks, wait_until
from tests.support.site import Site, documents_in, front_matter, seed_text
from tests.support.validator import findings

KILLS = int(os.environ.get("FEEDS_TEST_KILLS", "200"))
# A daemon takes half a second to start, an export next to nothing.
DAEMONS = KILLS // 16
SEEDS = range(9)
START = datetime(2024, 5, 1, tzinfo=UTC)
CONFIG = '[selection]\nmax_items = 5\nmax_exposed = 0\n[schedule]\nevery = "1s"\n'
# Where flushing costs nothing; what is written there is never killed.
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108

Story = tuple[int, int]


@cache
def story(number: int, version: int) -> str | None:
    """Returns the seed of a story in one version, None where it has none then."""
    if number and version % 7 == 6:
        return None
    return seed_text(
        front_matter(
            number,
            title=f"Story {number} version {version}",
            published=not number or version % 5 != 4,
            publishedDateTime=(START + timedelta(hours=number)).isoformat(),
            # A reader is told this time, whichever versions were published before.
            updatedDateTime=(START + timedelta(days=1, minutes=version)).isoformat(),
            topics=["AI", f"Topic {(number + version) % 3}", f"Topic {number * version % 31}"],
        ),
        "A story. " * (version * 37 % 400),
    )


class Newsroom:
    """A site whose seeds are edited, the versions they are in, and what was published last."""

    def __init__(self, site: Site, rng: random.Random) -> None:
        self.site = site
        self.interrupted = 0
        # Seconds that the last pass took that nobody killed, on this machine as busy as it is.
        self.pass_seconds = 0.0
        self._rng = rng
        self._versions = dict.fromkeys(SEEDS, 0)
        self._floor = dict(self._versions)
        self._published: dict[str, bytes] = {}
        self._made: dict[tuple[str, ...], dict[str, bytes]] = {}
        site.configure(CONFIG)
        for number in SEEDS:
            self._write(number)

    def edit(self) -> None:
        """Puts another version of a story in its place, or takes it away."""
        number = self._rng.choice(SEEDS)
        self._versions[number] += 1
        self._write(number)

    def check_whole(self) -> None:
        """Checks what a kill left: every file is one that some whole pass makes of its feed."""
        out = self.site.out
        manifest = read_manifest(out)
        claimed = set(manifest.files)
        self.interrupted += manifest.unfinished
        for path, data in documents_in(out).items() if out.exists() else ():
            if path.endswith(".feeds-tmp"):
                continue
            assert path in claimed, f"{path} is not in the manifest"
            if data == self._published.get(path):
                continue
            if path == "feeds.opml":
                assert data == self._subscriptions(data)
                continue
            if path in NEW or path.startswith("assets/"):
                # What counts stories and tells dates could be of any moment, but is whole.
                assert findings(path, data, self.site.load().config.site.base_url) == []
                continue
            shown = stories_in(path, data)
            for number, version in shown:
                assert self._floor[number] <= version <= self._versions[number]
            if path.endswith(".html"):  # it tells of other feeds, too, as they were at any moment
                assert findings(path, data, self.site.load().config.site.base_url) == []
                continue
            assert data == self._made_of(shown)[path]

    def check_recovery(self) -> None:
        """Checks that the store opens, and that the next pass ends as a first run would."""
        if self.site.state.exists():
            with open_state(self.site.state, "pass", pytest.fail) as store:
                assert store._db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        began = time.monotonic()
        publish_feeds(self.site.load())
        self.pass_seconds = time.monotonic() - began
        current = [(number, version) for number, version in self._versions.items()]
        assert self.site.documents() == self._made_of(current)
        rest = {path.name for path in self.site.out.iterdir() if path.is_file()}
        assert rest - set(self.site.documents()) <= {MANIFEST, ".feeds-daemon.lock"}
        assert publish_feeds(self.site.load()).written == []
        self._floor, self._published = dict(self._versions), self.site.documents()

    def _write(self, number: int) -> None:
        path = self.site.seeds / f"{number}.txt"
        text = story(number, self._versions[number])
        if text is None:
            path.unlink(missing_ok=True)
            return
        path.with_name(".new").write_text(text, encoding="utf-8")
        path.with_name(".new").replace(path)

    def _made_of(self, stories: list[Story]) -> dict[str, bytes]:
        """Returns the documents that a first run makes of these stories."""
        return self._run(*(text for one in sorted(stories) if (text := story(*one))))

    def _subscriptions(self, data: bytes) -> bytes:
        """Returns the list of the feeds that this list names, as a first run makes it."""
        root = etree.fromstring(data)
        names = re.findall(rb"topics/topic-(\d+)\.atom", data)
        topics = ["AI", *(f"Topic {int(name)}" for name in names)]
        updated = parsedate_to_datetime(root.findtext("head/dateModified", "")).isoformat()
        published = START.isoformat()
        fields = front_matter(topics=topics, updatedDateTime=updated, publishedDateTime=published)
        return self._run(seed_text(fields))["feeds.opml"]

    def _run(self, *texts: str) -> dict[str, bytes]:
        if texts not in self._made:
            with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
                fresh = Site(Path(folder) / "site")
                fresh.configure(CONFIG)
                for number, text in enumerate(texts):
                    fresh.write(f"{number}.txt", text)
                publish_feeds(fresh.load())
                self._made[texts] = fresh.documents()
        return self._made[texts]


def stories_in(path: str, data: bytes) -> list[Story]:
    """Reads a document with a parser, and returns the stories in it."""
    if path.endswith(".json"):
        titles: list[str] = [item["title"] for item in json.loads(data)["items"]]
    elif path.endswith(".html"):
        page = etree.fromstring(data, etree.HTMLParser())
        links = [*page.iterfind(".//article/h2/a"), *page.iterfind(".//article/h3/a")]
        titles = [link.text or "" for link in links]
    else:
        entries = etree.fromstring(data).iter("{*}entry", "{*}item")
        titles = [entry.findtext("{*}title", "") for entry in entries]
    assert titles
    found = [re.fullmatch(r"Story (\d) version (\d+)", title) for title in titles]
    return [(int(match[1]), int(match[2])) for match in found if match]


def rounds(kills: int, newsroom: Newsroom, rng: random.Random) -> Iterator[bool]:
    """Yields for each kill whether a good pass follows it; a few do not get one at once."""
    for number in count(1):
        is_last = number >= kills and newsroom.interrupted > 0
        yield is_last or rng.random() < 0.85
        if is_last:
            return


def editing(newsroom: Newsroom, rng: random.Random, seconds: float) -> None:
    """Edits seeds for a while."""
    end = time.monotonic() + seconds
    while (rest := end - time.monotonic()) > 0:
        newsroom.edit()
        time.sleep(min(rest, rng.uniform(0, 0.03)))


@pytest.mark.parametrize("shard", range(8))
def test_export_killed_at_any_moment_leaves_all_whole(site: Site, shard: int) -> None:
    rng = random.Random(shard)  # noqa: S311
    newsroom = Newsroom(site, rng)
    changed = site.root / "changed"
    changed.write_text("\n".join(str(site.seeds / f"{number}.txt") for number in SEEDS))
    newsroom.check_recovery()
    with Forks(site) as forks:
        for recovers in rounds(KILLS // 8, newsroom, rng):
            newsroom.edit()
            told = ("--changed", str(changed)) if rng.random() < 0.5 else ()
            pid = forks.start("export", *told)
            editing(newsroom, rng, rng.uniform(0, 2 * newsroom.pass_seconds))
            forks.kill(pid)
            newsroom.check_whole()
            if recovers:
                newsroom.check_recovery()
        # A seed may be taken away between being found and being read, and stories come late.
        expected = re.compile(r"No such file or directory|selection\.max_exposed")
        assert [line for line in forks.errors() if not expected.search(line)] == []


# What Python's own fork server says where its parent was killed before it could tell a new process
# what to do; nothing of ours runs in that process yet.
_ORPHANED = re.compile(
    r"Traceback \(most recent call last\):\n(?: +.*\n)*"
    r" +File .*multiprocessing/spawn\.py.*\n(?: +.*\n)*EOFError: Ran out of input(?:\n|\Z)"
)


@pytest.mark.parametrize("shard", range(2))
def test_daemon_killed_at_any_moment_leaves_all_whole(site: Site, shard: int) -> None:
    rng = random.Random(f"daemon {shard}")  # noqa: S311
    newsroom = Newsroom(site, rng)
    newsroom.check_recovery()
    with Forks(site) as forks:
        start_seconds = 0.0
        for number in range(DAEMONS // 2):
            newsroom.edit()
            pid = forks.start("run", "--log-json")
            if not start_seconds or rng.random() < 0.6:
                waited = wait_until((site.out / ".feeds.lock").exists)
                start_seconds = max(waited, start_seconds)  # a killed one may have left its lock
                editing(newsroom, rng, rng.uniform(0, 2 * newsroom.pass_seconds))
            else:
                editing(newsroom, rng, rng.uniform(0, 2 * start_seconds))
            forks.kill(pid)
            newsroom.check_whole()
            if number == DAEMONS // 2 - 1 or rng.random() < 0.85:
                newsroom.check_recovery()
        errors = _ORPHANED.sub("", "\n".join(forks.errors())).splitlines()
    assert [line for line in errors if not line.startswith("{")] == []
    levels = {json.loads(line)["level"] for line in errors}
    assert "info" in levels
    assert "error" not in levels
