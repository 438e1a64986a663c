"""feeds.common.text: what is left of text that comes from outside."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

import ftfy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from feeds.common.text import clean_block, clean_line, fold

# What makes a text hard: white space, controls, surrogates, noncharacters, combining and invisible
# characters, mojibake of one and of several rounds, and the marks that typographers love.
_PIECES = (
    *(" ", "\t", "\r\n", "\u2028", "\xa0", "\u3000", "\x00", "\x0b", "\x0c", "\x1f", "\x7f"),
    *("\x85", "\x9f", "\ud800", "\udfff", "\ufdd0", "\ufffd", "\ufffe", "\uffff", "\U0001fffe"),
    *("e\u0301", "\u0301", "\u0958", "\u1100\u1161", "\u200b", "\u202e", "\U0001f600"),
    *("â€œ", "â€\x9d", "Ã©", "ÃƒÂ©", "Â", "’", "“", "—", "…", "<b>", "&amp;", "a", "Z", "9"),
)
_TEXT = st.lists(st.sampled_from(_PIECES) | st.text(max_size=5), max_size=12).map("".join)
_LOST = re.compile("[\x7f-\x9f\ufffd]")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        pytest.param("plain", "plain", id="plain"),
        pytest.param("a   b", "a b", id="spaces"),
        pytest.param("  a  b\t\tc\r\nd\n ", "a b c d", id="white-space"),
        pytest.param("a\u2028b\u2029c", "a b c", id="line-separators"),
        pytest.param("a \n", "a", id="ascii-with-a-line-break"),
        pytest.param("Ca\u0301fe\u0301", "C\xe1f\xe9", id="nfc-composes"),
        pytest.param("\u212b\u1100\u1161", "\xc5\uac00", id="nfc-singletons-and-hangul"),
        pytest.param("a\x00\x08\x0e\x1fb", "ab", id="controls"),
        pytest.param("a\ud800b\udfffc", "abc", id="lone-surrogates"),
        pytest.param("a\ufffe\uffff\ufdd0\U0010ffffb", "ab", id="noncharacters"),
        pytest.param("a\ufffdb", "ab", id="replacement-character"),
        pytest.param("e\x00\u0301", "\xe9", id="nfc-after-removal"),
        pytest.param("\x00\ud800\ufffe", "", id="nothing-left"),
        pytest.param("\U0001f469\u200d\U0001f4bb", "\U0001f469\u200d\U0001f4bb", id="emoji"),
        pytest.param("<b>T</b> &amp; AT&T", "<b>T</b> &amp; AT&T", id="markup-is-plain-text"),
        pytest.param("“it’s” — fine…", "“it’s” — fine…", id="typography-stays"),
        pytest.param("â€œis the right", "“is the right", id="mojibake-of-a-real-seed"),
        pytest.param("Itâ€™s CafÃ©", "It’s Café", id="mojibake"),
        pytest.param("CafÃƒÂ©", "Café", id="mojibake-twice"),
        pytest.param("Ação: não à SÃO PAULO", "Ação: não à SÃO PAULO", id="portuguese-stays"),
    ],
)
def test_clean_line_gives_one_line_fit_for_every_document(text: str, wanted: str) -> None:
    assert clean_line(text, repair=True) == wanted


def test_clean_line_without_repair_keeps_mojibake_and_cleans_the_rest() -> None:
    assert clean_line("  Itâ€™s\x00  e\u0301 ", repair=False) == "Itâ€™s é"


def test_clean_block_keeps_lines_and_indentation() -> None:
    text = "# Ti\x00tle\n\n    co\x0bde  x\n\tCafe\u0301 â€œq\n"
    assert clean_block(text, repair=True) == "# Title\n\n    code  x\n\tCafé “q\n"


@pytest.mark.parametrize("repair", [True, False], ids=["repair", "no-repair"])
@pytest.mark.parametrize("clean", [clean_line, clean_block])
@given(text=_TEXT)
def test_clean_gives_xml_characters_in_nfc_only(
    clean: Callable[..., str], *, repair: bool, text: str
) -> None:
    cleaned = clean(text, repair=repair)
    etree.Element("e").text = cleaned  # raises for what XML 1.0 forbids
    cleaned.encode()
    assert unicodedata.is_normalized("NFC", cleaned)
    assert not _LOST.search(cleaned)
    if clean is clean_line:
        assert cleaned == cleaned.strip()
        assert not re.search("[\t\r\n\u2028\u2029]|  ", cleaned)


@given(text=_TEXT)
def test_clean_twice_changes_nothing_more(text: str) -> None:
    once = clean_line(text, repair=False)
    assert clean_line(once, repair=False) == once


@given(text=st.text(alphabet="a Zs‘’“”–—…", max_size=12))
def test_ftfy_has_nothing_to_do_where_it_is_spared(text: str) -> None:
    assert ftfy.fix_encoding(text) == text
    assert clean_line(f"x{text}x", repair=True) == clean_line(f"x{text}x", repair=False)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("Computer  Vision", " computer\tVISION ", id="case-and-white-space"),
        pytest.param("STRASSE", "straße", id="full-case-folding"),
        pytest.param("ΣΊΣΥΦΟΣ", "σίσυφος", id="final-sigma"),
        pytest.param("A\xa0B", "a b", id="no-break-space"),
    ],
)
def test_fold_makes_names_equal_that_people_hold_for_one(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@pytest.mark.parametrize(
    ("one", "other"), [("AI", "A I"), ("C", "C++"), ("Cafe", "Café"), ("İ", "I")]
)
def test_fold_keeps_other_names_apart(one: str, other: str) -> None:
    assert fold(one) != fold(other)
