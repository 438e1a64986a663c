"""The journal of objects: what it keeps, and what it makes of lines that a kill cut off."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from feeds.common.files import Fingerprint
from feeds.publish.journal import NAME, Journal, KnownObject, is_settled

ADDRESS = "s3://news/site/"
FILE = Fingerprint(1, 2, 3)
NOW = 1_000_000


def filled(folder: Path) -> None:
    """Writes the journal of a publication that came to its end: two objects, a third deleted."""
    with closing(Journal(folder, ADDRESS, "900")) as journal:
        journal.begin()
        for name in ("all.atom", "media/a.jpg", "all.rss"):
            journal.note(name, KnownObject(f'"{name}"', FILE))
        journal.forget("all.rss")
        journal.end('"manifest"', NOW)


def known(folder: Path, address: str = ADDRESS) -> dict[str, KnownObject]:
    with closing(Journal(folder, address, "900")) as journal:
        return journal.known


def test_journal_keeps_what_was_put(tmp_path: Path) -> None:
    filled(tmp_path)
    with closing(Journal(tmp_path, ADDRESS, "900")) as journal:
        assert journal.known == {
            name: KnownObject(f'"{name}"', FILE) for name in ("all.atom", "media/a.jpg")
        }
        assert (journal.manifest, journal.listed) == ('"manifest"', NOW)
        publisher = journal.publisher
    with closing(Journal(tmp_path, ADDRESS, "900")) as journal:
        assert journal.publisher == publisher


def test_journal_of_other_objects_is_empty(tmp_path: Path) -> None:
    filled(tmp_path)
    assert known(tmp_path, "s3://news/other/") == {}


def test_journal_of_other_headers_knows_the_objects_but_not_what_was_put(tmp_path: Path) -> None:
    filled(tmp_path)
    with closing(Journal(tmp_path, ADDRESS, "60")) as journal:
        assert journal.known["all.atom"] == KnownObject('"all.atom"')
        assert not journal.is_settled(NOW)  # so that all documents are compared


def test_journal_cut_off_anywhere_knows_no_more_than_was_put(tmp_path: Path) -> None:
    filled(tmp_path)
    data = (tmp_path / NAME).read_bytes()
    for size in range(len(data)):
        (tmp_path / NAME).write_bytes(data[:size])
        assert not is_settled(tmp_path, ADDRESS, NOW) or size == len(data) - 1
        with closing(Journal(tmp_path, ADDRESS, "900")) as journal:
            found = {name: journal.get(name) for name in ("all.atom", "all.rss", "media/a.jpg")}
            assert journal.known == {name: one for name, one in found.items() if one}
        for name, one in known(tmp_path).items():
            assert one == KnownObject(f'"{name}"', FILE)
    (tmp_path / NAME).write_bytes(b"\0" * 99)
    assert known(tmp_path) == {}


def test_journal_that_is_damaged_says_so(tmp_path: Path) -> None:
    filled(tmp_path)
    path = tmp_path / NAME
    path.write_bytes(path.read_bytes().replace(b'["media', b'{"media'))
    with pytest.raises(OSError, match=r"damaged .*: remove it"):
        known(tmp_path)


def test_journal_is_settled_for_a_day_after_an_end(tmp_path: Path) -> None:
    assert not is_settled(tmp_path, ADDRESS, NOW)
    filled(tmp_path)
    assert is_settled(tmp_path, ADDRESS, NOW + 86_399)
    for address, now in [("s3://news/", NOW), (ADDRESS, NOW + 86_400), (ADDRESS, NOW - 1)]:
        assert not is_settled(tmp_path, address, now)
    with closing(Journal(tmp_path, ADDRESS, "900")) as journal:
        journal.begin()
        assert not is_settled(tmp_path, ADDRESS, NOW)


def test_journal_that_is_mostly_past_is_written_anew(tmp_path: Path) -> None:
    filled(tmp_path)
    with closing(Journal(tmp_path, ADDRESS, "900")) as journal:
        for number in range(5000):
            journal.note("all.atom", KnownObject(str(number), FILE))
    assert known(tmp_path)["all.atom"].etag == "4999"
    assert len((tmp_path / NAME).read_bytes().splitlines()) == 4
    assert set(known(tmp_path)) == {"all.atom", "media/a.jpg"}
