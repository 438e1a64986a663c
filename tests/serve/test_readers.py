"""Readers that we did not write, against a running server."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import warnings
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from reader import make_reader

from tests.cli.test_serve import metrics
from tests.support.ports import HOST, free_port
from tests.support.serving import Server
from tests.support.site import NOW, Site

# So often newsboat is asked before it is said to count wrongly.
POLLS = 20
PATHS = ("all.atom", "all.rss", "all.json", "query.atom?topic=ai&limit=20")


@pytest.fixture
def server(site: Site) -> Iterator[tuple[Server, int]]:
    port = free_port()
    site.configure(f'[serve]\nmetrics = "{HOST}:{port}"\n')
    for number in range(1, 4):
        site.seed(f"{number}.txt", number=number)
    site.publish()
    with Server(site) as server:
        yield server, port


def answered(port: int, status: int) -> int:
    """Returns how many answers of feeds had a status."""
    return sum(
        int(value)
        for name, value in metrics(port).items()
        if name.startswith("feeds_http_requests_total") and name.endswith(f"status={status}")
    )


def publish_one_more(site: Site, server: Server) -> None:
    tag = server.get("/all.atom").tag
    query = server.get(f"/{PATHS[-1]}").tag
    site.seed("9.txt", number=9, title="The news")
    site.publish(NOW + timedelta(minutes=1))
    server.wait_for_change("/all.atom", tag)
    server.wait_for_change(f"/{PATHS[-1]}", query)


def test_reader_library_sees_each_story_once(site: Site, server: tuple[Server, int]) -> None:
    serving, port = server
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of its own dependencies
        with make_reader(":memory:") as reader:
            for path in PATHS:
                reader.add_feed(f"http://{HOST}:{serving.port}/{path}")

            def update() -> list[int]:
                results = list(reader.update_feeds_iter(scheduled=False))
                assert [one.error for one in results] == [None] * len(PATHS)
                return [one.updated_feed.new if one.updated_feed else 0 for one in results]

            assert update() == [3] * len(PATHS)
            before = answered(port, 304)
            assert update() == [0] * len(PATHS)
            assert answered(port, 304) - before == len(PATHS)
            publish_one_more(site, serving)
            assert update() == [1] * len(PATHS)
            assert answered(port, 226) == len(PATHS)  # it asks for what is new, and gets no more
            assert {entry.title for entry in reader.get_entries()} >= {"The news", "Story 1"}


@pytest.fixture
def archived(site: Site) -> Iterator[tuple[list[str], int]]:
    """A feed of a running server and its archives, each leading to the next, and how many items."""
    site.configure('archive = "month"\n[selection]\nmax_items = 2\nexposure = "0s"\n')
    for number in range(1, 8):
        site.seed(f"{number}.txt", number=number)
        site.publish(NOW + number * timedelta(days=2))
    with Server(site) as server:
        paths, path = [], "all.atom"
        while path:
            paths.append(path)
            links = server.get(f"/{path}").headers.get("link", "")
            found = re.search(r'<https://feeds\.example\.org/([^>]*)>; rel="prev-archive"', links)
            path = found[1] if found else ""
        assert len(paths) == 5
        yield [f"http://{HOST}:{server.port}/{one}" for one in paths], 7


def test_reader_library_finds_the_whole_history(archived: tuple[list[str], int]) -> None:
    urls, stories = archived
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with make_reader(":memory:") as reader:
            for url in urls:
                reader.add_feed(url)
            assert [one.error for one in reader.update_feeds_iter()] == [None] * len(urls)
            assert len({entry.id for entry in reader.get_entries()}) == stories


def polling(folder: Path, urls: list[str]) -> Callable[[int, int], None]:
    """Returns what has newsboat poll these feeds: from so many unread articles to so many."""
    newsboat = shutil.which("newsboat")
    if newsboat is None:
        assert not os.environ.get("CI"), "newsboat is to be installed by .ci/run"
        pytest.skip("needs newsboat (apt-get install newsboat)")
    (folder / "urls").write_text("\n".join(urls) + "\n", encoding="utf-8")
    (folder / "config").write_text("", encoding="utf-8")

    def unread() -> str:
        files = {"u": "urls", "C": "config", "c": "cache.db"}
        places = [part for flag, name in files.items() for part in (f"-{flag}", folder / name)]
        ran = subprocess.run(
            [newsboat, *places, "-x", "reload", "print-unread"],
            env={**os.environ, "HOME": str(folder), "TERM": "xterm", "LC_ALL": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        return ran.stdout.strip()

    def poll(before: int, after: int) -> None:
        """Polls until it counts so many; on a busy machine it may count before it has stored."""
        counts: list[str] = []
        while not counts or counts[-1] != f"{after} unread articles":
            counts.append(unread())
            assert counts[-1] in {f"{before} unread articles", f"{after} unread articles"}
            assert len(counts) < POLLS, counts

    return poll


def test_newsboat_finds_the_whole_history(archived: tuple[list[str], int], tmp_path: Path) -> None:
    urls, stories = archived
    poll = polling(tmp_path, urls)
    poll(0, stories)
    poll(stories, stories)


def test_newsboat_sees_each_story_once(
    site: Site, server: tuple[Server, int], tmp_path: Path
) -> None:
    serving, port = server
    urls = [f"http://{HOST}:{serving.port}/{path}" for path in ("all.atom", "all.rss")]
    poll = polling(tmp_path, urls)
    # It knows stories by their ids, so those of both feeds are the same three.
    poll(0, 3)
    poll(3, 3)
    # It has what it needs by now to ask conditionally.
    for _ in range(2):
        before = answered(port, 304)
        poll(3, 3)
        assert answered(port, 304) - before == len(urls)
    publish_one_more(site, serving)
    poll(3, 4)
    poll(4, 4)
    assert answered(port, 226) == len(urls)
