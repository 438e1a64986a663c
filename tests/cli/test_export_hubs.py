"""``feeds export`` with hubs: each document that changed is told, or remembered."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from typing import Any

import pytest

from feeds.pipeline import after_publish as jobs
from feeds.pipeline.run import publish_feeds
from feeds.store import open_state
from tests.support.hub import Hub, Say, name_hubs
from tests.support.processes import PATIENCE
from tests.support.site import Site

pytestmark = pytest.mark.usefixtures("unhurried")

BASE = "https://feeds.example.org/"
STEMS = ("all", "topics/ai", "providers/example.com")
ONCE_SECONDS = jobs._ONCE_SECONDS
ALL = sorted(f"{BASE}{stem}.{kind}" for stem in STEMS for kind in ("atom", "rss", "json"))


@pytest.fixture(scope="module")
def standing() -> Iterator[Hub]:
    hub = Hub()
    with hub.up():
        yield hub


@pytest.fixture
def hub(standing: Hub) -> Hub:
    """A hub that takes everything and has heard nothing yet."""
    standing.heard.clear()
    standing.says.clear()
    return standing


@pytest.fixture
def told(site: Site, hub: Hub) -> Site:
    """A site of one seed, of which the hub was told."""
    site.seed()
    name_hubs(site, BASE, hub.url)
    assert site.run("export").code == 0
    assert sorted(hub.topics) == ALL
    hub.heard.clear()
    return site


def pending(site: Site) -> list[dict[str, Any]]:
    """Returns what ``feeds status --json`` says of hubs."""
    hubs = site.run("status", "--json").report()["hubs"]
    assert isinstance(hubs, list)
    return hubs


def away() -> str:
    """Returns the address of a hub that is not there."""
    hub = Hub()
    with hub.up() as url:
        return url


def test_push_tells_of_each_document_that_was_written_and_no_other(told: Site, hub: Hub) -> None:
    assert "told" not in told.run("export").out
    assert hub.heard == []
    told.seed("b.txt", number=2, topics=["Rust"])
    ran = told.run("export")
    wanted = [url.replace("topics/ai", "topics/rust") for url in ALL]
    assert sorted(hub.topics) == sorted(wanted)
    assert ran.out.splitlines()[-1] == f"told {hub.url} of 9 documents"
    assert pending(told) == []


def test_push_tells_nothing_in_a_dry_run(told: Site, hub: Hub) -> None:
    told.seed(title="New")
    assert "hub" not in told.run("export", "--dry-run").out
    assert (hub.heard, pending(told)) == ([], [])


def test_push_keeps_standard_output_for_the_report(told: Site, hub: Hub) -> None:
    told.seed(title="New")
    ran = told.run("export", "--json")
    assert ran.report()["pings"] == 9
    assert f"told {hub.url} of 9 documents" in ran.err


def test_push_remembers_what_a_hub_that_is_down_was_not_told(site: Site, hub: Hub) -> None:
    site.seed()
    gone = away()
    name_hubs(site, BASE, gone, hub.url)
    ran = site.run("export")
    assert (ran.code, ran.err) == (0, "")
    assert sorted(hub.topics) == ALL
    line = f"{gone} is still to be told of 9 documents (Connection refused)"
    assert ran.out.splitlines()[-1] == f"{line}; the next run tries again"
    (one,) = pending(site)
    assert (one["hub"], one["pending"], one["error"]) == (gone, 9, "Connection refused")
    text = site.run("status").out
    assert f"hub        {gone}: 9 documents pending, the oldest since 2" in text
    assert " UTC: Connection refused\n" in text


def test_push_is_repeated_by_the_next_run_that_may(site: Site, hub: Hub) -> None:
    site.seed()
    hub.says[""] = Say(503, b"busy", (("Retry-After", "60"),))
    name_hubs(site, BASE, hub.url)
    site.run("export")
    hub.heard.clear()
    hub.says.clear()
    assert "still to be told" in site.run("export").out
    assert hub.heard == []
    with open_state(site.state, "note") as store, store.transaction():
        store.reset_hub(hub.url)  # as if time had passed
    assert f"told {hub.url} of 9 documents" in site.run("export").out
    assert sorted(hub.topics) == ALL


def test_push_warns_of_what_a_hub_refuses_and_lets_it_be(site: Site, hub: Hub) -> None:
    site.seed()
    hub.says[ALL[0]] = Say(404, b"Topic not found")
    name_hubs(site, BASE, hub.url)
    ran = site.run("export", "--strict")
    words = "404 Not Found: Topic not found"
    assert ran.err == f"feeds: the hub {hub.url} will not be told of {ALL[0]}: {words}\n"
    assert ran.code == 0
    assert pending(site) == []


def test_push_waits_a_few_seconds_for_a_hub_and_no_longer(
    told: Site, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    told.seed(title="New")
    monkeypatch.setattr(jobs, "_ONCE_SECONDS", ONCE_SECONDS)
    monkeypatch.setattr(jobs, "_HANGS_AFTER", 10)  # a busy machine is slow to start processes
    hub.says[""] = Say(after=3 * PATIENCE)
    began = time.monotonic()
    ran = told.run("export")
    assert time.monotonic() - began < PATIENCE
    assert "(no answer within 2.5 s)" in ran.out
    assert told.titles() == ["New"]


def test_push_kills_a_round_that_hangs(
    told: Site, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    told.seed(title="New")
    hub.says[""] = Say(after=3 * PATIENCE)
    monkeypatch.setattr(jobs, "_HANGS_AFTER", 0.5 / PATIENCE)
    ran = told.run("export")
    assert "still to be told of 9 documents (took too long and was stopped); the" in ran.out


def test_push_tells_why_it_could_not_even_be_tried(
    told: Site, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    told.seed(title="New")
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere")  # httpx cannot even begin
    with told.start("export") as process:
        out, err = process.communicate(timeout=PATIENCE)
    assert "still to be told of 9 documents (FileNotFoundError: " in out
    assert (process.returncode, err, hub.heard) == (0, "", [])


def test_push_drops_what_nobody_is_to_be_told_any_more(site: Site, hub: Hub) -> None:
    gone = away()
    site.seed()
    site.seed("b.txt", number=2, topics=["Rust"])
    name_hubs(site, BASE, gone)
    site.run("export")
    assert pending(site)[0]["pending"] == 12
    (site.seeds / "b.txt").unlink()
    site.run("export")
    assert pending(site)[0]["pending"] == 9  # a feed that is gone
    name_hubs(site, "https://elsewhere.example.org/", gone)
    site.run("export")
    assert pending(site)[0]["pending"] == 9  # all at their new addresses
    name_hubs(site, BASE)
    site.run("export")
    assert pending(site) == []
    assert hub.heard == []


def test_push_tells_a_new_hub_of_everything(told: Site, hub: Hub) -> None:
    other = Hub()
    with other.up():
        name_hubs(told, BASE, hub.url, other.url)
        told.run("export")
        assert sorted(other.topics) == ALL  # all documents name the new hub


def test_push_tells_everything_when_the_state_file_was_lost(told: Site, hub: Hub) -> None:
    shutil.rmtree(told.state.parent)
    assert "0 documents written" in told.run("export").out
    assert sorted(hub.topics) == ALL


def test_push_tells_what_a_pass_wrote_that_was_killed_in_the_end(told: Site, hub: Hub) -> None:
    kept = told.root / "kept"
    shutil.copytree(told.state.parent, kept)
    # With a time of its own, for the next pass would see the edit later.
    told.seed(title="New", updatedDateTime="2026-02-28T12:00:00Z")
    publish_feeds(told.load())
    shutil.rmtree(told.state.parent)
    kept.rename(told.state.parent)  # as if it had not come to its last step
    assert " 0 documents written" in told.run("export").out
    assert sorted(hub.topics) == ALL


def test_push_of_one_hub_does_not_need_another(told: Site, hub: Hub) -> None:
    name_hubs(told, BASE, "http://127.0.0.1:1/", hub.url, "http://nowhere.invalid/")
    ran = told.run("export")
    assert sorted(hub.topics) == ALL
    assert [one["hub"] for one in pending(told)] == [
        "http://127.0.0.1:1/",
        "http://nowhere.invalid/",
    ]
    assert ran.code == 0
