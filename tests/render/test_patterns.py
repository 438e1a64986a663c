"""Entries by patterns are as lxml writes them, whatever their texts hold."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from lxml import etree

from feeds.common.model import Image, Provider, Related
from feeds.render import atom, rss
from tests.support.rendering import HOSTILE_LINE, make_item, render_items

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
