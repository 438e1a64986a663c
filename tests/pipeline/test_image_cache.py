"""What goes from the cache, and when."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from feeds.common.media import image_key
from feeds.pipeline.image_cache import collect_garbage
from feeds.store import open_state
from tests.support.imaging import picture, seed_with
from tests.support.site import NOW, Site

URL = "https://images.example.com/camera.jpg"
KEY = image_key(URL)
NAME = f"media/{KEY[:2]}/{KEY}.jpg"
DAY = timedelta(days=1)


@pytest.fixture
def site(site: Site) -> Site:
    """A site that published a copy of an image, which another seed than the first names now."""
    site.configure('[images]\nfetch = "off"\n')
    path = site.root / ".feeds/images" / NAME
    path.parent.mkdir(parents=True)
    path.write_bytes(picture())
    seed_with(site, 1, URL)
    seed_with(site, 2)
    site.publish()
    return site


def collected(site: Site, now: datetime) -> list[str]:
    return collect_garbage(site.load(), pytest.fail, lambda: now)


def test_copy_that_is_named_stays_for_ever(site: Site) -> None:
    assert collected(site, NOW + 1000 * DAY) == []


def test_copy_goes_thirty_days_after_its_last_seed(site: Site) -> None:
    seed_with(site, 2, URL)
    (site.seeds / "1.txt").unlink()
    site.publish(NOW + DAY)
    assert collected(site, NOW + 100 * DAY) == []
    seed_with(site, 2)
    site.publish(NOW + 100 * DAY)
    assert collected(site, NOW + 129 * DAY) == []
    assert collected(site, NOW + 130 * DAY) == [NAME]
    assert not (site.root / ".feeds/images" / NAME).exists()


def test_copy_that_is_named_again_stays(site: Site) -> None:
    seed_with(site, 1)
    site.publish(NOW)
    seed_with(site, 1, URL)
    site.publish(NOW + 20 * DAY)
    assert collected(site, NOW + 40 * DAY) == []


def test_copy_that_a_document_still_names_stays(site: Site) -> None:
    # The pass after the deletion never came to publish.
    (site.seeds / "1.txt").unlink()
    before = site.read("all.json")
    site.seeds.rename(site.root / "away")
    site.seeds.mkdir()
    seed_with(site, 2)
    (site.out / "all.json").unlink()
    (site.out / "all.json").mkdir()
    (site.out / "all.json/stranger").touch()
    with pytest.raises(Exception, match="in the way"):
        site.publish(NOW)
    assert collected(site, NOW + 100 * DAY) == []
    assert NAME.encode() in before


@pytest.mark.parametrize(("days", "goes"), [(29, False), (31, True)])
def test_file_that_nobody_ever_named_goes_after_thirty_days(
    site: Site, days: int, *, goes: bool
) -> None:
    other = image_key("https://images.example.com/other.jpg")
    path: Path = site.root / f".feeds/images/media/{other[:2]}/{other}.png"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(picture("png"))
    os.utime(path, (1e9, 1e9))  # old when it was dropped: the day of dropping counts
    began = datetime.fromtimestamp(path.stat().st_ctime, NOW.tzinfo)
    assert bool(collected(site, began + days * DAY)) == goes
    assert path.exists() != goes


def test_what_is_not_named_like_a_copy_is_left_alone(site: Site) -> None:
    path = site.root / ".feeds/images/media/README"
    path.touch()
    os.utime(path, (1e9, 1e9))
    assert collected(site, NOW + 10_000 * DAY) == []
    assert path.exists()


def test_gc_tells_what_it_removed(site: Site) -> None:
    seed_with(site, 1)
    site.publish(NOW - 300 * DAY)
    ran = site.run("images", "gc")
    assert f"removed {NAME}" in ran.out
    assert site.run("images", "gc", "--json").report() == {"removed": []}


def test_image_that_was_never_fetched_is_forgotten_thirty_days_after_its_last_seed(
    site: Site,
) -> None:
    seed_with(site, 2, "https://images.example.com/never.jpg")
    site.publish(NOW)
    seed_with(site, 2)
    site.publish(NOW + DAY)
    assert collected(site, NOW + 40 * DAY) == []
    with open_state(site.state, "serve") as store:
        assert store is not None
        assert [image.url for image in store.images()] == [URL]
