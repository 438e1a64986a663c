"""Copies of images in out/: there before a document names them, gone after, and never touched."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import ClassVar

import feedparser
import pytest

from feeds.common.media import image_key
from feeds.images.cache import ImageResolver
from feeds.publish import Publisher
from feeds.store import open_state
from tests.support.imaging import picture, seed_with
from tests.support.site import Site

URLS = [f"https://images.example.com/{number}.jpg" for number in range(4)]


def name_of(number: int) -> str:
    key = image_key(URLS[number])
    return f"media/{key[:2]}/{key}.jpg"


def drop(site: Site, *numbers: int) -> None:
    """Drops images into the cache."""
    for number in numbers:
        path = site.root / ".feeds/images" / name_of(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(size=(40 + number, 30)))


def media(site: Site) -> set[str]:
    """Returns the names of all copies in out/."""
    return {name for name in site.documents() if name.startswith("media/")}


@pytest.fixture
def full(site: Site) -> Site:
    """A published site of three stories with images."""
    site.configure('[images]\nfetch = "off"\n')
    drop(site, 0, 1, 2)
    for number in range(3):
        seed_with(site, number + 1, URLS[number], topics=[f"T{number}"])
    site.publish()
    return site


def test_copies_are_hard_links(full: Site) -> None:
    assert media(full) == {name_of(number) for number in range(3)}
    for name in media(full):
        assert (full.out / name).samefile(full.root / ".feeds/images" / name)


def test_copies_are_copied_where_they_cannot_be_linked(
    full: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    (full.out / name_of(0)).unlink()
    monkeypatch.setattr(os, "link", refuse)
    full.publish()
    copy, source = full.out / name_of(0), full.root / ".feeds/images" / name_of(0)
    assert copy.read_bytes() == source.read_bytes()
    assert not copy.samefile(source)
    before = full.tree()
    assert full.publish().images_added == 0
    assert full.tree() == before


def test_quiet_pass_looks_at_no_copy(full: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    full.publish()
    before = full.tree()
    monkeypatch.setattr(ImageResolver, "__init__", None)  # any use of it would fail
    report = full.publish()
    assert (report.written, report.images_added, full.tree()) == ([], 0, before)


@pytest.mark.parametrize("harm", ["removed", "changed"])
def test_copy_in_out_is_put_right(full: Site, harm: str) -> None:
    path = full.out / name_of(1)
    good = path.read_bytes()
    path.unlink()
    if harm == "changed":
        path.write_bytes(b"something else")
    assert full.publish().images_added == 1
    assert path.read_bytes() == good


def test_copy_leaves_with_the_last_document_that_names_it(full: Site) -> None:
    (full.seeds / "2.txt").unlink()
    assert full.publish().images_removed == 1
    assert media(full) == {name_of(0), name_of(2)}
    assert (full.root / ".feeds/images" / name_of(1)).exists()


def test_copy_of_an_entry_that_fell_out_of_a_feed_stays_while_another_has_it(full: Site) -> None:
    full.configure('[images]\nfetch = "off"\n[selection]\nmax_items = 1\nexposure = "0s"\n')
    full.publish()
    assert len(media(full)) == 3  # all.* shows one, but each topic has one of its own


def test_only_feeds_with_the_image_are_rendered_again(full: Site) -> None:
    (full.seeds / "1.txt").unlink()
    seed_with(full, 4, URLS[3], topics=["New"])
    full.publish()
    drop(full, 3)
    written = full.publish().written
    assert {name.partition(".")[0] for name in written} == {
        "all",
        "index",
        "topics/new",
        "providers/example",
    }


def test_nothing_is_published_where_told_so(full: Site) -> None:
    full.configure('[images]\nfetch = "off"\npublish = false\n')
    full.publish()
    assert media(full) == set()
    assert b"https://feeds.example.org/media" not in full.read("all.json")
    assert URLS[0].encode() in full.read("all.json")


def test_enclosures_point_to_where_the_cache_is_served(full: Site) -> None:
    full.configure('[images]\nfetch = "off"\nbase_url = "https://cdn.example.org/cache"\n')
    full.publish()
    assert media(full) == set()
    items = json.loads(full.read("all.json"))["items"]
    assert {item["image"] for item in items} == {
        f"https://cdn.example.org/cache/{name_of(number)}" for number in range(3)
    }


def test_every_format_says_the_same_of_a_copy(full: Site) -> None:
    for extension in ("atom", "rss"):
        for entry in feedparser.parse(full.read(f"all.{extension}")).entries:
            (enclosure,) = entry.enclosures
            path = full.out / enclosure.href.removeprefix("https://feeds.example.org/")
            assert int(enclosure.length) == path.stat().st_size
            assert enclosure.type == "image/jpeg"
            (content,) = entry.media_content
            assert (content["url"], content["height"]) == (enclosure.href, "30")
            assert content["filesize"] == enclosure.length
            assert f'src="{enclosure.href}"' in entry.content[0].value


def test_fresh_run_makes_the_same_documents(full: Site) -> None:
    assert full.fresh() == full.documents()


class Watched(Publisher):
    """Looks at out/ whenever a document or a copy has changed there."""

    seen: ClassVar[list[set[str]]] = []

    def finish(self) -> None:
        """Publishes, with an eye on every rename and removal."""
        replace, unlink = os.replace, Path.unlink

        def look() -> None:
            named = {
                item["image"].removeprefix("https://feeds.example.org/")
                for path in self.out.rglob("*.json")
                if "/." not in f"/{path.relative_to(self.out)}"  # the manifest and its parts
                for item in json.loads(path.read_bytes())["items"]
                if "feeds.example.org" in item.get("image", "")
            }
            self.seen.append({name for name in named if not (self.out / name).exists()})

        def replacing(path: str, target: str) -> None:
            replace(path, target)
            look()

        def unlinking(path: Path, missing_ok: bool = False) -> None:  # noqa: FBT001, FBT002
            unlink(path, missing_ok=missing_ok)
            look()

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "replace", replacing)
            patch.setattr(Path, "unlink", unlinking)
            super().finish()


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> list[set[str]]:
    monkeypatch.setattr("feeds.pipeline.output.Publisher", Watched)
    monkeypatch.setattr(Watched, "seen", [])
    return Watched.seen


def test_no_document_ever_names_a_copy_that_is_not_there(
    full: Site, watched: list[set[str]]
) -> None:
    drop(full, 3)
    (full.seeds / "1.txt").unlink()
    seed_with(full, 4, URLS[3], URLS[2])
    report = full.publish()
    assert (report.images_added, report.images_removed) == (1, 1)
    assert len(watched) > 10
    assert set().union(*watched) == set()


def test_resolver_shows_nothing_that_differs_from_what_was_measured(full: Site) -> None:
    (full.out / name_of(0)).unlink()
    os.utime(full.root / ".feeds/images" / name_of(0), (1, 1))
    with open_state(full.state, "pass", pytest.fail) as store:
        resolver = ImageResolver(store, full.load().config, store.feed_images())
        assert [resolver.can_show([name_of(number)]) for number in range(4)] == [
            *(False, True, True, False)
        ]
        assert resolver.present == {name_of(1), name_of(2)}
        assert resolver.links == set()
