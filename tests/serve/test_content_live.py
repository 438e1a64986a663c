"""A server beside passes: it notices what they publish, and never mixes old and new."""

from __future__ import annotations

import itertools
import os
import signal
import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from feeds.serve.content import Content
from feeds.serve.messages import digest_of
from tests.support.ports import HOST
from tests.support.processes import wait_until
from tests.support.serving import Server
from tests.support.site import NOW, Site

MINUTE = timedelta(minutes=1)


@pytest.fixture
def server(site: Site) -> Iterator[Server]:
    with Server(site) as server:
        yield server
        assert "error" not in server.log()


def test_publication_is_noticed(site: Site, server: Server) -> None:
    assert server.get("/all.atom").status == 404  # nothing is published yet
    assert server.get("/healthz").status == 503
    for number in range(3):
        site.seed(number=number + 1, title=f"Title {number}")
        site.publish(NOW + number * MINUTE)
        published = site.read("all.atom")
        wait_until(lambda: server.get("/all.atom").body == published)  # noqa: B023


def test_bodies_match_their_tags_while_passes_run(site: Site, server: Server) -> None:
    for number in range(1, 40):
        site.seed(f"{number}.txt", number=number)
    site.publish()
    wait_until(lambda: server.get("/all.atom").status == 200)
    faults: list[object] = []
    seen: set[str] = set()
    stop = threading.Event()

    def poll(coding: str) -> None:
        while not stop.is_set():
            for path in ("/all.atom", "/all.json", "/topics/ai.rss"):
                got = server.get(path, Accept_Encoding=coding)
                seen.add(got.headers.get("etag", ""))
                digest = got.headers.get("etag", "").strip('"').partition("-")[0]
                if got.status != 200 or digest_of(got.body) != digest:
                    faults.append((path, got.status, got.headers))

    pollers = [threading.Thread(target=poll, args=(coding,)) for coding in ("gzip", "br", "x")]
    for poller in pollers:
        poller.start()
    for number in itertools.count(1):
        site.seed("1.txt", title=f"Title {number}")
        site.publish(NOW + number * MINUTE)
        time.sleep(0.3)
        # Until they have met several; on a slow machine that takes more of them.
        if number >= 7 and (len(seen) > 3 * 3 or number > 50):
            break
    stop.set()
    for poller in pollers:
        poller.join()
    assert faults == []
    assert len(seen) > 3 * 3  # they did meet several publications


def test_unfinished_publication_is_not_taken_for_a_new_one(site: Site, server: Server) -> None:
    site.seed()
    site.publish()
    wait_until(lambda: server.get("/all.atom").status == 200)
    content = Content(site.load().config, pytest.fail)  # as the server has one
    manifest = site.out / ".feeds-manifest.json"
    finished = manifest.read_text(encoding="utf-8")
    manifest.write_text(finished.replace('"unfinished": false', '"unfinished": true'))
    assert not content.refresh()
    assert server.get("/all.atom").status == 200
    manifest.write_text("{")
    wait_until(lambda: "The files of before are still served." in server.log())
    assert server.get("/all.atom").status == 200
    assert server.log().count("The files of before are still served.") == 1
    content.close()


def test_feed_that_is_gone_and_comes_back(site: Site, server: Server) -> None:
    site.seed("a.txt", topics=["Rare"])
    site.seed("b.txt", number=2)
    site.publish()
    wait_until(lambda: server.get("/topics/rare.atom").status == 200)
    (site.seeds / "a.txt").rename(site.root / "a.txt")
    site.publish(NOW + MINUTE)
    wait_until(lambda: server.get("/topics/rare.atom").status == 410)
    (site.root / "a.txt").rename(site.seeds / "a.txt")
    site.publish(NOW + 2 * MINUTE)
    wait_until(lambda: server.get("/topics/rare.atom").status == 200)


def test_configuration_is_reloaded(site: Site, server: Server) -> None:
    site.seed()
    site.publish()
    wait_until(lambda: server.get("/all.atom").status == 200)
    site.configure('[schedule]\nevery = "77s"\n')
    wait_until(lambda: "max-age=77" in server.get("/all.atom").headers["cache-control"])
    site.configure("[serve]\nport = 'x'\n")
    wait_until(lambda: "configuration not reloaded" in server.log())
    assert "max-age=77" in server.get("/all.atom").headers["cache-control"]
    site.configure("")  # the log is looked at for errors when the test is over
    (site.root / f"server-{server.port}.log").write_text("")


def test_configuration_is_reloaded_when_told_to_and_tells_what_is_not(
    site: Site, server: Server
) -> None:
    os.kill(server.process.pid, signal.SIGHUP)
    wait_until(lambda: "configuration reloaded" in server.log())
    site.configure(f'[serve]\nhost = "localhost"\nport = 9\nmetrics = "{HOST}:9"\nquery = false\n')
    # The port was given on the command line.
    said = "these settings take effect at the next start settings='serve.host, serve.metrics'"
    wait_until(lambda: said in server.log())
    wait_until(lambda: server.get("/query").status == 404)


def test_file_that_was_put_in_place_of_ours_has_its_own_tag(site: Site) -> None:
    site.configure('[serve]\nmemory = "1KiB"\n')  # too little for anything: all comes from disk
    site.seed()
    site.publish()
    with Server(site) as server:
        first = server.get("/all.atom")
        assert first.body == site.read("all.atom")
        changed = first.body.replace(b"Story 1", b"Story One")
        (site.out / "all.atom").write_bytes(changed)
        second = server.get("/all.atom")
    assert second.body == changed
    assert second.tag != first.tag
