"""Files that were dropped into the cache, and copies that were damaged or lost."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from feeds.common.media import CachedImage, image_key
from feeds.common.reports import Callbacks, Options, PassReport
from feeds.images import decode as check
from feeds.images.cache import give_name, keep_aside, remove_unfinished
from feeds.images.examine import MEMO, CacheSeen, Examined, Fault, examine_cache, settings_of
from feeds.images.reconcile import reconcile
from feeds.pipeline import run
from feeds.pipeline.fetch import FetchOptions, fetch_images
from feeds.store import open_state
from tests.support.imaging import (
    HIDDEN,
    Server,
    configure,
    exif,
    known_images,
    picture,
    seed_with,
    serving,
)
from tests.support.permissions import closed, open_folder
from tests.support.site import NOW, Site

URL = "https://images.example.com/camera.jpg"
KEY = image_key(URL)
STEM = f"media/{KEY[:2]}/{KEY}"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


def drop(site: Site, data: bytes, name: str = f"{STEM}.jpg") -> Path:
    """Drops a file into the cache."""
    path = site.root / ".feeds/images" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def shown(site: Site) -> tuple[str, int]:
    """Returns the URL and length of the only enclosure."""
    (item,) = json.loads(site.read("all.json"))["items"]
    (attachment,) = item["attachments"]
    return attachment["url"], attachment.get("size_in_bytes", 0)


def fetch(site: Site, *, digests: bool = False) -> None:
    """Fetches what is due, a day later."""
    options = FetchOptions(digests=digests, pause=0.01)
    fetch_images(site.load(), options, clock=lambda: NOW + timedelta(days=1))


@pytest.fixture
def quiet(site: Site) -> Site:
    """A site that fetches nothing and names one image."""
    site.configure('[images]\nfetch = "off"\n')
    seed_with(site, 1, URL)
    return site


@pytest.mark.parametrize("first", ["image", "pass"])
def test_dropped_file_is_published(quiet: Site, first: str) -> None:
    if first == "pass":
        quiet.publish()
        assert shown(quiet) == (URL, 0)
    data = picture()
    drop(quiet, data)
    quiet.publish()
    assert shown(quiet) == (f"https://feeds.example.org/{STEM}.jpg", len(data))
    assert quiet.read(f"{STEM}.jpg") == data


def test_dropped_file_is_published_beside_compressed_documents(quiet: Site) -> None:
    quiet.configure('[images]\nfetch = "off"\n[publish]\nprecompress = true\n')
    drop(quiet, picture())
    quiet.publish()
    files = quiet.tree()
    assert {f"{STEM}.jpg", "all.json.gz"} <= files.keys()
    assert f"{STEM}.jpg.gz" not in files
    quiet.publish_whole()
    assert quiet.tree() == files


def test_dropped_file_is_published_when_a_seed_comes_to_name_it(quiet: Site) -> None:
    seed_with(quiet, 1)
    drop(quiet, picture())
    quiet.publish()
    os.utime(quiet.root / ".feeds/images" / STEM[:8], (1e9, 1e9))
    quiet.publish()
    seed_with(quiet, 1, URL)
    quiet.publish()
    assert shown(quiet)[0].endswith(f"{STEM}.jpg")


def test_dropped_file_with_a_wrong_extension_is_named_by_what_it_is(quiet: Site) -> None:
    wrong = drop(quiet, picture("png"))
    quiet.publish()
    assert shown(quiet)[0].endswith(f"{STEM}.png")
    assert not wrong.exists()
    assert wrong.with_suffix(".png").exists()


def test_dropped_file_loses_its_metadata(quiet: Site) -> None:
    path = drop(quiet, picture(exif=exif()))
    quiet.publish()
    assert HIDDEN.encode() not in path.read_bytes() + quiet.read(f"{STEM}.jpg")


@pytest.mark.parametrize("data", [b"<svg/>", b"", picture()[:200]])
def test_dropped_file_that_is_no_image_is_told_and_left_alone(quiet: Site, data: bytes) -> None:
    path, told = drop(quiet, data), list[str]()
    quiet.publish(callbacks=Callbacks(warn=told.append))
    assert shown(quiet) == (URL, 0)
    assert path.read_bytes() == data
    (warning,) = told
    assert str(path) in warning


def test_dropped_file_that_surprises_the_decoder_is_told_and_left_alone(
    quiet: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def surprised(*_: object) -> None:
        raise RuntimeError("a surprise")

    monkeypatch.setattr(check, "prepare", surprised)
    path, told = drop(quiet, picture()), list[str]()
    quiet.publish(callbacks=Callbacks(warn=told.append))
    assert told == [f"{path} cannot be used: a surprise"]
    assert shown(quiet) == (URL, 0)


@pytest.mark.parametrize(
    "name",
    ["x.jpg", f"{KEY}.jpg", f"media/{KEY}.jpg", f"media/zz/{KEY}.jpg", f"{STEM}", f"{STEM}.jpg/x"],
)
def test_file_with_another_name_is_nobodys(quiet: Site, name: str) -> None:
    path = drop(quiet, picture(), name)
    quiet.publish()
    assert shown(quiet) == (URL, 0)
    assert path.exists()


def test_dropped_file_that_is_replaced_is_published_anew(quiet: Site) -> None:
    drop(quiet, picture())
    quiet.publish()
    other = picture(size=(100, 90))
    path = drop(quiet, other, "new")
    path.replace(quiet.root / f".feeds/images/{STEM}.jpg")
    quiet.publish()
    assert shown(quiet)[1] == len(other)
    assert quiet.read(f"{STEM}.jpg") == other


def test_dry_run_touches_no_file(quiet: Site) -> None:
    drop(quiet, picture("png", exif=exif()))
    before = quiet.files()
    report: PassReport = quiet.publish(options=Options(dry_run=True))
    assert quiet.files() == before
    assert set(report.written) >= {"all.atom", "topics/ai.html", "index.html", "feeds.opml"}


def test_deleted_state_takes_the_cache_in_anew(quiet: Site) -> None:
    drop(quiet, picture())
    quiet.publish()
    before = quiet.tree()
    quiet.state.unlink()
    quiet.publish()
    assert quiet.tree() == before


@pytest.fixture
def fetched(site: Site, server: Server) -> tuple[Site, Path]:
    """A site with one image that was fetched and published, and where the cache has it."""
    url = server.serve("/damaged.jpg", picture())
    return site, fetch_one(site, url)


def fetch_one(site: Site, url: str, extension: str = "jpg") -> Path:
    """Fetches and publishes the image of a story; returns its copy in the cache."""
    configure(site)
    seed_with(site, 1, url)
    site.publish()
    fetch(site)
    site.publish()
    key = image_key(url)
    return site.root / f".feeds/images/media/{key[:2]}/{key}.{extension}"


@pytest.mark.parametrize("damage", ["other bytes", "cut off", "gone", "old time"])
def test_damaged_copy_is_fetched_again(fetched: tuple[Site, Path], damage: str) -> None:
    site, path = fetched
    good, status = path.read_bytes(), path.stat()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(b"\0" * len(good) if damage != "cut off" else good[:99])
    if damage == "old time":
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    fetch(site, digests=damage == "old time")
    assert path.read_bytes() == good
    site.publish()
    assert shown(site)[0].startswith("https://feeds.example.org/media/")
    published = site.out / path.relative_to(site.root / ".feeds/images")
    assert published.read_bytes() == good


def test_copy_that_was_only_touched_stays(fetched: tuple[Site, Path], server: Server) -> None:
    site, path = fetched
    asked = len(server.requests)
    os.utime(path, (1e9, 1e9))
    fetch(site)
    site.publish()
    assert len(server.requests) == asked
    assert shown(site)[1] == len(path.read_bytes())


def test_copy_that_is_lost_for_good_is_named_no_more(
    fetched: tuple[Site, Path], server: Server
) -> None:
    site, path = fetched
    path.unlink()
    server.behaviours.pop("/damaged.jpg")
    fetch(site)
    site.publish()
    (item,) = json.loads(site.read("all.json"))["items"]
    assert "image" not in item
    assert not (site.out / "media").exists()


@pytest.mark.parametrize("extension", ["avif", "jpg"])
def test_copy_that_an_older_release_made_is_made_again_without_a_fetch(
    site: Site, server: Server, extension: str
) -> None:
    url = server.serve(f"/older.{extension}", picture(extension), ETag='"1"')
    path = fetch_one(site, url, extension)
    # Older releases left XMP in AVIF, and named forms without a version.
    saving: dict[str, Any] = {"xmp": HIDDEN.encode()} if extension == "avif" else {"exif": exif()}
    path.write_bytes(picture(extension, **saving))
    data, status = path.read_bytes(), path.stat()
    assert HIDDEN.encode() in data
    with open_state(site.state, "pass", pytest.fail) as store, store.transaction():
        (image,) = store.images()
        older = {"length": len(data), "mtime_ns": status.st_mtime_ns, "form": "0"}
        digest = hashlib.sha256(data).digest()
        store.keep_image(msgspec.structs.replace(image, digest=digest, **older))
        store.set_meta(MEMO, CacheSeen(str(path.parents[2]), "0", {}))
    asked = len(server.requests)
    site.publish()
    published = site.read(str(path.relative_to(site.root / ".feeds/images")))
    assert HIDDEN.encode() not in path.read_bytes() + published
    image = row(site)
    assert (image.form, image.etag) == (settings_of(site.load().config), '"1"')
    fetch(site)
    assert len(server.requests) == asked


def test_reconcile_that_takes_long_leaves_folders_for_the_next_time(
    quiet: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = [f"https://images.example.com/{number}.jpg" for number in range(3)]
    for number, url in enumerate(others, 2):
        seed_with(quiet, number, url)
        key = image_key(url)
        path = drop(quiet, picture(), f"media/{key[:2]}/{key}.jpg")
        os.utime(path.parent, (1e9, 1e9))  # else it is looked into again, and always first
    assert len({image_key(url)[:2] for url in others}) == len(others)
    monkeypatch.setattr("feeds.images.examine._PATIENCE_SECONDS", -1.0)
    counts = []
    for _ in range(4):
        quiet.publish()
        counts.append(len(list((quiet.out / "media").rglob("*.jpg"))))
    assert counts == [1, 2, 3, 3]


def test_fetch_that_takes_long_takes_all_in_although_some_cannot_be_used(
    quiet: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed_with(quiet, 1)
    keys: dict[str, list[str]] = {}
    for number in range(2, 2000):
        url = f"https://images.example.com/{number}.jpg"
        keys.setdefault(image_key(url)[:2], []).append(url)
    same = next(some for some in keys.values() if len(some) >= 4)  # all in one folder
    for number, url in enumerate(same[:4], 2):
        seed_with(quiet, number, url)
    quiet.publish()
    for number, key in enumerate(sorted(image_key(url) for url in same[:4])):
        drop(quiet, picture() if number == 3 else b"no image", f"media/{key[:2]}/{key}.jpg")
    monkeypatch.setattr("feeds.images.examine._PATIENCE_SECONDS", -1.0)
    decoded = count_decoded(monkeypatch)
    fetch(quiet)
    assert len(decoded) == 4
    quiet.publish()
    assert len(list((quiet.out / "media").rglob("*.jpg"))) == 1
    fetch(quiet)
    assert len(decoded) == 7  # what could not be used is tried again by each fetch, but by no pass


def count_decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Has the length of each file noted that is decoded."""
    decoded, real = list[int](), check.prepare

    def counted(data: bytes, *others: Any) -> check.Prepared:
        decoded.append(len(data))
        return real(data, *others)

    monkeypatch.setattr(check, "prepare", counted)
    return decoded


def test_decoding_of_a_dropped_file_leaves_the_state_file_to_others(
    quiet: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    quiet.publish()
    drop(quiet, picture())
    real, written = check.prepare, list[str]()

    def slow(data: bytes, *others: Any) -> check.Prepared:
        with closing(sqlite3.connect(quiet.state, timeout=0)) as other, other:
            other.execute("BEGIN IMMEDIATE")  # raises where another writes
            other.execute("INSERT INTO image_host VALUES ('slow.example', 1, 2, 'why')")
        written.append("host")
        return real(data, *others)

    monkeypatch.setattr(check, "prepare", slow)
    quiet.publish()
    assert written == ["host"]
    assert shown(quiet)[0].endswith(f"{STEM}.jpg")
    with open_state(quiet.state, "serve") as store:
        assert store is not None
        assert list(store.host_failures()) == ["slow.example"]


@pytest.mark.parametrize("change", ["bytes", "time", "inode", "gone", "other name"])
def test_dropped_file_that_changes_after_it_was_examined_is_looked_at_the_next_time(
    quiet: Site, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    path = drop(quiet, picture(exif=exif()))
    other = picture("png") if change == "other name" else picture(size=(64, 40))

    def changed(*given: Any) -> Examined:
        examined = examine_cache(*given)
        monkeypatch.undo()
        if change == "bytes":
            path.write_bytes(other)
        elif change == "time":
            os.utime(path, (1e9, 1e9))
        elif change == "inode":
            status, new = path.stat(), drop(quiet, path.read_bytes(), "new")
            os.utime(new, ns=(status.st_atime_ns, status.st_mtime_ns))
            new.replace(path)
        else:
            path.unlink()
            if change == "other name":
                drop(quiet, other, f"{STEM}.png")
        return examined

    monkeypatch.setattr(run, "examine_cache", changed)
    told = list[str]()
    quiet.publish(callbacks=Callbacks(warn=told.append))
    assert shown(quiet) == (URL, 0)
    assert not (quiet.out / "media").exists()
    assert list((quiet.root / ".feeds/images/tmp").iterdir()) == []
    quiet.publish(callbacks=Callbacks(warn=told.append))
    if change == "gone":
        assert shown(quiet) == (URL, 0)
    else:
        assert (quiet.root / "out" / shown(quiet)[0].partition(".org/")[2]).is_file()
        published = (file.read_bytes() for file in quiet.out.rglob("*") if file.is_file())
        assert HIDDEN.encode() not in b"".join(published)
    assert told == []


def test_fetch_that_tidies_up_between_the_two_steps_costs_a_pass_at_most(
    quiet: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = picture(exif=exif())
    path = drop(quiet, data)

    def tidied(*given: Any) -> Examined:
        examined = examine_cache(*given)
        monkeypatch.undo()
        remove_unfinished(quiet.root / ".feeds/images")
        return examined

    monkeypatch.setattr(run, "examine_cache", tidied)
    quiet.publish()
    assert shown(quiet) == (URL, 0)
    assert path.read_bytes() == data
    quiet.publish()
    assert shown(quiet)[0].endswith(f"{STEM}.jpg")


def test_changes_name_the_copies_and_the_feeds_that_show_them(quiet: Site) -> None:
    quiet.publish()
    drop(quiet, picture())
    config = quiet.load().config
    with open_state(quiet.state, "pass", pytest.fail) as store:
        examined = examine_cache(store, config, store.get_meta(MEMO))
        with store.transaction():
            changes = reconcile(store, examined, (), 0, pytest.fail)
    assert changes.copies == {f"{STEM}.jpg"}
    assert ("all", "") in changes.feeds
    assert {kind for kind, _ in changes.feeds} == {"all", "topic", "provider"}


def row(site: Site) -> CachedImage:
    """Returns what is known of the only image."""
    (image,) = known_images(site).values()
    return image


def test_dropped_file_is_asked_for_when_it_is_as_old_as_a_fetched_one(quiet: Site) -> None:
    quiet.configure('[images]\nrefresh = "2d"\n')
    drop(quiet, picture())
    quiet.publish()
    image = row(quiet)
    assert (image.due, image.fetched) == (int(NOW.timestamp()) + 2 * 86_400, 0)
    os.utime(quiet.root / f".feeds/images/{STEM}.jpg", (1e9, 1e9))
    quiet.publish(NOW + timedelta(days=1))
    touched = row(quiet)
    assert touched == msgspec.structs.replace(image, mtime_ns=10**18)


def test_copies_without_metadata_are_fetched_again_if_it_is_to_be_kept(
    fetched: tuple[Site, Path], server: Server
) -> None:
    site, _ = fetched
    before = row(site)
    configure(site, images="keep_metadata = true")
    site.publish()
    assert row(site).due == 0
    assert row(site).form == "2:0+"
    configure(site)
    site.publish()
    assert row(site).due == 0  # it was not asked for yet
    assert before.due > 0
    configure(site, images="max_width = 10")
    fetch(site)
    narrow = row(site)
    assert (narrow.width, narrow.due > 0) == (10, True)
    configure(site, images="max_width = 20")
    site.publish()
    assert row(site).due == 0


def test_copy_that_cannot_be_made_in_another_form_is_given_up(
    fetched: tuple[Site, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def surprised(*_: object) -> None:
        raise RuntimeError("a surprise")

    site, path = fetched
    configure(site, images="max_width = 10")
    monkeypatch.setattr(check, "prepare", surprised)
    told = list[str]()
    site.publish(callbacks=Callbacks(warn=told.append))
    assert told == [f"{path} cannot be used: a surprise"]
    assert (row(site).name, row(site).due, row(site).reason) == ("", 0, "a surprise")


def test_bytes_that_a_killed_fetch_announced_are_taken_without_what_the_server_said(
    fetched: tuple[Site, Path],
) -> None:
    site, path = fetched
    before, other = row(site), picture(size=(30, 20))
    cache = site.root / ".feeds/images"
    with open_state(site.state, "pass", pytest.fail) as store, store.transaction():
        store.keep_image(msgspec.structs.replace(before, etag='"1"', modified="then"))
    give_name(cache, keep_aside(cache, check.Prepared(other, "image/jpeg", 30, 20)), before.name)
    site.publish()
    after = row(site)
    assert path.read_bytes() == other
    assert (after.digest, after.width) == (hashlib.sha256(other).digest(), 30)
    assert (after.etag, after.modified, after.due) == ("", "", before.due)


def test_copy_that_was_touched_is_still_made_in_another_form(
    fetched: tuple[Site, Path], server: Server
) -> None:
    site, path = fetched
    asked = len(server.requests)
    os.utime(path, (1e9, 1e9))
    configure(site, images="max_width = 10")
    site.publish()
    assert (row(site).width, row(site).form) == (10, "2:10")
    assert len(server.requests) == asked
    assert path.stat().st_mode & 0o777 == 0o644  # so that web servers can read it


def test_copy_of_another_type_takes_the_place_of_one_that_is_gone(
    fetched: tuple[Site, Path],
) -> None:
    site, path = fetched
    path.unlink()
    path.with_suffix(".png").write_bytes(picture("png"))
    site.publish()
    image = row(site)
    assert (image.name[-4:], image.type, image.fetched) == (".png", "image/png", 0)
    assert image.due == int(NOW.timestamp()) + 30 * 86_400
    assert image.reason == ""


def test_file_that_cannot_be_used_is_remembered_as_long_as_it_is_there(
    quiet: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def faults() -> dict[str, Fault]:
        with open_state(quiet.state, "serve") as store:
            assert store is not None
            seen = store.get_meta(MEMO)
        assert seen is not None
        return seen.faults

    path = drop(quiet, b"no image")
    decoded = count_decoded(monkeypatch)
    told = list[str]()
    for _ in range(3):  # the folder is so young that it is looked into each time
        quiet.publish(callbacks=Callbacks(warn=told.append))
    assert (len(decoded), len(told)) == (1, 3)
    assert faults().keys() == {f"{STEM}.jpg"}
    path.unlink()
    quiet.publish()
    assert faults() == {}
    drop(quiet, b"no image either")
    quiet.publish()
    path.write_bytes(picture())
    quiet.publish()
    assert len(decoded) == 3
    assert faults() == {}
    assert shown(quiet)[0].endswith(f"{STEM}.jpg")


def test_dropped_file_on_a_disk_that_cannot_be_read_stops_the_pass(quiet: Site) -> None:
    path = drop(quiet, b"")
    path.unlink()
    path.symlink_to("/proc/self/mem")  # whoever reads it has an I/O error
    ran = quiet.run("export")
    assert ran.code == 3
    assert "Input/output error" in ran.err


def told_while_closed(site: Site, path: Path) -> list[str]:
    """Looks at the cache while a file in it may not be read; returns the warnings."""
    told: list[str] = []
    config = site.load().config
    with (
        open_state(site.state, "pass", pytest.fail) as store,
        store.transaction(),
        closed(path),
    ):
        reconcile(store, examine_cache(store, config, None), (), 1, told.append)
    return told


def test_copy_that_may_not_be_read_is_told_and_left_as_it_is() -> None:
    with open_folder() as folder:
        site = Site(folder / "site")
        site.configure('[images]\nfetch = "off"\n')
        seed_with(site, 1, URL)
        path = drop(site, picture())
        site.publish()
        before = shown(site)
        os.utime(path, (1e9, 1e9))
        told = told_while_closed(site, path)
        assert told == [
            f"the copy of {URL} is left as it is: [Errno 13] Permission denied: '{path}'"
        ]
        site.publish()
        assert shown(site) == before


def test_dropped_file_that_may_not_be_read_is_told_and_left_alone() -> None:
    with open_folder() as folder:
        site = Site(folder / "site")
        site.configure('[images]\nfetch = "off"\n')
        seed_with(site, 1, URL)
        site.publish()
        path = drop(site, picture())
        told = told_while_closed(site, path)
        assert told == [f"{path} cannot be used: [Errno 13] Permission denied: '{path}'"]
        site.publish()
        assert shown(site)[0].endswith(f"{STEM}.jpg")
