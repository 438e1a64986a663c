"""What is served beside passes, and before the first of them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from feeds.common.store_protocols import IMAGE_FETCHES, count
from feeds.publish.manifest import MANIFEST
from feeds.serve.content import Content
from feeds.serve.messages import Request
from feeds.serve.monitoring import health_answer
from feeds.serve.query import Query
from feeds.store import open_state
from feeds.store.search import TooLongError
from tests.support.site import NOW, Site


def test_retired_documents_are_remembered_until_they_come_back(site: Site) -> None:
    paths = {f"topics/rare.{extension}" for extension in ("atom", "rss", "json", "html")}
    found = []
    for topics in (["AI", "Rare"], ["AI"], ["AI"], ["AI", "Rare"]):
        site.seed(topics=topics)
        site.publish()
        with open_state(site.state, "serve") as store:
            assert store is not None
            found.append(store.retired())
    assert found == [set(), paths, paths, set()]


def test_content_of_a_state_file_in_the_making_serves_what_there_is(site: Site) -> None:
    site.state.parent.mkdir()
    site.state.touch()  # a pass has just begun to make it
    content = Content(site.load().config, pytest.fail)
    assert content.query(Request("GET", "/query"), "html", Query()).status == 200
    assert content.query(Request("GET", "/query.json"), "json", Query()).status == 200
    assert "all.atom" not in content.retired
    assert content.report is None
    content.close()


def test_content_of_nothing_serves_nothing(content: Content) -> None:
    content.warm()
    assert content.publication.texts == {}
    assert health_answer(content).status == 503


def test_content_counts_the_passes_that_it_sees(site: Site, published: Content) -> None:
    assert published.report is not None
    assert published.totals == (0, 0.0, 0)
    assert not published.refresh()
    seconds, written = 0.0, 0
    for number in (2, 3):
        site.seed(f"{number}.txt", number=number)
        report = site.publish(NOW + timedelta(minutes=number))
        assert published.refresh()
        seconds, written = seconds + report.seconds, written + len(report.written)
    assert published.report.started == NOW + timedelta(minutes=3)
    passes, pass_s, documents = published.totals
    assert (passes, documents) == (2, written)
    assert pass_s == pytest.approx(seconds)


def test_content_follows_the_state_file_alone_too(site: Site, published: Content) -> None:
    assert not published.refresh()
    with open_state(site.state, "note") as store:
        count(store, IMAGE_FETCHES, ["fetched"])
    assert published.refresh()
    assert not published.refresh()


def test_content_keeps_what_it_has_while_a_pass_writes_or_the_manifest_is_damaged(
    site: Site,
) -> None:
    warned: list[str] = []
    content = Content(site.load().config, warned.append)
    site.seed()
    site.publish()
    manifest = site.out / MANIFEST
    finished = manifest.read_text(encoding="utf-8")
    unfinished = finished.replace('"unfinished": false', '"unfinished": true')
    manifest.write_text(unfinished, encoding="utf-8")
    assert content.refresh()  # better than nothing
    before = content.publication
    assert "all.atom" in before.texts
    manifest.write_text(f"{unfinished} ", encoding="utf-8")
    assert not content.refresh()
    for damaged in ("{", "{ "):
        manifest.write_text(damaged, encoding="utf-8")
        assert not content.refresh()
    assert content.publication is before
    assert len(warned) == len(set(warned)) > 0
    assert all("The files of before are still served." in line for line in warned)
    manifest.write_text(finished, encoding="utf-8")
    assert content.refresh()
    manifest.write_text("{", encoding="utf-8")
    content.refresh()
    assert len(warned) > len(set(warned))  # it is damaged a second time
    content.close()


def test_content_drops_bodies_that_no_document_has_any_more(site: Site, published: Content) -> None:
    published.warm()
    before = published.publication.texts
    site.seed(title="Another")
    site.publish(NOW + timedelta(minutes=1))
    published.refresh()
    old, new = (one["all.atom"].digest for one in (before, published.publication.texts))
    assert published.bodies.look(old, "gzip") is None
    assert published.bodies.look(new, "") == site.read("all.atom")
    style = before["assets/style.css"].digest
    assert published.bodies.look(style, "gzip") is not None


def test_content_is_compressed_before_somebody_asks_as_far_as_there_is_room(site: Site) -> None:
    site.seed()
    site.publish()
    for memory, warm in (("64MiB", True), ("8KiB", False)):
        site.configure(f'[serve]\nmemory = "{memory}"\n')
        content = Content(site.load().config, pytest.fail)
        content.warm()
        digest = content.publication.texts["all.atom"].digest
        assert (content.bodies.look(digest, "br") is not None) is warm
        content.close()


def test_content_that_ends_warms_nothing_more(published: Content) -> None:
    published.leaving = True
    published.warm()
    assert published._deltas._versions.newest() == set()


def test_content_that_is_not_what_its_name_says_is_told_and_served(site: Site) -> None:
    warned: list[str] = []
    site.seed()
    site.publish()
    (site.out / "all.atom").write_bytes(b"<a")
    content = Content(site.load().config, warned.append)
    content.warm()
    assert len(warned) == 1
    assert warned[0].startswith(f"{site.out / 'all.atom'}: its content does not fit its name: ")
    answer = content.text(Request("GET", "/all.atom"), "all.atom")
    assert (answer.status, answer.body) == (200, b"<a")
    assert {path for path, _ in content._deltas._versions.newest()} >= {"all.rss", "all.json"}
    content.close()


def test_content_that_left_memory_is_read_again_and_may_have_changed(site: Site) -> None:
    site.configure('[serve]\nmemory = "1KiB"\n')
    site.seed()
    site.publish()
    content = Content(site.load().config, pytest.fail)
    request = Request("GET", "/all.atom")
    assert content.text(request, "all.atom").body == site.read("all.atom")
    (site.out / "all.atom").write_bytes(site.read("all.rss"))
    content.warm()  # what it finds there is not what was published
    assert not [path for path, _ in content._deltas._versions.newest() if path == "all.atom"]
    assert content.text(request, "all.atom").body == site.read("all.rss")
    (site.out / "all.atom").unlink()
    assert content.text(request, "all.atom").status == 404
    assert content.text(Request("GET", "/none.atom"), "none.atom").status == 404
    content.close()


def test_content_searched_for_too_long_says_so(
    published: Content, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find(*_: object) -> None:
        raise TooLongError

    monkeypatch.setattr(published._query_feeds(), "find", find)
    answer = published.query(Request("GET", "/query.rss"), "rss", Query())
    headers = dict(answer.headers)
    assert (answer.status, headers["retry-after"], headers["cache-control"]) == (
        *(503, "60"),
        "no-store",
    )


def test_archives_are_linked_in_headers(site: Site) -> None:
    site.configure('archive = "year"\n[selection]\nmax_items = 1\n')
    for number in range(3):
        site.seed(f"{number}.txt", number=number)
    site.publish()
    content = Content(site.load().config, pytest.fail)
    base = "https://feeds.example.org/"
    part = next(path for path in content.publication.texts if path.startswith("all/20"))
    year = part.rpartition(".")[0].partition("-")[0].removeprefix("all/")
    links = [
        dict(content.text(Request("GET", f"/{path}"), path).headers)["link"]
        for path in ("all.json", f"all/{year}-2.atom")
    ]
    assert f'<{base}all/{year}-3.json>; rel="prev-archive"' in links[0]
    for rel, path in (
        ("prev-archive", f"all/{year}"),
        ("next-archive", f"all/{year}-3"),
        ("current", "all"),
    ):
        assert f'<{base}{path}.atom>; rel="{rel}"' in links[1]
    content.close()
