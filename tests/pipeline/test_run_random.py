"""Random histories of a site and its readers: nothing is missed, and nothing comes twice."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import feedparser
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from feeds.common.reports import Options
from feeds.config import load_config
from feeds.pipeline.run import publish_feeds
from tests.support.site import NOW, Site, front_matter, seed_text

# A disk that flushes at once, where there is one: a history is some hundred flushes.
FAST = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108
EXPOSURE = timedelta(hours=48)
MAX_ITEMS = 2
CONFIG = f"""
[selection]
min_quality = 40
max_items = {MAX_ITEMS}
exposure = "48h"
[topics.Space]
min_quality = 60
[providers."b.example"]
min_quality = 30
[[rules]]
topic = "Space"
provider = "b.example"
min_quality = 50
[[feeds]]
name = "Mix"
topics = ["AI"]
providers = ["b.example"]
"""
# The thresholds that this comes to, worked out by hand; "" stands for no topic.
NEEDED = {
    ("a.example", ""): 40,
    ("a.example", "AI"): 40,
    ("a.example", "Space"): 60,
    ("b.example", ""): 30,
    ("b.example", "AI"): 30,
    ("b.example", "Space"): 50,
}
SUBSCRIPTIONS = {
    "all": "atom",
    "topics/ai": "rss",
    "topics/space": "json",
    "providers/a.example": "json",
    "providers/b.example": "rss",
    "custom/mix": "atom",
}
DATES = ("date_published", "date_modified")
BROKEN = ["", "---\ntitle: [\n---\n", "---\ntitle: No more than this\n---\n"]

QUALITIES = st.sampled_from([29, 30, 39, 40, 49, 50, 59, 60, 90])
TOPICS = st.sampled_from([("AI",), ("Space",), ("AI", "Space"), ()])
PUBLISHED = st.sampled_from([True, True, False])
PROVIDERS = st.sampled_from(["a.example", "b.example"])
CHANGES: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({}),  # no more than a touch
    st.just({"version": 1}),
    st.builds(dict, quality=QUALITIES),
    st.builds(dict, topics=TOPICS, provider=PROVIDERS),
)
HOURS = st.sampled_from([0.01, 1, 20, 47, 48, 60, 100])
# Which seed or reader: often that of last time, so that one story has a history of its own.
ANY = st.sampled_from([0, 0, 0, 0, 1, 1, 2, 5, 11])


class Story(NamedTuple):
    """What a seed tells; `version` counts the edits that readers care about."""

    number: int
    dated: datetime
    quality: int
    published: bool
    topics: tuple[str, ...]
    provider: str
    version: int = 1

    def text(self) -> str:
        fields = front_matter(
            self.number,
            title=f"v{self.version}",
            publishedDateTime=self.dated.isoformat(),
            quality=self.quality,
            published=self.published,
            topics=list(self.topics),
            provider={"domain": self.provider},
        )
        return seed_text(fields)

    def feeds(self, now: datetime) -> Iterator[str]:
        """Yields the feeds that the story qualifies for."""
        if not self.published or self.dated > now:
            return
        topics = [
            topic for topic in self.topics or ("",) if self.quality >= NEEDED[self.provider, topic]
        ]
        if topics:
            yield from ("all", f"providers/{self.provider}")
        yield from (f"topics/{topic.lower()}" for topic in topics if topic)
        if "AI" in topics and self.provider == "b.example":
            yield "custom/mix"


class Seen(NamedTuple):
    """An entry as a reader meets it; RSS does not tell when it was updated."""

    id: str
    number: int
    title: str
    published: str
    updated: str


@lru_cache(maxsize=99)
def parse(extension: str, data: bytes) -> list[Seen]:
    if extension == "json":
        every: list[Any] = json.loads(data)["items"]
        return [
            Seen(one["id"], number(one["url"]), one["title"], *map(one.get, DATES)) for one in every
        ]
    parsed = feedparser.parse(data)
    assert not parsed.bozo, parsed.bozo_exception
    return [
        Seen(one.id, number(one.link), one.title, one.published, dict.get(one, "updated", ""))
        for one in parsed.entries
    ]


def number(link: str) -> int:
    return int(link.rpartition("/")[2])


class Reader:
    """One subscriber: remembers ids, and what it was told last."""

    def __init__(self, address: str, now: datetime) -> None:
        self.address = address
        self.polled = now
        self.known: dict[str, Seen] = {}
        # What must be in the next document, unless it was in one before.
        self.due: set[int] = set()
        # What has left all feeds at some time.
        self.left: set[int] = set()

    def poll(self, entries: list[Seen], qualified: set[int], now: datetime) -> None:
        self.polled = now
        shown = {one.number for one in entries}
        assert len(entries) == len(shown) == len({one.id for one in entries})
        assert shown <= qualified, "shown without qualifying"
        assert self.due <= shown | {one.number for one in self.known.values()}, "missed"
        self.due.clear()
        for one in entries:
            old = self.known.setdefault(one.id, one)
            assert (old.number, old.published) == (one.number, one.published)
            # A reader shows an entry again as updated if it was edited or came back, only then.
            if one.updated and (old.title != one.title or one.number not in self.left):
                assert (old.updated == one.updated) == (old.title == one.title)
            self.known[one.id] = one
        arrivals = Counter(one.number for one in self.known.values())
        assert set(arrivals.values()) <= {1}, "came twice"


class History(RuleBasedStateMachine):
    """The site, the folder of seeds as it should be understood, and the readers."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(dir=FAST)
        self.site = Site(Path(self.folder.name) / "site")
        self.site.configure(CONFIG)
        self.now = NOW
        self.files: dict[str, tuple[Story, bool]] = {}  # and whether the seed is good
        self.deleted: list[Story] = []
        self.numbers = 0
        self.moves = 0
        self.dirty: set[str] = set()
        self.live: dict[str, Story] = {}  # what the feeds are made of since the last pass
        self.qualified: dict[str, set[int]] = {address: set() for address in SUBSCRIPTIONS}
        # What qualified in the first pass counts as old, and nobody waits for it.
        self.old: dict[str, set[int]] = {}
        self.left: set[int] = set()
        self.readers: list[Reader] = []

    def teardown(self) -> None:
        self.folder.cleanup()

    # The editors

    def write(self, path: str, story: Story, broken: str | None = None) -> None:
        self.site.write(path, story.text() if broken is None else broken)
        self.files.pop(path, None)
        self.files[path] = (story, broken is None)
        self.dirty.add(path)

    def pick(self, choice: int, *, good: bool) -> tuple[str, Story]:
        paths = [path for path in reversed(self.files) if self.files[path][1] == good]
        path = paths[choice % len(paths)]
        return path, self.files[path][0]

    def has_good(self) -> bool:
        return any(good for _, good in self.files.values())

    def has_broken(self) -> bool:
        return any(not good for _, good in self.files.values())

    @rule(days=st.integers(-30, 2), told=st.tuples(QUALITIES, PUBLISHED, TOPICS, PROVIDERS))
    def add(self, days: int, told: tuple[int, bool, tuple[str, ...], str]) -> None:
        self.numbers += 1
        # No two at the same second: readers sort those as they like.
        dated = NOW + timedelta(days=days, seconds=self.numbers)
        self.write(f"{self.numbers}.txt", Story(self.numbers, dated, *told))

    @precondition(lambda self: self.deleted)
    @rule(choice=ANY)
    def bring_back(self, choice: int) -> None:
        story = self.deleted.pop(-1 - choice % len(self.deleted))
        self.moves += 1
        self.write(f"back/{self.moves}.txt", story)

    @precondition(has_good)
    @rule(choice=ANY, change=CHANGES)
    def change(self, choice: int, change: dict[str, Any]) -> None:
        path, story = self.pick(choice, good=True)
        version = story.version + change.get("version", 0)
        self.write(path, story._replace(**{**change, "version": version}))

    @precondition(has_good)
    @rule(choice=ANY, hours=HOURS)
    def publish_or_unpublish(self, choice: int, hours: float) -> None:
        path, story = self.pick(choice, good=True)
        self.write(path, story._replace(published=not story.published))
        self.pass_(hours)

    @precondition(has_good)
    @rule(choice=ANY, broken=st.sampled_from(BROKEN))
    def break_(self, choice: int, broken: str) -> None:
        self.write(*self.pick(choice, good=True), broken)

    @precondition(has_broken)
    @rule(choice=ANY)
    def mend(self, choice: int) -> None:
        self.write(*self.pick(choice, good=False))

    @precondition(lambda self: self.files)
    @rule(choice=ANY)
    def move(self, choice: int) -> None:
        old = list(reversed(self.files))[choice % len(self.files)]
        self.moves += 1
        new = f"moved/{self.moves}.md"
        (self.site.seeds / "moved").mkdir(exist_ok=True)
        (self.site.seeds / old).rename(self.site.seeds / new)
        self.files[new] = self.files.pop(old)
        self.dirty = (self.dirty - {old}) | {new}

    @precondition(lambda self: self.files)
    @rule(choice=ANY)
    def delete(self, choice: int) -> None:
        path = list(reversed(self.files))[choice % len(self.files)]
        (self.site.seeds / path).unlink()
        self.deleted.append(self.files.pop(path)[0])
        self.dirty.discard(path)

    # The machine

    @initialize()
    def first_pass(self) -> None:
        for told in product([90], [True], [("AI", "Space")], ["a.example", "b.example"] * 2):
            self.add(-1, told)
        self.make_pass(is_first=True)
        self.readers = [Reader(address, self.now) for address in SUBSCRIPTIONS]

    @rule(hours=HOURS)
    def pass_(self, hours: float) -> None:
        later = self.now + timedelta(hours=hours)
        for reader in self.readers:
            if later - reader.polled > EXPOSURE:
                self.poll(reader)  # at the last moment
        self.now = later
        self.make_pass()

    def make_pass(self, *, is_first: bool = False) -> None:
        report = self.site.publish(self.now, Options(allow_empty=True))
        assert report.read == len(self.dirty)
        broken = sorted(f"seeds/{path}" for path, (_, good) in self.files.items() if not good)
        assert sorted({problem.path for problem in report.problems}) == broken
        self.dirty.clear()
        self.live = {
            path: story if good else self.live[path]
            for path, (story, good) in self.files.items()
            if good or path in self.live
        }
        for address in SUBSCRIPTIONS:
            stories = [one for one in self.live.values() if address in one.feeds(self.now)]
            stories.sort(key=lambda one: one.dated, reverse=True)
            newest = [one.number for one in stories[:MAX_ITEMS]]
            shown = [one.number for one in self.document(address, "json")]
            assert shown[: len(newest)] == newest
            qualified = {one.number for one in stories}
            if is_first:
                self.old[address] = qualified
            if address == "all":
                self.left |= self.qualified[address] - qualified
            came = qualified - self.qualified[address] - self.old[address]
            self.qualified[address] = qualified
            for reader in self.readers:
                reader.left = self.left
                if reader.address == address:
                    reader.due = (reader.due | came) & qualified

    def newest(self, address: str, out: Path | None = None) -> list[str]:
        every = self.document(address, "json", out)
        return [one.id for one in every][:MAX_ITEMS]

    def document(self, address: str, extension: str, out: Path | None = None) -> list[Seen]:
        try:
            data = ((out or self.site.out) / f"{address}.{extension}").read_bytes()
        except FileNotFoundError:
            return []
        return parse(extension, data)

    @precondition(lambda self: not self.has_broken())
    @rule()
    def compare_with_a_fresh_run(self) -> None:
        self.pass_(0.01)
        out = self.site.root / "fresh/out"
        paths = {"FEEDS_PATHS__OUT": str(out), "FEEDS_PATHS__STATE": str(out.parent / "state.db")}
        loaded = load_config(self.site.root / "config.toml", paths)
        publish_feeds(loaded, Options(allow_empty=True), clock=lambda: self.now)
        for address in SUBSCRIPTIONS:
            assert self.newest(address) == self.newest(address, out)
        shutil.rmtree(out.parent)

    # The readers

    @rule(choice=ANY)
    def some_reader_polls(self, choice: int) -> None:
        self.poll(self.readers[choice % len(self.readers)])

    def poll(self, reader: Reader) -> None:
        entries = self.document(reader.address, SUBSCRIPTIONS[reader.address])
        reader.poll(entries, self.qualified[reader.address], self.now)


TestHistory = History.TestCase
TestHistory.settings = settings(
    max_examples=settings().max_examples // 12,
    stateful_step_count=50,
    # A history of 50 steps is read as fast as it is shrunk, which takes minutes.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
