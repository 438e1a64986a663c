"""The search index beside the state file."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from feeds.common.media import image_key
from feeds.store.search import SearchIndex, SearchRequest, TooLongError
from tests.support.imaging import picture, seed_with
from tests.support.site import NOW, Site

ALL = SearchRequest((), (), 0, "", 50)


def titles(index: SearchIndex, site: Site) -> list[str]:
    index.edition(site.state)
    found = index.find(ALL, 9)
    return [found.items[entry.number].title for entry in found.entries]


def test_index_that_is_damaged_is_made_anew(site: Site, tmp_path: Path) -> None:
    site.seed()
    site.publish()
    path, said = tmp_path / "search.db", list[str]()
    SearchIndex(path, said.append).close()
    path.write_bytes(b"SQLite format 3\0" + b"x" * 5000)
    index = SearchIndex(path, said.append)
    assert titles(index, site) == ["Story 1"]
    index.close()
    assert said == []
    again = SearchIndex(path, said.append)
    before = again.edition(site.state)
    assert titles(again, site) == ["Story 1"]
    site.publish(NOW + timedelta(minutes=1))
    assert again.edition(site.state).number == before.number
    again.close()


def test_index_without_a_state_file_finds_nothing(site: Site, tmp_path: Path) -> None:
    said: list[str] = []
    index = SearchIndex(tmp_path, said.append)  # a folder: nothing can be written there
    assert titles(index, site) == []
    assert "kept in memory" in said[0]
    index.close()


def test_index_stops_a_search_that_takes_too_long(site: Site, tmp_path: Path) -> None:
    for number in range(300):
        site.seed(f"{number}.txt", number=number + 1)
    site.publish()
    index = SearchIndex(tmp_path / "search.db", pytest.fail)
    index.edition(site.state)
    with pytest.raises(TooLongError):
        index.find(ALL._replace(limit=300), -1)
    assert len(index.find(ALL._replace(limit=300), 9).entries) == 300
    index.close()


def test_index_names_those_copies_alone_that_a_document_shows(site: Site, tmp_path: Path) -> None:
    site.configure('[images]\nfetch = "off"\n[selection]\nmax_items = 1\nexposure = "0s"\n')
    seed_with(site, 1)
    names = {}
    for number in (2, 3):
        url = f"https://images.example.com/{number}.jpg"
        key = image_key(url)
        seed_with(site, number, url)
        names[number] = f"media/{key[:2]}/{key}.jpg"
        copy = site.root / ".feeds/images" / names[number]
        copy.parent.mkdir(parents=True)
        copy.write_bytes(picture())
    site.publish()
    index = SearchIndex(tmp_path / "search.db", pytest.fail)
    index.edition(site.state)
    found = index.find(ALL, 9)
    index.close()
    by_title = {found.items[number].title: images for number, images in found.images.items()}
    assert {title: [one.name for _, one in images] for title, images in by_title.items()} == {
        "Story 2": [""],
        "Story 3": [names[3]],
    }
    assert len(found.entries) == 3


def test_index_says_what_is_wrong_with_words_that_are_none(site: Site, tmp_path: Path) -> None:
    index = SearchIndex(tmp_path / "search.db", pytest.fail)
    index.edition(site.state)
    with pytest.raises(sqlite3.OperationalError, match="unterminated string"):
        index.find(ALL._replace(words='"'), 9)
    index.close()
