"""Whole passes that upload what they publish: their order, their cost, and what happens to them."""

from __future__ import annotations

import json
import re
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import obstore
import pytest

from feeds.common.buckets import Objects
from feeds.common.errors import BusyError, PublishError
from feeds.common.media import image_key, is_immutable
from feeds.common.reports import Callbacks, Options
from feeds.common.store_protocols import IMAGES_COLLECTED
from feeds.pipeline.doctor import examine_site
from feeds.publish import bucket_lock
from feeds.publish.journal import NAME as JOURNAL
from feeds.publish.manifest import MANIFEST, PARTS
from feeds.store import open_state
from tests.support.buckets import BUCKET
from tests.support.failing_buckets import FORBIDDEN, LOST, SLOW_DOWN, Buckets
from tests.support.imaging import picture, seed_with
from tests.support.site import NOW, Site, documents_in

ADDRESS = f"s3://{BUCKET}/site/"
_KEY = f"/{BUCKET}/site/"
_WRITES = {"PUT", "POST", "DELETE"}
_DOCUMENTS = (".atom", ".rss", ".json", ".html")
_IMAGE = re.compile(rb"https://feeds\.example\.org/(media/[\w/.-]+)")


@pytest.fixture
def site(site: Site, buckets: Buckets) -> Site:
    """A site of three stories, of which one has an image, that publishes to the bucket."""
    set_up(site)
    return site


def set_up(site: Site, toml: str = "", *, keys: str = "") -> None:
    """Writes three seeds, one with an image; `keys` stand in [site], `toml` at the end."""
    site.configure(f'{keys}\n[paths]\nout = "{ADDRESS}"\n[images]\nfetch = "off"\n{toml}')
    site.out = site.root / ".feeds/out"
    for number in (1, 2, 3):
        site.seed(f"{number}.txt", number=number)
    show_image(site, 3, "3")


def show_image(site: Site, number: int, name: str) -> str:
    """Gives a story an image, and drops its copy into the cache; returns its name in out/."""
    url = f"https://images.example.com/{name}.jpg"
    seed_with(site, number, url)
    key = image_key(url)
    path = site.root / f".feeds/images/media/{key[:2]}/{key}.jpg"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(picture(size=(64 + number, 48)))
    return f"media/{key[:2]}/{key}.jpg"


def published() -> dict[str, bytes]:
    """Returns the bytes of all objects but the manifest."""
    objects = Objects(ADDRESS)
    names = [one.key for one in objects.list() if not one.key.startswith(PARTS)]
    return {name: objects.get(name)[0] for name in names if name != MANIFEST}


def made(site: Site) -> dict[str, bytes]:
    """Returns the documents and images as they were made before they were put."""
    return {name: data for name, data in documents_in(site.out).items() if name != JOURNAL}


def writes(buckets: Buckets) -> list[str]:
    """Returns the keys that were put since this was asked last, and "?delete" for deletions."""
    found = [
        path.removeprefix(_KEY) if method == "PUT" else f"?{query.partition('=')[0]}"
        for method, path, query in buckets.asked
        if method in _WRITES
    ]
    buckets.asked.clear()
    return found


def test_objects_are_the_documents_of_a_folder_with_the_headers_of_the_server(site: Site) -> None:
    report = site.publish()
    expected = site.fresh()
    assert report.out == ADDRESS
    assert published() == made(site) == expected
    assert set(report.written) == {name for name in expected if not name.startswith("media/")}
    store = Objects(ADDRESS)._store
    headers = {name: obstore.get(store, name).attributes for name in expected}
    assert headers["all.atom"] == {
        "Content-Type": "application/atom+xml; charset=utf-8",
        "Cache-Control": "public, max-age=900",
    }
    image = next(name for name in expected if name.startswith("media/"))
    assert headers[image] == {
        "Content-Type": "image/jpeg",
        "Cache-Control": "public, max-age=31536000, immutable",
    }


def test_objects_are_put_again_when_their_headers_change(site: Site) -> None:
    site.publish()
    set_up(site, '[schedule]\nevery = "30s"\n')
    site.publish()
    store = Objects(ADDRESS)._store
    found = {name: obstore.get(store, name).attributes["Cache-Control"] for name in made(site)}
    assert {value for name, value in found.items() if not is_immutable(name)} == {
        "public, max-age=30"
    }


def test_objects_appear_before_what_names_them_and_go_after_it(
    site: Site, buckets: Buckets
) -> None:
    site.publish()
    names = writes(buckets)
    image = next(name for name in names if name.startswith("media/"))
    places = [names.index(one) for one in (MANIFEST, f"{PARTS}/names.json", image, "all.atom")]
    assert places == sorted(places)
    assert names.index("topics/ai.html") < names.index("feeds.html")
    assert names[-1] == MANIFEST

    show_image(site, 3, "another")
    site.publish()
    names = writes(buckets)
    places = [
        number for number, one in enumerate(names) if one in (MANIFEST, "all.atom", "?delete")
    ]
    assert [names[one] for one in places] == [MANIFEST, "all.atom", MANIFEST, "?delete", MANIFEST]
    assert published() == made(site)


def test_objects_that_are_unchanged_cost_no_request(site: Site, buckets: Buckets) -> None:
    site.publish()
    buckets.asked.clear()
    site.publish()
    assert buckets.asked == []
    site.seed("1.txt", number=1, title="Changed")
    report = site.publish()
    assert len(buckets.asked) == len(report.written) + 2
    assert sorted(writes(buckets)) == sorted([*report.written, MANIFEST, MANIFEST])


def test_dry_run_asks_for_nothing(site: Site, buckets: Buckets) -> None:
    assert site.publish(options=Options(dry_run=True)).written
    assert buckets.asked == []


def names_no_missing_image() -> None:
    """Looks at all documents as a reader does: each is whole, and its images are there."""
    objects = Objects(ADDRESS)
    names = [one.key for one in objects.list() if one.key.endswith(_DOCUMENTS)]
    for name in names:
        data = objects.get(name)[0]
        if name.endswith((".atom", ".rss")):
            assert data.rstrip().endswith((b"</feed>", b"</rss>")), name
        missing = [one for one in _IMAGE.findall(data) if not objects.look(one.decode())]
        # It may have been replaced since it was read, and its image removed after that.
        assert not missing or objects.get(name)[0] != data, name


def dies_at(step: int) -> Callable[[str, str, str], str | None]:
    """Has everything fail from a write on, as if the publisher were killed there."""
    count = 0

    def answer(method: str, path: str, query: str) -> str | None:
        nonlocal count
        del path, query
        count += method in _WRITES
        return FORBIDDEN if count > step else None

    return answer


def test_objects_after_a_kill_at_any_step_are_whole_and_the_next_pass_repairs_them(
    site: Site, buckets: Buckets
) -> None:
    site.publish()
    before = published()
    for step in range(100):
        show_image(site, 3, f"image {step}")
        buckets.fault = dies_at(step)
        try:
            site.publish()
        except PublishError:
            is_over = False
        else:
            is_over = True
        buckets.fault = lambda *_: None
        names_no_missing_image()
        if step == 0:
            assert published() == before
        site.publish()
        assert published() == made(site)
        if is_over:
            break
    assert is_over


@pytest.mark.parametrize("fault", [SLOW_DOWN, LOST], ids=["throttles", "loses answers"])
def test_objects_of_a_bucket_that_fails_at_first_are_put(
    site: Site, buckets: Buckets, fault: str
) -> None:
    seen: set[str] = set()

    def at_first(method: str, path: str, query: str) -> str | None:
        del query
        if method == "GET" or path in seen:
            return None
        seen.add(path)
        return fault

    buckets.fault = at_first
    site.publish()
    assert published() == made(site)
    seen.clear()
    show_image(site, 3, "another")
    site.publish()
    assert published() == made(site)
    buckets.fault = lambda *_: None
    buckets.asked.clear()
    site.publish()
    assert buckets.asked == []


@pytest.fixture
def other(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Another publisher to the same bucket, with one story less and another title."""
    del site
    other = Site(tmp_path_factory.mktemp("other") / "site")
    set_up(other)
    other.seed("1.txt", number=1, title="Of the other")
    (other.seeds / "2.txt").unlink()
    return other


def test_objects_of_two_publishers_in_turn_are_those_of_the_last(site: Site, other: Site) -> None:
    site.publish()
    other.publish()
    assert published() == made(other)
    site.seed("1.txt", number=1, title="Changed")
    site.publish()
    assert published() == made(site)


class Overtaken:
    """Lets the `other` publisher publish while the one who put this document waits for an answer.

    The put of the document itself comes after that: as from a process that was stopped before it.
    """

    def __init__(self, other: Site, name: str, wait: float = 60.0) -> None:
        self._other = other
        self._wait = wait
        self._path = f"{_KEY}{name}"
        self.error: Exception | None = None
        self.warned: list[str] = []
        self._is_done = False

    def __call__(self, method: str, path: str, query: str) -> None:
        del query
        if method != "PUT" or path != self._path or self._is_done:
            return
        self._is_done = True
        try:
            callbacks = Callbacks(warn=self.warned.append)
            self._other.publish(options=Options(wait=self._wait), callbacks=callbacks)
        except BusyError as error:
            self.error = error


def test_objects_have_one_publisher_at_a_time_and_the_other_says_who(
    site: Site, other: Site, buckets: Buckets, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.publish()
    site.seed("1.txt", number=1, title="Changed")
    overtaken = Overtaken(other, "all.atom", wait=0.2)
    buckets.fault = overtaken
    monkeypatch.setattr(bucket_lock, "_LOOKS", 1000)
    site.publish()
    buckets.fault = lambda *_: None
    who = r"process \d+ on .* \(since .*\)"
    assert re.fullmatch(
        rf"{who} is publishing to {ADDRESS} and did not finish in time", str(overtaken.error)
    )
    assert re.fullmatch(rf"waiting for {who}, which publishes to {ADDRESS}", overtaken.warned[0])
    assert published() == made(site)


def test_objects_that_a_zombie_still_writes_are_put_right_by_the_next_pass(
    site: Site, buckets: Buckets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Site(tmp_path / "other")
    set_up(other)
    other.publish()
    site.publish()
    set_up(other, '[topics.AI]\ndescription = "Of another publisher"\n')
    monkeypatch.setattr(bucket_lock, "EXPIRY_S", 6.0)  # and no renewal within that
    site.seed("1.txt", number=1, title="Of a zombie")
    overtaken = Overtaken(other, "all.atom")
    buckets.fault = overtaken
    with pytest.raises(PublishError, match="could not be renewed in time"):
        site.publish()
    buckets.fault = lambda *_: None
    assert overtaken.error is None
    # The one window that is left: the other has not put this document, which it found as it was.
    assert b"Of a zombie" in published()["all.atom"]
    other.publish()  # no seed changed, but it has taken over
    assert published() == made(other)
    buckets.asked.clear()
    other.publish()
    assert buckets.asked == []


def test_objects_whose_claim_was_lost_are_left_to_the_other(site: Site, buckets: Buckets) -> None:
    site.publish()
    site.seed("1.txt", number=1, title="Changed")
    taken: dict[str, str] = {}

    def takes_over(method: str, path: str, query: str) -> None:
        del query
        if method == "PUT" and path == f"{_KEY}feeds.opml" and not taken:
            taken[path] = buckets.put(f"site/{MANIFEST}", b'{"run":"another"}')

    buckets.fault = takes_over
    (site.seeds / "3.txt").unlink()  # something is to be deleted, too
    with pytest.raises(PublishError, match=r"another publisher publishes to .*, too"):
        site.publish()
    buckets.fault = lambda *_: None
    assert any(name.startswith("media/") for name in published())  # nothing was deleted
    site.publish()
    assert published() == made(site)


def test_objects_that_others_changed_or_removed_are_put_again_within_a_day(
    site: Site, buckets: Buckets
) -> None:
    site.publish()
    buckets.put("site/all.atom", "spoiled")
    buckets.delete("site/all.rss")
    site.publish(NOW + timedelta(hours=1))
    assert published()["all.atom"] == b"spoiled"
    report = site.publish(NOW + timedelta(days=1))
    assert report.written == ["all.atom", "all.rss"]
    assert published() == made(site)


def test_objects_of_a_coordinator_that_lost_all_are_known_by_their_names(
    site: Site, other: Site, buckets: Buckets
) -> None:
    buckets.put("site/other.txt", "theirs")
    site.publish()
    other.publish()
    assert published() == {**made(other), "other.txt": b"theirs"}
    for number in range(4, 40):
        other.seed(f"{number}.txt", number=number)
    other.publish()
    # A third one, whose seeds are on a disk that is not mounted.
    site.root.joinpath(".feeds").rename(site.root / "gone")
    for _ in range(2):
        with pytest.raises(PublishError, match=r"only 3 stories found .* there were 38"):
            site.publish()
    assert published() == {**made(other), "other.txt": b"theirs"}


def pings(site: Site) -> list[tuple[object, ...]]:
    """Returns what hubs are still to be told, as the state file has it."""
    with closing(sqlite3.connect(site.state)) as state:
        return list(state.execute("SELECT * FROM ping"))


def test_hubs_are_told_when_the_objects_are_there(site: Site, buckets: Buckets) -> None:
    set_up(site, keys='hub = "https://hub.example.org/"')
    site.publish()
    before = pings(site)
    site.seed("1.txt", number=1, title="Changed")
    buckets.fault = dies_at(4)
    with pytest.raises(PublishError, match=r"403 .* the next run does the rest"):
        site.publish()
    assert pings(site) == before
    buckets.fault = lambda *_: None
    site.publish()
    assert len(pings(site)) == len(before)
    assert pings(site) != before


def test_objects_are_put_while_others_write_to_the_state_file(site: Site, buckets: Buckets) -> None:
    manifests = []

    def note(method: str, *_: str) -> None:
        if method not in _WRITES:
            return
        with open_state(site.load().config.paths.state, "note") as store, store.transaction():
            store.set_meta(IMAGES_COLLECTED, 1)
        if method == "POST":  # removals follow on a manifest that is whole, and still claimed
            manifest = json.loads(Objects(ADDRESS).get(MANIFEST)[0])
            manifests.append((manifest.get("unfinished", False), "claim" in manifest))

    site.publish()
    show_image(site, 3, "another")
    buckets.fault = note
    site.publish()
    assert manifests == [(False, True)]
    assert published() == made(site)


def test_objects_of_archives_are_put_like_all_others(site: Site, buckets: Buckets) -> None:
    set_up(site, "[selection]\nmax_items = 1\n", keys='archive = "month"')
    site.publish()
    assert published() == made(site)
    assert any(name.startswith("topics/ai/2026-02") for name in published())
    names = writes(buckets)
    assert names.index("all/2026-02.atom") < names.index("all.atom")
    site.seed("4.txt", number=4)
    report = site.publish()
    assert set(writes(buckets)) - {MANIFEST, f"{PARTS}/names.json"} == set(report.written)
    assert published() == made(site)


def test_objects_of_archives_at_rest_stay_after_a_pass_that_the_bucket_failed(
    site: Site, buckets: Buckets
) -> None:
    set_up(site, keys='archive = "month"')
    site.publish(NOW - timedelta(days=5))
    site.publish()  # February has ended
    assert "topics/ai/2026-02.atom" in published()
    site.seed("4.txt", number=4, publishedDateTime=NOW.isoformat())
    buckets.fault = lambda method, *_: FORBIDDEN if method == "PUT" else None
    with pytest.raises(PublishError):
        site.publish()
    buckets.fault = lambda *_: None
    site.publish()
    assert published() == made(site)
    (path,) = site.root.rglob(JOURNAL)  # as if another machine went on
    path.unlink()
    site.seed("5.txt", number=5, publishedDateTime=NOW.isoformat())
    site.publish()
    assert published() == made(site)


def test_doctor_says_whether_the_bucket_answers(site: Site, buckets: Buckets) -> None:
    def found() -> list[tuple[str, str]]:
        findings = examine_site(site.load(), NOW)
        return [(one.severity, one.text) for one in findings if one.subject == "objects"]

    assert found() == [("warning", f"nothing was published to {ADDRESS} yet")]
    site.publish()
    assert found() == [("ok", f"{ADDRESS} can be read")]
    buckets.fault = lambda *_: FORBIDDEN
    ((severity, text),) = found()
    assert severity == "error"
    assert text.startswith(f"{ADDRESS}{MANIFEST}: the bucket answers 403")


def test_pings_of_a_pass_that_ends_right_after_its_uploads_are_made_by_the_next(
    site: Site, buckets: Buckets, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up(site, keys='hub = "https://hub.example.org/"')
    site.publish()
    before = pings(site)
    site.seed("1.txt", number=1, title="Changed")
    with monkeypatch.context() as patch:

        def end(_: object) -> None:
            raise KeyboardInterrupt

        patch.setattr("feeds.pipeline.run.tell_hubs", end)
        with pytest.raises(KeyboardInterrupt):
            site.publish()
    site.publish(NOW + timedelta(minutes=1))
    assert pings(site) != before


def test_documents_that_go_before_they_are_uploaded_are_told_to_no_hub(
    site: Site, buckets: Buckets
) -> None:
    set_up(site, keys='hub = "https://hub.example.org/"')
    site.seed("9.txt", number=9, topics=["Zebra"])
    site.publish()
    site.seed("9.txt", number=9, topics=["Zebra"], title="Changed")
    with open_state(site.state, "note") as store:
        fingerprint = store.pass_fingerprint()
    buckets.fault = dies_at(2)
    with pytest.raises(PublishError):
        site.publish(NOW + timedelta(minutes=1))
    with open_state(site.state, "note") as store:
        assert store.pass_fingerprint() != fingerprint
    buckets.fault = lambda *_: None
    site.seed("9.txt", number=9, topics=["Yak"], title="Changed")
    site.publish(NOW + timedelta(minutes=2))
    assert "zebra" not in str(pings(site))


@pytest.mark.parametrize("step", [1, 12, 18])
def test_objects_of_a_publisher_that_is_killed_are_whole_at_every_moment(
    site: Site, buckets: Buckets, step: int
) -> None:
    site.publish()
    site.seed("1.txt", number=1, title="Changed")
    show_image(site, 3, "another")
    process, count = site.start("export"), 0

    def kill(method: str, path: str, query: str) -> None:
        nonlocal count
        del path, query
        if method in _WRITES:
            count += 1
            if count == step:
                process.kill()

    buckets.fault = kill
    while process.poll() is None:
        names_no_missing_image()
        time.sleep(0.02)
    process.communicate()
    names_no_missing_image()
    assert process.returncode == -signal.SIGKILL
    buckets.fault = lambda *_: None
    assert site.run("export").code == 0
    assert published() == made(site)
