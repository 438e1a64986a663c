"""The files of out/ that are served."""

from __future__ import annotations

import zlib

import pytest

from feeds.common.slugs import QUERY_MARK
from feeds.serve.messages import _OVERHEAD, BodyCache, digest_of
from feeds.serve.negotiation import CODINGS
from feeds.serve.publication import (
    NOTHING,
    ReplacedError,
    is_served,
    read_publication,
    read_text,
    read_version,
)
from tests.support.site import Site


def test_publication_reads_only_what_changed(site: Site) -> None:
    site.seed()
    site.publish()
    bodies = BodyCache(1 << 20)
    first = read_publication(site.out, NOTHING, bodies)
    assert first.texts.keys() | first.media == set(site.documents())
    held = first.texts["all.atom"]
    assert bodies.look(held.digest, "") == site.read("all.atom")
    assert held.modified_unix == int((site.out / "all.atom").stat().st_mtime)
    again = read_publication(site.out, first, BodyCache(0))
    assert all(again.texts[path] is one for path, one in first.texts.items())
    assert read_version(site.out, "all.atom", held.digest) == site.read("all.atom")
    (site.out / "all.atom").write_bytes(b"other")
    with pytest.raises(ReplacedError):
        read_version(site.out, "all.atom", held.digest)
    (site.out / "all.rss").unlink()
    assert "all.rss" not in read_publication(site.out, first, bodies).texts


def test_publication_shows_what_is_for_servers_with_queries(site: Site) -> None:
    site.seed()
    site.publish()
    menu = f'<li hidden {QUERY_MARK}-to="../query" {QUERY_MARK}-text="Go" {QUERY_MARK}></li>'
    marked = f"<p {QUERY_MARK}>a</p><form hidden {QUERY_MARK}>b</form>{menu}".encode()
    shown = (
        b'<p><a href="query">Make a feed of your own</a> a</p><form>b</form>'
        b'<li><a href="../query">Go</a> </li>'
    )
    for path, wanted in (("feeds.html", shown), ("all.html", shown), ("all.atom", marked)):
        (site.out / path).write_bytes(marked)
        found = read_text(site.out, path)
        assert found is not None
        assert found[1] == wanted


def test_publication_calls_the_form_as_the_page_does(site: Site) -> None:
    site.configure('language = "de"\n')
    site.seed()
    site.publish()
    found = read_text(site.out, "feeds.html")
    assert found is not None
    assert b'<p class="others"><a href="query">Einen eigenen Feed machen</a> <a' in found[1]


def never() -> bytes:
    pytest.fail("read again")


def test_bodies_are_made_once_and_stay_within_the_limit() -> None:
    bodies, evicted = BodyCache(20_000), []
    bodies.on_evict = lambda: evicted.append(1)
    data = bytes(range(256)) * 20
    digest = digest_of(data)
    for coding in CODINGS:
        assert bodies.get(digest, coding, lambda: data) == bodies.get(digest, coding, never)
    assert zlib.decompress(bodies.get(digest, "gzip", never), 31) == data
    assert not evicted
    for number in range(10):
        bodies.put(str(number), "", data)
        assert bodies.size <= bodies.limit
    assert evicted
    assert bodies.look("9", "") == data
    assert bodies.look(digest, "gzip") is None
    bodies.put("large", "", bytes(30_000))
    assert bodies.look("large", "") is None
    bodies.drop({str(number) for number in range(10)})
    assert bodies.size == 0


def test_bodies_fill_their_limit_to_the_byte_and_the_least_used_goes() -> None:
    bodies = BodyCache(3 * (_OVERHEAD + 10))
    for name in ("a", "b", "c"):
        bodies.put(name, "", bytes(10))
    assert bodies.size == bodies.limit
    assert bodies.look("a", "") is not None  # so b is the one that was not used for longest
    bodies.put("d", "", bytes(10))
    assert [name for name in "abcd" if bodies.look(name, "") is not None] == ["a", "c", "d"]
    bodies.put("d", "", bytes(5))
    assert bodies.size == bodies.limit - 5
    whole = BodyCache(_OVERHEAD + 10)
    whole.put("x", "", bytes(10))
    assert whole.size == whole.limit
    whole.put("x", "", bytes(11))  # takes the place of the old, and has no room itself
    assert (whole.look("x", ""), whole.size) == (None, 0)


@pytest.mark.parametrize(
    ("path", "served"),
    [
        ("all.atom", True),
        (".feeds-manifest.json", False),
        (".feeds-manifest/00.json", False),
        ("topics/.x/a.atom", False),
        ("all.atom.gz", False),
        ("all.atom.br", False),
        ("other.gz", True),
    ],
)
def test_files_of_ours_are_served_unless_they_are_hidden_or_copies(
    path: str,
    served: bool,  # noqa: FBT001
) -> None:
    assert is_served(path) is served
