"""What a Host header may be, without a socket."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.serve.rsgi import is_valid_host


@pytest.mark.parametrize(
    ("hosts", "version", "valid"),
    [
        ([], "1.1", False),
        ([], "1", True),
        (["a"], "1.1", True),
        (["a", "a"], "1", False),
        (["a" * 255], "1.1", True),
        (["a" * 256], "1.1", False),
        (["[2001:db8::1]:443"], "1.1", True),
        (["[1.2.3.4]"], "1.1", False),
        (["2001:db8::1"], "1.1", False),
        (["a\n"], "1.1", False),
    ],
)
def test_hosts_that_are_valid(hosts: Sequence[str], version: str, valid: bool) -> None:  # noqa: FBT001
    assert is_valid_host(hosts, version) is valid


@given(st.text(max_size=30))
def test_hosts_of_whatever_raise_nothing_and_have_one_name(text: str) -> None:
    if is_valid_host([text], "1.1"):
        assert text.isascii()
        assert not set(text) & set(' \t\r\n,/?#@\\"<>')
