"""The files of out/ that are served."""

from __future__ import annotations

import pytest

from feeds.common.slugs import QUERY_MARK
from feeds.serve.body_cache import BodyCache
from feeds.serve.publication import (
    NOTHING,
    ReplacedError,
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
    assert set(first.texts) == set(site.documents())
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


def test_publication_links_the_index_alone_to_the_form_for_queries(site: Site) -> None:
    site.seed()
    site.publish()
    for path in ("index.html", "all.html"):
        published = site.out / path
        published.write_bytes(f"<p {QUERY_MARK}>a</p><p {QUERY_MARK}>b</p>".encode())
    link = b'<p><a href="query">Make a feed of your own</a> a</p>'
    found = read_text(site.out, "index.html")
    assert found is not None
    assert found[1] == link + f"<p {QUERY_MARK}>b</p>".encode()
    other = read_text(site.out, "all.html")
    assert other is not None
    assert other[1] == (site.out / "all.html").read_bytes()
