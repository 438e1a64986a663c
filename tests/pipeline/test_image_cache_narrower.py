"""Narrower copies from the cache to the pages: when they come, what shows them, when they go."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from feeds.common.media import image_key, narrow_name
from feeds.images import resize
from feeds.images.cache import likely_name
from feeds.pipeline.fetch import FetchOptions, fetch_images, next_fetch
from feeds.pipeline.image_cache import collect_garbage, narrow_images
from feeds.store import Store, open_state
from tests.support.imaging import encoded, seed_with
from tests.support.site import NOW, Site

URL = "https://images.example.com/camera.jpg"
NAME = likely_name(URL, "image/jpeg")
NARROW = narrow_name(image_key(URL), 208)


def drop(site: Site, size: tuple[int, int] = (600, 300), seed: int = 60) -> Path:
    """Drops a picture into the cache."""
    path = site.root / ".feeds/images" / NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".new").write_bytes(encoded(Image.effect_noise(size, seed), "jpg"))
    path.with_suffix(".new").replace(path)
    return path


def fetch(site: Site) -> int:
    return fetch_images(site.load(), FetchOptions(wait=0), clock=lambda: NOW).narrowed


def due(site: Site) -> int | None:
    with open_state(site.state, "serve") as store:
        assert store is not None
        return next_fetch(store, site.load().config)


def shown(site: Site) -> list[str]:
    """Returns the widths in the page, all of whose files stand in out/."""
    srcset = re.findall(r'srcset="([^"]*)"', site.read("all.html").decode())
    candidates = [one.split() for some in srcset for one in some.split(", ")]
    assert all((site.out / name).is_file() for name, _ in candidates)
    return [width for _, width in candidates]


@pytest.fixture
def dropped(site: Site) -> Site:
    """A site without fetches whose one picture was dropped into the cache."""
    site.configure('[images]\nfetch = "off"\n')
    seed_with(site, 1, URL)
    drop(site)
    site.publish()
    return site


def test_picture_that_was_dropped_gets_narrower_copies_and_pages_show_them(dropped: Site) -> None:
    assert shown(dropped) == []
    assert due(dropped) == 0
    feed = dropped.read("all.json")
    assert fetch(dropped) == 1
    dropped.publish()
    assert shown(dropped) == ["208w", "416w", "600w"]
    assert dropped.read("all.json") == feed
    assert json.loads(feed)["items"][0]["attachments"][0]["url"].endswith(NAME)
    assert fetch(dropped) == 0
    assert due(dropped) != 0
    assert not dropped.publish().written


def test_other_widths_are_made_and_former_ones_go(dropped: Site) -> None:
    fetch(dropped)
    dropped.publish()
    dropped.configure('[images]\nfetch = "off"\nwidths = [300]\n')
    dropped.publish()
    assert shown(dropped) == []
    fetch(dropped)
    dropped.publish()
    assert shown(dropped) == ["300w", "600w"]
    assert not (dropped.out / NARROW).exists()
    assert not (dropped.root / ".feeds/images" / NARROW).exists()
    dropped.configure('[images]\nfetch = "off"\nwidths = []\n')
    fetch(dropped)
    dropped.publish()
    assert shown(dropped) == []
    assert [path.name for path in (dropped.out / "media").rglob("*.*")] == [Path(NAME).name]


def test_another_picture_hides_the_copies_of_the_one_before(dropped: Site) -> None:
    fetch(dropped)
    dropped.publish()
    drop(dropped, (300, 200), seed=90)
    dropped.publish()
    assert shown(dropped) == []
    fetch(dropped)
    dropped.publish()
    assert shown(dropped) == ["208w", "300w"]


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"other")])
def test_copy_that_is_lost_is_made_again(dropped: Site, damage: object) -> None:
    fetch(dropped)
    before = (dropped.root / ".feeds/images" / NARROW).read_bytes()
    damage(dropped.root / ".feeds/images" / NARROW)  # type: ignore[operator]
    dropped.publish()
    assert shown(dropped) == ["416w", "600w"]
    assert fetch(dropped) == 1
    dropped.publish()
    assert shown(dropped) == ["208w", "416w", "600w"]
    assert (dropped.out / NARROW).read_bytes() == before


def test_picture_that_cannot_be_narrowed_is_tried_once(
    dropped: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    warned: list[str] = []

    def fail(*_: object) -> None:
        raise ValueError("odd")

    monkeypatch.setattr(resize, "narrowed", fail)
    for _ in range(2):
        narrow_images(dropped.load().config, warned.append)
    (told,) = warned
    assert told == f"no narrower copies of {dropped.root / '.feeds/images' / NAME}: odd"


def test_run_that_ends_before_the_store_knows_its_files_is_repeated(
    dropped: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    config = dropped.load().config
    with monkeypatch.context() as patch:
        patch.setattr(Store, "keep_narrow", killed)
        with pytest.raises(KeyboardInterrupt):
            narrow_images(config, pytest.fail)
    assert (config.images.cache / NARROW).exists()
    dropped.publish()
    assert shown(dropped) == []
    assert narrow_images(config, pytest.fail) == (1, True)
    dropped.publish()
    assert shown(dropped) == ["208w", "416w", "600w"]
    assert not [*(config.images.cache / "tmp").iterdir()]


def test_picture_that_another_replaced_meanwhile_is_left(
    dropped: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = resize.narrowed

    def replaced(*arguments: Any) -> Any:
        drop(dropped, seed=90)
        dropped.publish()
        return make(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(resize, "narrowed", replaced)
        assert narrow_images(dropped.load().config, pytest.fail)[0] == 0
    dropped.publish()
    assert shown(dropped) == []
    assert fetch(dropped) == 1


def test_time_ends_between_two_pictures(dropped: Site) -> None:
    config = dropped.load().config
    assert narrow_images(config, pytest.fail, most_seconds=-1) == (0, False)
    assert due(dropped) == 0
    assert narrow_images(config, pytest.fail) == (1, True)


@pytest.mark.parametrize("toml", ["pages = false", "[images]\npublish = false"])
def test_site_that_shows_no_pictures_makes_none(site: Site, toml: str) -> None:
    site.configure(toml)
    seed_with(site, 1, URL)
    drop(site)
    site.publish()
    assert narrow_images(site.load().config, pytest.fail) == (0, False)
    assert due(site) != 0


def test_copies_go_with_their_picture(dropped: Site) -> None:
    fetch(dropped)
    seed_with(dropped, 1)
    dropped.publish()
    stray = dropped.root / ".feeds/images/media/ab" / f"{'ab' * 16}-208.webp"
    stray.parent.mkdir()
    stray.touch()
    removed = collect_garbage(dropped.load(), pytest.fail, lambda: NOW + timedelta(days=9999))
    assert {NAME, NARROW, f"media/ab/{stray.name}"} <= set(removed)
    assert not [*(dropped.root / ".feeds/images/media").rglob("*.*")]
