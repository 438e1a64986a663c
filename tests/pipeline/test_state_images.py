"""The memos of the last pass on images: each of use, and none kept for too long."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from feeds.common.errors import PublishError
from feeds.common.media import image_key
from feeds.common.reports import Callbacks, Options
from feeds.images import decode, examine, reconcile
from feeds.pipeline import plan, run
from feeds.pipeline.fetch import FetchOptions, fetch_images
from feeds.publish import Publisher, read_manifest
from feeds.store import Store
from tests.support.imaging import picture, seed_with
from tests.support.site import NOW, Site
from tests.support.spying import spy
from tests.support.two_stories import OF_SECOND_STORY, edit

URL = "https://images.example.com/camera.jpg"
KEY = image_key(URL)
NAME = f"media/{KEY[:2]}/{KEY}.jpg"
SETTLED, YOUNG = 1_500_000_000, 4_000_000_000


@pytest.fixture
def site(site: Site) -> Site:
    """A site that fetches nothing, names an image in one of two stories, and has its copy."""
    site.configure('[images]\nfetch = "off"\n')
    seed_with(site, 1, URL)
    edit(site, "Story 2")
    drop(site, picture())
    site.publish()
    return site


def drop(site: Site, data: bytes, mtime: float = SETTLED) -> Path:
    """Drops a file into the cache, and gives its folder an mtime in seconds."""
    path = site.root / ".feeds/images" / NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path.parent, (mtime, mtime))
    return path


def shown(site: Site) -> dict[str, int]:
    """Returns the enclosures of the feed of everything: length in bytes, 0 for none, by URL."""
    items = json.loads(site.read("all.json"))["items"]
    files = [one for item in items for one in item.get("attachments", ())]
    return {one["url"]: one.get("size_in_bytes", 0) for one in files}


def with_copy(data: bytes) -> dict[str, int]:
    return {f"https://feeds.example.org/{NAME}": len(data)}


OTHER = picture(size=(100, 80))


def test_the_copy_is_shown(site: Site) -> None:
    assert shown(site) == with_copy(picture())
    assert site.read(NAME) == picture()
    assert site.documents() == site.fresh()


# cache_folders


@pytest.mark.parametrize("change", ["nothing", "a title", "seeds are read again"])
def test_cache_folders_save_the_look_into_folders_that_did_not_change(
    site: Site, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    looks = [spy(monkeypatch, module, "copies_in") for module in (examine, reconcile)]
    if change == "a title":
        seed_with(site, 1, URL, title="Another")
    report = site.publish(options=Options(full=change == "seeds are read again"))
    assert report.read == {"nothing": 0, "a title": 1, "seeds are read again": 2}[change]
    assert looks == [[], []]


def test_cache_folders_save_the_decoding_of_files_that_cannot_be_used(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(site, b"no image", SETTLED + 1)
    site.publish()
    decoded = spy(monkeypatch, decode, "prepare")
    os.utime(site.root / ".feeds/images" / NAME[:8], (SETTLED + 2, SETTLED + 2))
    site.publish()
    assert decoded == []


def test_cache_folders_are_cleared_by_files_that_come_and_go(site: Site) -> None:
    path = site.root / ".feeds/images" / NAME
    for mtime in (SETTLED + 1, SETTLED):
        path.unlink()
        os.utime(path.parent, (mtime, mtime))
        site.publish()
        assert shown(site) == {URL: 0}
        drop(site, OTHER, mtime + 10)
        site.publish()
        assert shown(site) == with_copy(OTHER)


def test_cache_folders_are_cleared_for_a_folder_that_just_changed(site: Site) -> None:
    for data in (picture(), OTHER):
        drop(site, data, YOUNG)
        site.publish()
        assert shown(site) == with_copy(data)


def test_cache_folders_are_cleared_by_other_copies_in_the_settings(site: Site) -> None:
    before = site.documents()
    site.configure('[images]\nfetch = "off"\nmax_width = 32\n')
    site.publish()
    assert site.documents() != before
    assert site.documents() == site.fresh()


def test_cache_folders_are_cleared_by_another_cache(site: Site) -> None:
    shutil.copytree(site.root / ".feeds/images", site.root / "cache")
    (site.root / "cache" / NAME).write_bytes(OTHER)
    os.utime(site.root / "cache" / NAME[:8], (SETTLED, SETTLED))
    site.configure('[images]\nfetch = "off"\ncache = "cache"\n')
    site.publish()
    assert shown(site) == with_copy(OTHER)


def test_cache_folders_are_cleared_of_a_fault_by_a_file_that_can_be_used(site: Site) -> None:
    drop(site, b"no image", SETTLED + 1)
    site.publish()
    assert shown(site) == with_copy(picture())  # out/ still has it
    drop(site, OTHER, SETTLED + 2)
    site.publish()
    assert shown(site) == with_copy(OTHER)


# image_news


def test_image_news_saves_selection_if_no_image_changed(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = spy(monkeypatch, run, "memberships")
    assert site.publish().written == []
    assert chosen == []


def test_image_news_is_cleared_by_the_pass_that_shows_them_and_by_no_other(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(site, OTHER, SETTLED + 1)
    fetch_images(site.load(), FetchOptions(), clock=lambda: NOW)  # notes the new copy
    assert shown(site) == with_copy(picture())

    def fail(_: Publisher) -> None:
        raise PublishError("a full disk")

    with monkeypatch.context() as patch:
        patch.setattr(Publisher, "finish", fail)
        with pytest.raises(PublishError):
            site.publish()
    assert shown(site) == with_copy(picture())
    site.publish()
    assert shown(site) == with_copy(OTHER)
    assert site.documents() == site.fresh()


# feed_images


@pytest.fixture
def apart(site: Site) -> Site:
    """The site with one story in each feed: that of everything does not show the image."""
    site.configure('[images]\nfetch = "off"\n[selection]\nmax_items = 1\n')
    site.publish()
    assert shown(site) == {}
    return site


def test_feed_images_save_the_look_at_feeds_that_did_not_change(
    apart: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = spy(monkeypatch, plan, "contents_of")
    sought = spy(monkeypatch, Store, "copy_fingerprints")
    edit(apart, "Edited")
    report = apart.publish()
    assert sorted(feed.address for _, feed in looked) == OF_SECOND_STORY
    assert (report.images_added, report.images_removed, sought) == (0, 0, [])
    assert apart.read(NAME) == picture()


def test_feed_images_are_cleared_with_the_last_story_that_names_a_copy(apart: Site) -> None:
    seed_with(apart, 1)
    report = apart.publish()
    assert (report.images_removed, shown(apart)) == (1, {})
    for title in ("Edited", "Edited again"):
        edit(apart, title)
        assert apart.publish().images_added == 0
        assert not (apart.out / NAME).exists()
        assert NAME not in read_manifest(apart.out).images


def test_feed_images_are_cleared_by_a_copy_of_another_name(site: Site) -> None:
    path = drop(site, picture("png"))
    other = NAME.replace(".jpg", ".png")
    path.rename(path.with_suffix(".png"))
    site.publish()
    assert list(shown(site)) == [f"https://feeds.example.org/{other}"]
    assert not (site.out / NAME).exists()
    edit(site, "Edited")
    site.publish()
    assert (site.out / other).exists()
    assert not (site.out / NAME).exists()


# last


def test_last_is_cleared_by_a_copy_that_left_out(site: Site) -> None:
    (site.out / NAME).unlink()
    told = list[str]()
    report = site.publish(callbacks=Callbacks(warn=told.append))
    assert (report.images_added, told) == (1, [])
    assert site.read(NAME) == picture()
