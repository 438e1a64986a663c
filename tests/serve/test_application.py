"""What the application answers, and which answers it keeps ready, without a socket."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from feeds.common.times import http_date
from feeds.serve import application as module
from feeds.serve import monitoring, responses
from feeds.serve.application import Application
from feeds.serve.content import Content
from feeds.serve.messages import GONE, NOT_FOUND, PAGE_HEADERS, Answer
from feeds.serve.monitoring import Counts
from tests.support.rsgi import FakeProtocol, FakeScope
from tests.support.serving import as_served
from tests.support.site import NOW, Site


class Bench:
    """An application over a site, and what it says of faults."""

    def __init__(self, site: Site) -> None:
        self.counts = Counts()
        self.faults: list[str] = []
        self.content = Content(site.load().config, pytest.fail)
        self.application = Application(self.content, self.counts, self.faults.append)

    def scope(self, target: str, method: str = "GET", **headers: str) -> Any:
        return FakeScope(target, method, {name: [value] for name, value in headers.items()})

    def get(self, target: str, method: str = "GET", **headers: str) -> FakeProtocol:
        """Asks as a request does whose answer is not ready."""
        return asyncio.run(self.ask(target, method, **headers))

    async def ask(self, target: str, method: str = "GET", **headers: str) -> FakeProtocol:
        protocol: Any = FakeProtocol()
        await self.application.__rsgi__(self.scope(target, method, **headers), protocol)
        assert isinstance(protocol, FakeProtocol)
        return protocol

    def ready(self, target: str, method: str = "GET", **headers: str) -> FakeProtocol | None:
        """Asks for a ready answer."""
        protocol: Any = FakeProtocol()
        scope = self.scope(target, method, **headers)
        return protocol if self.application.answer_ready(scope, protocol) else None

    def counted(self) -> dict[tuple[int, str, str], tuple[int, int]]:
        """Returns requests and bytes by status, format and coding."""
        return {series: (count, size) for series, (count, size) in self.counts.items()}


PICTURE = "media/ab/cd.png"


@pytest.fixture
def bench(site: Site) -> Iterator[Bench]:
    toml = '[site]\ntitle = "News"\nbase_url = "https://example.org/news/"\n'
    (site.root / "config.toml").write_text(toml, encoding="utf-8")
    site.seed()
    site.publish()
    bench = Bench(site)
    picture = site.out / PICTURE
    picture.parent.mkdir(parents=True)
    picture.write_bytes(b"0123456789")
    bench.content.publication = bench.content.publication._replace(media=frozenset([PICTURE]))
    with pytest.MonkeyPatch.context() as clock:
        clock.setattr(monitoring, "utc_now", lambda: NOW)
        # What was published is older than a second: only then answers are kept.
        clock.setattr(responses, "time", SimpleNamespace(time=lambda: time.time() + 10))
        yield bench
    bench.application.close()
    bench.content.close()


@pytest.mark.parametrize(
    ("target", "method", "headers", "status"),
    [
        ("/all.atom", "GET", {}, 200),
        ("/news/all.atom", "GET", {}, 200),
        ("/", "GET", {}, 200),
        ("/favicon.ico", "GET", {}, 200),
        ("/healthz", "GET", {}, 200),
        ("/query", "GET", {}, 200),
        ("/query.rss?q=a", "GET", {}, 200),
        ("/news/query.json", "GET", {}, 200),
        ("/query.rss?limit=0", "GET", {}, 400),
        ("/query.html", "GET", {}, 404),
        ("/never.atom", "GET", {}, 404),
        ("*", "GET", {}, 404),
        ("*", "OPTIONS", {}, 204),
        ("/all.atom", "OPTIONS", {}, 204),
        ("/all.atom", "POST", {}, 405),
        ("/all.atom", "GET", {"host": ""}, 400),
        ("/all.atom", "POST", {"host": ""}, 400),
        ("/" + "a" * 8191, "GET", {}, 404),
        ("/" + "a" * 8192, "GET", {}, 414),
        ("/a?" + "a" * 8190, "GET", {}, 404),
        ("/a?" + "a" * 8191, "GET", {}, 414),
        ("/all.atom", "GET", {"accept_encoding": "*;q=0"}, 406),
        ("/all.atom", "GET", {"if_match": '"x"'}, 412),
        (f"/{PICTURE}", "GET", {}, 200),
        (f"/{PICTURE}", "GET", {"range": "bytes=2-4"}, 206),
        (f"/{PICTURE}", "GET", {"range": "bytes=10-"}, 416),
    ],
)
def test_application_answers(
    bench: Bench, target: str, method: str, headers: dict[str, str], status: int
) -> None:
    assert bench.get(target, method, **headers).status == status
    assert bench.faults == []


def test_application_sends_files_whole_in_part_and_not_for_head(bench: Bench) -> None:
    path = str(bench.content.config.paths.out / PICTURE)
    whole = bench.get(f"/{PICTURE}")
    part = bench.get(f"/{PICTURE}", range="bytes=2-4")
    head = bench.get(f"/{PICTURE}", "HEAD")
    assert (whole.file, whole.part) == (path, None)
    assert (part.file, part.part) == (path, (2, 5))
    assert (head.status, head.file, head.headers["content-length"]) == (200, "", "10")
    assert bench.counted() == {
        (200, "media", "identity"): (2, 10),
        (206, "media", "identity"): (1, 3),
    }
    assert bench.ready(f"/{PICTURE}") is None


def test_application_keeps_answers_ready_until_they_are_forgotten(bench: Bench) -> None:
    for target in ("/all.atom", "/query.json?q=a", "/query"):
        assert bench.ready(target) is None
        made = bench.get(target)
        again = bench.ready(target)
        assert again is not None
        assert (again.status, again.body) == (200, made.body)
        assert bench.ready(target, accept_encoding="gzip") is None
    bench.application.forget()
    assert bench.ready("/all.atom") is None
    assert bench.ready("/query.json?q=a") is None


def test_application_counts_ready_answers_as_those_it_makes(bench: Bench) -> None:
    made = bench.get("/all.atom", accept_encoding="gzip")
    for _ in range(2):
        bench.ready("/all.atom", accept_encoding="gzip")
    tag = made.headers["etag"]
    assert bench.get("/all.atom", accept_encoding="gzip", if_none_match=tag).status == 304
    assert bench.ready("/all.atom", accept_encoding="gzip", if_none_match=tag) is not None
    assert bench.get("/all.atom", "HEAD", accept_encoding="gzip").headers == made.headers
    assert bench.counted() == {
        (200, "atom", "gzip"): (4, 3 * len(made.body or b"")),
        (304, "atom", "identity"): (2, 0),
    }


@pytest.mark.parametrize(
    ("target", "method", "headers"),
    [
        ("/all.atom", "HEAD", {}),
        ("/healthz", "GET", {}),
        ("/never", "GET", {}),
        ("/query.json?limit=0", "GET", {}),
        ("/all.atom?" + "a" * 2048, "GET", {}),
        ("/all.atom", "GET", {"if_match": '"x"'}),
    ],
)
def test_application_keeps_no_other_answer_ready(
    bench: Bench, target: str, method: str, headers: dict[str, str]
) -> None:
    bench.get(target, method, **headers)
    assert bench.ready(target, method, **headers) is None


def test_application_bounds_its_table(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_READY", 2)
    for number in range(3):
        bench.get(f"/all.atom?{number}")
    assert [bench.ready(f"/all.atom?{number}") is not None for number in range(3)] == [
        *(False, False),
        True,
    ]


def test_application_makes_answers_to_queries_again_from_time_to_time(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    bench.get("/query.json?q=a")
    bench.get("/all.atom")
    now[0] += 599
    assert bench.ready("/query.json?q=a") is not None
    now[0] += 1
    assert bench.ready("/query.json?q=a") is None
    assert bench.ready("/all.atom") is not None
    bench.get("/query.json?q=b")
    assert bench.ready("/query.json?q=a") is None
    assert bench.ready("/query.json?q=b") is not None


def test_application_puts_no_answer_into_a_later_table(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = bench.content.text

    def text(*arguments: Any) -> Answer:
        bench.application.forget()  # a publication comes while the answer is made
        return made(*arguments)

    monkeypatch.setattr(bench.content, "text", text)
    assert bench.get("/all.atom").status == 200
    assert bench.ready("/all.atom") is None


def test_application_drops_what_holds_bodies_that_left_memory(bench: Bench) -> None:
    bench.get("/all.atom")
    bench.get("/query.json")
    bench.content.bodies.on_evict()
    assert bench.ready("/all.atom") is None
    assert bench.ready("/query.json") is not None
    bench.content.results.on_evict()
    assert bench.ready("/query.json") is None


def test_application_survives_a_fault_of_ours_and_says_so(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> Answer:
        raise OSError("no disk")

    monkeypatch.setattr(bench.content, "text", fail)
    monkeypatch.setattr(module, "health_answer", fail)
    assert bench.get("/all.atom").status == 500
    assert bench.get("/healthz").status == 500
    assert bench.faults == [
        "GET '/all.atom': OSError: no disk",
        "GET '/healthz': OSError: no disk",
    ]
    assert bench.ready("/all.atom") is None
    monkeypatch.undo()
    assert bench.get("/healthz").status == 200


def test_application_turns_away_what_is_too_much(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_WAITING", 1)
    gate, made = threading.Event(), bench.content.text

    def text(*arguments: Any) -> Answer:
        gate.wait()
        return made(*arguments)

    monkeypatch.setattr(bench.content, "text", text)

    async def main() -> list[int]:
        first = asyncio.create_task(bench.ask("/all.atom"))
        await asyncio.sleep(0)
        second = await bench.ask("/all.rss")
        gate.set()
        third = await first
        return [third.status, second.status, (await bench.ask("/all.rss")).status]

    assert asyncio.run(main()) == [200, 503, 200]


def test_application_asks_for_health_once_a_second(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, health = [0], monitoring.health_answer
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    def count(content: Content) -> Answer:
        asked[0] += 1
        return health(content)

    monkeypatch.setattr(module, "health_answer", count)

    async def main() -> list[int]:
        found = await asyncio.gather(*(bench.ask("/healthz") for _ in range(9)))
        return [one.status for one in found]

    assert asyncio.run(main()) == [200] * 9
    assert asked == [1]
    now[0] += 0.9
    bench.get("/healthz")
    assert asked == [1]
    now[0] += 0.1
    bench.get("/healthz")
    assert asked == [2]


def test_application_of_a_site_without_queries_has_none(bench: Bench) -> None:
    config = bench.content.config
    serve = replace(config.serve, query=False)
    bench.content.configure(replace(config, serve=serve))
    assert bench.get("/query").status == 404
    assert bench.get("/query.json").status == 404


def test_application_tells_what_has_gone_and_what_has_moved(site: Site) -> None:
    site.seed(topics=["Old", "Rare"])
    site.publish()
    site.configure('[topics.Old]\nslug = "new"\naliases = ["old"]\n')
    site.seed(topics=["Old"])
    site.publish()
    bench = Bench(site)
    assert bench.get("/topics/rare.atom").headers == dict(GONE.headers)
    assert bench.get("/topics/never.atom").headers == dict(NOT_FOUND.headers)
    page = bench.get("/topics/never.html", accept="text/html")
    assert (page.status, page.body) == (404, as_served(site.read("404.html")))
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert set(PAGE_HEADERS) <= set(page.headers.items())
    assert page.headers["vary"] == "Accept"
    moved = bench.get("/topics/old.atom")
    assert (moved.status, moved.headers["location"]) == (301, "../topics/new.atom")
    assert bench.get("/topics/old.txt").status == 404
    bench.application.close()
    bench.content.close()


def test_application_says_when_a_document_was_changed(bench: Bench) -> None:
    text = bench.content.publication.texts["all.atom"]
    assert bench.get("/all.atom").headers["last-modified"] == http_date(text.modified_unix)
