"""feeds.common.languages: tags that are registered, and what is not of the others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.common.languages import unregistered


@pytest.mark.parametrize(
    "tag",
    [
        *("en", "en-GB", "EN-gb", "de-CH-1996", "sr-Latn-RS", "zh-cmn-Hans-CN", "zh-yue", "es-419"),
        *("ca-valencia", "sl-rozaj-biske", "iw", "de-DD", "qaa", "de-Qaaa", "und", "en-001"),
        *("x-foo", "en-x-a-b", "en-a-bbb-x-y", "en-US-u-ca-gregory", "i-klingon", "en-GB-oed"),
    ],
)
def test_tag_is_registered(tag: str) -> None:
    assert unregistered(tag) == ""


@pytest.mark.parametrize(
    ("tag", "fault"),
    [
        ("en-UK", "'UK' is not a registered region (the United Kingdom is GB)"),
        ("en-999", "'999' is not a registered region"),
        ("zz", "'zz' is not a registered language"),
        ("eng", "'eng' is not a registered language"),
        ("english", "'english' is not a registered language"),
        ("i-foo", "'i' is not a registered language"),
        ("", "'' is not a registered language"),
        ("de-Abcd", "'Abcd' is not a registered script"),
        ("en-foobar", "'foobar' is not a registered variant"),
        ("de-1996-1996", "'1996' stands twice"),
        ("en-GB-GB", "'gb' is out of place"),
        ("en-GB-Latn", "'latn' is out of place"),
        ("en-cmn", "'cmn' is out of place"),
        ("en-", "'' is out of place"),
        ("en-u-co-u-ca", "'u' is out of place"),
        ("en-a", "nothing follows 'a'"),
        ("x", "nothing follows 'x'"),
        ("en-x", "nothing follows 'x'"),
    ],
)
def test_tag_is_not_registered_and_this_is_why(tag: str, fault: str) -> None:
    assert unregistered(tag) == fault


@given(st.text() | st.from_regex(r"[a-zA-Z0-9-]{0,30}", fullmatch=True))
def test_any_text_is_judged(tag: str) -> None:
    assert isinstance(unregistered(tag), str)
