"""What is read of a request, and what a Host header may be, without a socket."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.serve.messages import Request
from feeds.serve.negotiation import is_valid_host, request_of
from tests.support.rsgi import FakeScope


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


def read(**headers: list[str]) -> Request:
    scope: Any = FakeScope("/all.atom?a=b", "GET", headers)
    return request_of(scope)


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("accept_encoding", "encodings"),
        ("if_match", "match"),
        ("if_none_match", "none_match"),
        ("if_modified_since", "since"),
        ("if_unmodified_since", "unmodified_since"),
        ("range", "range"),
        ("if_range", "if_range"),
        ("a_im", "a_im"),
    ],
)
def test_request_has_the_lines_of_a_header_joined_or_none(header: str, field: str) -> None:
    bare = Request("GET", "/all.atom", "a=b")
    joined: dict[str, Any] = {field: "x, y"}
    unreadable: dict[str, Any] = {field: ""}  # granian gives no line that is not ASCII
    assert read() == bare
    assert read(**{header: ["x", "y"]}) == bare._replace(**joined)
    assert read(**{header: []}) == bare._replace(**unreadable)


def test_request_tells_browsers_and_hosts() -> None:
    assert read(accept=["text/html"]).browser
    assert not read(accept=["text/html", "application/atom+xml"]).browser
    assert not read(host=["a", "b"]).host
