"""Entries by patterns are as lxml writes them; those taken over as if they were rendered again."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lxml import etree
from msgspec.structs import replace

from feeds.common.media import Picture
from feeds.common.model import Document, Image, Item, Provider, Related
from feeds.render import atom, rss
from feeds.render.context import Pages
from feeds.render.context import Site as RenderSite
from feeds.render.documents import RenderJob, feed_key, render_feed, render_job
from feeds.render.entries import DIGEST_SIZE, Cut, Reuse, reuse_of
from tests.support.rendering import HOSTILE_LINE, RENDER_SITE, make_item, render_items, select_items
from tests.support.spying import spy

SITE = replace(RENDER_SITE, hubs=("https://hub.example.org/",), logo="https://e.org/l.png")
TIME = datetime(2026, 2, 3, tzinfo=UTC)
# What would end or begin an entry, if it were not escaped.
CUTS = [
    "\n  </entry>\n  <entry>\n",
    "\n    </item>",
    "\n</article>\n\n<article",
    '},\n    {\n"id":',
]
TEXT = HOSTILE_LINE | st.sampled_from(["plain", *CUTS])

ITEMS = st.builds(
    lambda number, story, host, **changes: make_item(
        number,
        images=(Image(f"https://{host}/1.png", 1, 2, "A", cached=True),) if host else (),
        related=(Related(story, "https://e.example/1", 9, TIME, story),),
        **changes,
    ),
    number=st.integers(1, 4),
    story=TEXT,
    host=st.sampled_from(["", "a.example", "b.example"]),
    title=TEXT,
    excerpt=st.just("") | TEXT,
    body=st.sampled_from(["", "<p>1</p>", "<pre>\n  &lt;entry&gt;\n</pre>"]),
    topics=st.lists(TEXT, max_size=2, unique=True).map(tuple),
    provider=st.builds(Provider, TEXT, st.just("p.example")),
)
FEEDS = st.lists(ITEMS, max_size=5, unique_by=lambda item: item.id)
OWN = "{% macro article(entry, level, dated, first) %}<p>{{ entry.title }}</p>{% endmacro %}"
SITES = st.sampled_from(
    [
        SITE,
        replace(SITE, pages=Pages(), media_url="https://a.example/"),
        replace(SITE, pages=Pages(templates=(("entry.html", OWN),))),
    ]
)


def publish(out: Path, documents: list[Document]) -> None:
    for one in documents:
        (out / one.path).write_bytes(one.data)


def reader(out: Path) -> Callable[[str], bytes]:
    return lambda path: (out / path).read_bytes()


def rendered_again(
    out: Path, site: RenderSite, before: list[Item], now: list[Item]
) -> tuple[list[Document], list[Document], Reuse | None]:
    """Publishes a feed, and renders it with other items: with `Reuse`, without, and that itself."""
    old, new = select_items(before), select_items(now)
    publish(out, render_feed(site, old, dict(enumerate(before, 1))))
    reuse = reuse_of(feed_key(site, old), feed_key(site, new))
    items = dict(enumerate(now, 1))
    whole = render_feed(site, new, items)
    return render_feed(site, new, items, {}, reuse and (reuse, reader(out))), whole, reuse


@settings(max_examples=settings().max_examples * 3 // 2)
@given(SITES, FEEDS, st.data())
def test_documents_have_the_bytes_of_those_that_are_rendered_whole(
    site: RenderSite, before: list[Item], data: st.DataObject
) -> None:
    kept = data.draw(st.lists(st.sampled_from(before), unique=True) if before else st.just([]))
    fresh = [one for one in data.draw(FEEDS) if one.id not in {item.id for item in kept}]
    now = data.draw(st.permutations(kept + fresh))
    with tempfile.TemporaryDirectory() as folder:
        documents, whole, reuse = rendered_again(Path(folder), site, before, now)
    assert documents == whole
    unchanged = {item for item in now if item in before}
    assert (reuse is not None) == (len(now) > 1 and bool(unchanged))


def test_entries_that_did_not_change_are_not_rendered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = [make_item(number) for number in range(1, 5)]
    now = [before[0], replace(before[1], title="Renamed"), *before[2:]]
    old, new = select_items(before), select_items(now)
    publish(tmp_path, render_feed(SITE, old, dict(enumerate(before, 1))))
    reuse = reuse_of(feed_key(SITE, old), feed_key(SITE, new))
    entries = spy(monkeypatch, atom, "_entry")
    assert reuse
    render_feed(SITE, new, dict(enumerate(now, 1)), {}, (reuse, reader(tmp_path)))
    assert [view.item.title for view, _ in entries] == ["Renamed"]


def test_entry_whose_image_came_is_rendered(tmp_path: Path) -> None:
    items = [make_item(n, images=(Image(f"https://i/{n}.png", cached=True),)) for n in (1, 2)]
    selected, numbered = select_items(items), dict(enumerate(items, 1))
    publish(tmp_path, render_feed(SITE, selected, numbered))
    pictures = {2: [Picture("https://i/2.png", "media/ab/ab.png", "image/png", 7, 8, 9)]}
    keys = feed_key(SITE, selected), feed_key(SITE, selected, pictures)
    reuse = reuse_of(*keys)
    assert reuse
    assert reuse.places == [0, None]
    documents = render_feed(SITE, selected, numbered, pictures, (reuse, reader(tmp_path)))
    assert documents == render_feed(SITE, selected, numbered, pictures)


@pytest.mark.parametrize("title", ["All stories", "Renamed"])
def test_nothing_is_taken_from_documents_of_another_site_or_feed(title: str) -> None:
    items = [make_item(1), make_item(2)]
    old, new = select_items(items), select_items(items[::-1], title=title)
    keys = feed_key(SITE, old), feed_key(replace(SITE, title="Other"), new)
    assert reuse_of(*keys) is None
    assert (reuse_of(keys[0], feed_key(SITE, new)) is None) == (title == "Renamed")


def test_key_of_before_entries_had_digests_of_their_own_gives_nothing_to_take_over() -> None:
    key = feed_key(SITE, select_items([make_item(1), make_item(2)]))
    assert reuse_of(b"", key) is None
    assert reuse_of(b"x" * 32, key) is None


def test_something_is_always_rendered_since_an_empty_document_may_look_different() -> None:
    one, two, three = (bytes([number]) * DIGEST_SIZE for number in range(3))
    assert reuse_of(one + two + three, one + three + two) == Reuse([None, 0], 2)
    assert reuse_of(one + two + three, one + two) is None
    assert reuse_of(one + two, one) is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-200]),
        lambda path: path.write_bytes(path.read_bytes() * 2),
    ],
    ids=["missing", "empty", "cut off", "twice"],
)
@pytest.mark.parametrize("extension", ["atom", "rss", "json", "html"])
def test_feed_whose_published_document_is_damaged_is_rendered_whole(
    tmp_path: Path, extension: str, damage: Any
) -> None:
    site, before = replace(SITE, pages=Pages()), [make_item(1), make_item(2)]
    now = [make_item(3), *before]
    old, new = select_items(before), select_items(now)
    publish(tmp_path, render_feed(site, old, dict(enumerate(before, 1))))
    damage(tmp_path / f"all.{extension}")
    reuse = reuse_of(feed_key(site, old), feed_key(site, new))
    items = {number: msgspec.msgpack.encode(item) for number, item in enumerate(now, 1)}
    assert reuse
    whole = render_job(RenderJob(site, new, items))
    assert render_job(RenderJob(site, new, items, {}, reuse), reader(tmp_path)) == whole


@pytest.mark.parametrize(
    "data", [b"", b"head", b"head<e>1", b"head<e>1</e>\n<e>2</e>tail", b"head</e>1<e>tail"]
)
def test_cut_refuses_what_has_no_entries_in_a_row(data: bytes) -> None:
    with pytest.raises(ValueError, match="not in a row"):
        Cut(b"<e>", b"</e>").parts(data)


def test_cut_finds_the_entries() -> None:
    cut = Cut(b"<e>", b"</e>", b",")
    assert cut.parts(b"head<e>1</e>,<e>2</e>tail") == (b"head", [b"1", b"2"], b"tail")


_URL = "https://example.com/?a='1'&b=%(url)s"
# "<" and "&" have spellings of their own in titles and topics of RSS.
_PLAIN = HOSTILE_LINE.map(lambda text: text.replace("<", "%").replace("&", '"'))


@given(
    line=HOSTILE_LINE,
    plain=_PLAIN,
    counts=st.tuples(*[st.integers(0, 4)] * 2),
    sizes=st.tuples(st.sampled_from([0, 9]), st.sampled_from([0, 7])),
)
@example(line="%(id)s % 'a' \"b\" > \\", plain='%s"', counts=(2, 2), sizes=(9, 7))
@example(line="x", plain="-", counts=(0, 0), sizes=(0, 0))
def test_entries_are_as_lxml_writes_them(
    line: str, plain: str, counts: tuple[int, int], sizes: tuple[int, int]
) -> None:
    item = make_item(
        title=plain,
        url=_URL,
        original_url=_URL + "&c" * counts[0],
        provider=Provider(line, "example.com"),
        excerpt=line if counts[1] else "",
        body=f'<p title="{plain}">\t{line}\r\n</p>',
        topics=tuple(f"{plain}{number}" for number in range(counts[0])),
        images=(Image(_URL, *sizes, line, cached=True),) * min(counts[1], 1),
        related=tuple(Related(line, f"{_URL}{number}") for number in range(counts[1])),
    )
    documents = render_items(item, item)
    for extension in (atom.EXTENSION, rss.EXTENSION):
        tree = etree.fromstring(documents[extension]).getroottree()
        written = etree.tostring(tree, encoding="UTF-8", xml_declaration=True)
        assert documents[extension].rstrip() == written


@pytest.mark.parametrize("pattern", [atom._pattern, rss._pattern], ids=["atom", "rss"])
def test_one_entry_of_each_form_is_written_by_feedgen(pattern: object) -> None:
    pattern.cache_clear()  # type: ignore[attr-defined]
    render_items(*(make_item(number, title=f"{number}") for number in range(1, 9)))
    render_items(make_item(9, excerpt="More", topics=("a", "b", "c")))
    assert pattern.cache_info().misses == 2  # type: ignore[attr-defined]
