"""feeds.seeds.frontmatter: the bytes of a seed to its fields and its body."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.seeds.frontmatter import FrontMatter, split
from feeds.seeds.yaml_reader import YamlError

_BLOB = "wmN1XUkAeqeLw74hJAUdxFhxipbSYo35MMIBJs1M"


@pytest.mark.parametrize(
    ("text", "mapping", "body"),
    [
        pytest.param("---\na: b\n---\n", {"a": "b"}, "", id="no-body"),
        pytest.param("---\na: b\n---", {"a": "b"}, "", id="no-line-break-at-the-end"),
        pytest.param("---\na: b\n---\nText\n", {"a": "b"}, "Text\n", id="body"),
        pytest.param("---\na: b\n---\n\n\nText", {"a": "b"}, "\n\nText", id="blank-lines"),
        pytest.param("--- \t\na: b\n---  \nText", {"a": "b"}, "Text", id="white-space-after"),
        pytest.param("---\na: b\n---\nc\n---\nd: e", {"a": "b"}, "c\n---\nd: e", id="rule-in-body"),
        pytest.param("---\na: b\n---\nc\n\ufeff---\n", {"a": "b"}, "c\n\ufeff---\n", id="bom"),
        pytest.param("---\na: |\n  ---\n  b\n---\nc", {"a": "---\nb\n"}, "c", id="indented-fence"),
        pytest.param("---\na: b\n----\n---\n", None, "", id="four-dashes-are-no-fence"),
        pytest.param("---\n{}\n---\n", {}, "", id="empty-mapping"),
    ],
)
@pytest.mark.parametrize("breaks", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("bom", ["", "\ufeff"], ids=["no-BOM", "BOM"])
@pytest.mark.parametrize("all_yaml", [False, True], ids=["txt", "yaml"])
def test_split_takes_front_matter_and_body_apart(
    *, text: str, mapping: dict[str, str] | None, body: str, breaks: str, bom: str, all_yaml: bool
) -> None:
    data = (bom + text.replace("\n", breaks)).encode()
    if mapping is None:
        with pytest.raises(YamlError):
            split(data, all_yaml=all_yaml)
    else:
        front = split(data, all_yaml=all_yaml)
        assert (front.mapping, front.body) == (mapping, body)


@pytest.mark.parametrize(
    "text",
    ["a: b", "a: b\n", "---\na: b\n", "---\na: b\n...\n", "%YAML 1.1\n---\na: b\n", "\n# c\na: b"],
)
def test_split_takes_yaml_as_a_whole_only_from_yaml_files(text: str) -> None:
    front = split(text.encode(), all_yaml=True)
    assert (front.mapping, front.body) == ({"a": "b"}, "")
    with pytest.raises(YamlError):
        split(text.encode(), all_yaml=False)


@pytest.mark.parametrize(
    ("data", "line", "column", "reason"),
    [
        pytest.param(b"", 1, 1, "no front matter", id="empty-file"),
        pytest.param(b"a: b\n", 1, 1, "no front matter: wanted '---' as the first", id="no-fence"),
        pytest.param(b"\n---\na: b\n---\n", 1, 1, "no front matter", id="blank-line-first"),
        pytest.param(b"---\na: b\n", 1, 1, "not closed: wanted a second", id="not-closed"),
        pytest.param(b"---", 1, 1, "not closed", id="fence-alone"),
        pytest.param(b"---\n---\n", 2, 1, "found nothing, wanted 'key: value'", id="nothing"),
        pytest.param(b"---\n# c\n---\n", 2, 1, "found nothing", id="comment"),
        pytest.param(b"---\n- a\n---\n", 2, 1, "found a list", id="list"),
        pytest.param(b"---\na\n---\n", 2, 1, "found plain text", id="text"),
        pytest.param(b"---\na: b\nc: [\n---\n", 4, 1, "not valid YAML", id="broken"),
        pytest.param(b"---\na: 1\nb: &x 2\n---\n", 3, 4, "anchors", id="anchor"),
        pytest.param(b"\xef\xbb\xbf---\r\na: 1\r\na: 2\r\n---\r\n", 3, 1, "twice", id="bom-crlf"),
        pytest.param(b"---\na: b\xff\n---\n", 2, 5, "not UTF-8: byte 0xff at byte 5", id="byte-ff"),
        pytest.param("---\na: é\nb: ".encode() + b"\xc3\x28", 3, 4, "not UTF-8", id="cut-sequence"),
        pytest.param("---\na: b\n---\né".encode()[:-1], 4, 1, "not UTF-8", id="cut-at-the-end"),
        pytest.param("---\na: é\n---\n".encode("latin-1"), 2, 4, "not UTF-8", id="latin-1"),
        pytest.param("---\na: b\n---\n".encode("utf-16"), 1, 1, "not UTF-8: byte 0xff", id="utf16"),
        pytest.param(b"---\na: \xed\xa0\x80\n---\n", 2, 4, "not UTF-8", id="surrogate-in-bytes"),
        pytest.param(b"---\na: \xc0\x80\n---\n", 2, 4, "not UTF-8", id="overlong-nul"),
    ],
)
def test_split_refuses_with_line_and_column_in_the_file(
    data: bytes, line: int, column: int, reason: str
) -> None:
    with pytest.raises(YamlError) as caught:
        split(data, all_yaml=False)
    assert reason in caught.value.reason
    assert (caught.value.line, caught.value.column) == (line, column)


@pytest.mark.parametrize("second", ["a: c\n", "b: c\n---\n", "{}\n", "secured: x\n", "# c\nb: c"])
def test_split_refuses_a_second_document_in_a_yaml_file(second: str) -> None:
    with pytest.raises(YamlError, match="a second document is not allowed") as caught:
        split(f"---\na: b\n---\n{second}".encode(), all_yaml=True)
    assert (caught.value.line, caught.value.column) == (3, 1)


@pytest.mark.parametrize(
    "body",
    [
        f"secured: {_BLOB}",
        f'\n"secured" : {_BLOB}\n',
        f"Text\n\n  secured: {_BLOB}\n---\n",
        f"```\n'secured':{_BLOB}\n```",
        f"> secured: {_BLOB}\n",
        f"- secured: {_BLOB}\n",
        f"secured: |2-\n  {_BLOB[:20]}\n  {_BLOB[20:]}\n",
    ],
)
@pytest.mark.parametrize("all_yaml", [False, True], ids=["txt", "yaml"])
def test_split_refuses_a_body_with_the_secured_field(*, body: str, all_yaml: bool) -> None:
    with pytest.raises(YamlError, match=r"secured|second document") as caught:
        split(f"---\na: b\n---\n{body}".encode(), all_yaml=all_yaml)
    assert caught.value.line >= 3


@pytest.mark.parametrize(
    "body",
    ["The deal secured: a win. Nothing is secured.\n", "secured: x\n", "- secured: 5 million\n"],
)
def test_split_lets_a_body_speak_of_secured_things(body: str) -> None:
    assert split(f"---\na: b\n---\n{body}".encode(), all_yaml=False).body == body


@pytest.mark.parametrize("sign", ["\x00", "\x0b", "\x1b", "\x7f", "\x9f", "\ufffe", "\ufeff"])
def test_split_passes_over_raw_characters_that_yaml_forbids(sign: str) -> None:
    # They are removed from text anyway; one of them from a scraper must not cost the story.
    front = split(f"---\na: b{sign}c\nd: e\n---\nf".encode(), all_yaml=False)
    assert front.mapping["a"].replace("\ufeff", "") == "bc"
    assert front.mapping["d"] == "e"


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (("a",), (2, 4)),
        (("b", 0, "c"), (4, 8)),
        (("b", 0, "missing"), (4, 5)),
        (("b", 7, "c"), (4, 3)),
        (("missing", "deeper", 3), (2, 1)),
        ((), (2, 1)),
    ],
)
def test_place_is_that_of_the_value_or_of_what_it_would_stand_in(
    path: tuple[str | int, ...], place: tuple[int, int]
) -> None:
    front = split(b"---\na: 1\nb:\n  - c: 2\n---\n", all_yaml=False)
    assert front.place(path) == place


def test_place_counts_from_the_first_line_in_a_file_all_of_yaml() -> None:
    front = split(b"a: 1\nb: 2\n", all_yaml=True)
    assert front.place(("b",)) == (2, 4)


@pytest.mark.parametrize("sign", ["\x85", "\u2028", "\u2029"])
def test_place_counts_lines_as_editors_do(sign: str) -> None:
    front = split(f'---\na: "b{sign}c"\nd: e\n---\n'.encode(), all_yaml=False)
    assert front.place(("d",)) == (3, 4)


@given(
    data=st.binary(max_size=60)
    | st.lists(
        st.sampled_from([b"---", b"\n", b"\r", b"a: b", b"- ", b"\xef\xbb\xbf", b" ", b"\xff"]),
        max_size=12,
    ).map(b"".join),
    all_yaml=st.booleans(),
)
def test_split_of_any_bytes_gives_a_mapping_or_a_yaml_error(*, data: bytes, all_yaml: bool) -> None:
    result = _attempt(data, all_yaml=all_yaml)
    if isinstance(result, YamlError):
        assert 0 <= result.line <= len(data.splitlines()) + 2
        assert result.reason
    else:
        assert result.place(("missing",))[0] >= 1
        assert result.body in data.decode().replace("\r\n", "\n").replace("\r", "\n")


def _attempt(data: bytes, *, all_yaml: bool) -> FrontMatter | YamlError:
    try:
        return split(data, all_yaml=all_yaml)
    except YamlError as error:
        return error
