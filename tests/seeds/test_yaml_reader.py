"""feeds.seeds.yaml_reader: YAML to text, lists and dicts, by libyaml and by PyYAML's own parser."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from feeds.seeds import yaml_reader
from feeds.seeds.limits import MAX_DEPTH
from feeds.seeds.yaml_reader import Node, YamlError, key_places, load, places

_TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=12)
_NODES = st.recursive(
    _TEXT | st.sampled_from(["null", "~", "No", "1:30", "012", "1e3", "<<", "=", "2021-08-19"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(_TEXT.filter(lambda key: key != "<<"), inner, max_size=4)
    ),
    max_leaves=12,
)
_PIECES = (
    *("a", "b: ", "- ", "? ", ": ", "[", "]", "{", "}", ",", "\n", "\n  ", "#", "'", '"'),
    *("&a ", "*a", "!t ", "!!", "|", ">", "%YAML 1.1\n", "---\n", "...\n", "<<: ", "\t", "\x00"),
    *("\x85", "\u2028", "\ufeff", "é", "\\U0011", "\\ud800", "%TAG ! x\n", "9" * 9, "\\", "\\x"),
)
_YAML_TEXT = st.lists(st.sampled_from(_PIECES) | _TEXT, max_size=14).map("".join)


@pytest.fixture(params=["libyaml", "python"], autouse=True)
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    if request.param == "libyaml" and not yaml.__with_libyaml__:
        pytest.skip("PyYAML was built without libyaml")
    monkeypatch.setattr(yaml, "__with_libyaml__", request.param == "libyaml")
    yaml_reader.event_reader.cache_clear()
    yield request.param
    yaml_reader.event_reader.cache_clear()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        pytest.param("", "", id="nothing"),
        pytest.param("# only a comment\n", "", id="comment"),
        pytest.param("---\n...\n", "", id="empty-document"),
        pytest.param("a", "a", id="scalar"),
        pytest.param("topics: [No, On, 1.10]", {"topics": ["No", "On", "1.10"]}, id="issue"),
        pytest.param(
            "[yes, ~, null, 012, 0x1F, 1_000, 1:30, 1e3, .inf, 2021-08-19, =, '', y]",
            [
                *("yes", "~", "null", "012", "0x1F", "1_000", "1:30", "1e3", ".inf", "2021-08-19"),
                *("=", "", "y"),
            ],
            id="every-scalar-is-text",
        ),
        pytest.param("a:\nb:\n- \n- {}\n- []\n", {"a": "", "b": ["", {}, []]}, id="empty"),
        pytest.param("1: a\ntrue: b\nnull: c", {"1": "a", "true": "b", "null": "c"}, id="keys"),
        pytest.param("? a\n: b\n", {"a": "b"}, id="explicit-key"),
        pytest.param(
            "a: |\n  b\n   c\n\nd: >-\n  e\n  f", {"a": "b\n c\n", "d": "e f"}, id="block"
        ),
        pytest.param("a: \"b\n  c\\n\\x41\"\nd: 'it''s'", {"a": "b c\nA", "d": "it's"}, id="quote"),
        pytest.param('"a": {"b": ["c", {"d": "e"}]}', {"a": {"b": ["c", {"d": "e"}]}}, id="json"),
        pytest.param("%YAML 1.1\n---\na: b\n...\n", {"a": "b"}, id="directive"),
        pytest.param("a: b\nA: c\n", {"a": "b", "A": "c"}, id="keys-differ-by-case"),
        pytest.param("a: {b: c}\nd: {b: e}", {"a": {"b": "c"}, "d": {"b": "e"}}, id="same-keys"),
        pytest.param("a: b # c\nd: e#f", {"a": "b", "d": "e#f"}, id="comments"),
    ],
)
def test_load_keeps_every_scalar_as_text(text: str, wanted: Any) -> None:
    assert load(text) == wanted


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        pytest.param("a: b\ntitle: Foo: bar", 2, 11, id="colon"),
        pytest.param("title: Foo: bar: baz", 1, 11, id="two-colons"),
        pytest.param("title: Föö: bar", 1, 11, id="not-ascii"),
        pytest.param("title: Foo:", 1, 11, id="at-the-end"),
        pytest.param('title: "Foo": bar', 1, 13, id="after-quotes"),
        pytest.param("a:\n  - title: Foo: bar", 2, 15, id="in-an-item"),
        pytest.param("title: Foo\n  and: bar", 2, 6, id="in-the-second-line"),
        pytest.param("{title: Foo: bar}", 1, 12, id="in-braces"),
        pytest.param("title: @foo", 1, 8, id="sign"),
        pytest.param("title: `foo`", 1, 8, id="backtick"),
    ],
)
def test_text_that_wants_quotes_is_refused_with_this_hint(
    text: str, line: int, column: int
) -> None:
    with pytest.raises(YamlError, match="in quotes") as caught:
        load(text)
    assert (caught.value.line, caught.value.column) == (line, column)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a: 1\nb:\n  - c: d\ne: {f: g}\n", {"a": (1, 1), "b": (2, 1), "e": (4, 1)}),
        ("  a: 1\n  b: x", {"a": (1, 3), "b": (2, 3)}),
        ("a: 'x\nb: y'\nc: |\n  d: e\n", {"a": (1, 1), "c": (3, 1)}),
        ("\"a\": 1\n'b': 2\n? c\n: 3\n&x d: 4\n!x e: 5\nf: *x\n", {"f": (7, 1)}),
        ("a: 1\nb: [\nc: 2", {"a": (1, 1), "b": (2, 1)}),
        ("{a: 1}", {}),
        ("- a: 1", {}),
        ("a", {}),
        ("", {}),
        ("\x00", {}),
    ],
)
def test_plain_keys_of_the_outermost_mapping_are_found(
    text: str, found: dict[str, tuple[int, int]]
) -> None:
    assert key_places(text) == found


@pytest.mark.parametrize(
    ("text", "line", "column", "reason"),
    [
        pytest.param("a: 1\nb: &x c", 2, 4, "anchors (&name)", id="anchor-on-scalar"),
        pytest.param("a:\n  &x\n  - b", 2, 3, "anchors (&name)", id="anchor-on-list"),
        pytest.param("a: &x {b: c}", 1, 4, "anchors (&name)", id="anchor-on-mapping"),
        pytest.param("&x a: b", 1, 1, "anchors (&name)", id="anchor-on-key"),
        pytest.param("- *x", 1, 3, "aliases (*name)", id="alias"),
        pytest.param("a: b\n*x : c", 2, 1, "aliases (*name)", id="alias-as-key"),
        pytest.param("a: !!int 1", 1, 4, "tags (!name)", id="tag-on-scalar"),
        pytest.param("a:\n- !x [b]", 2, 3, "tags (!name)", id="tag-on-list"),
        pytest.param("!!map\na: b", 1, 1, "tags (!name)", id="tag-on-mapping"),
        pytest.param("a: ! b", 1, 4, "tags (!name)", id="tag-without-name"),
        pytest.param("!x a: b", 1, 1, "tags (!name)", id="tag-on-key"),
        pytest.param("a: !!python/object/apply:os.system [ls]", 1, 4, "tags", id="tag-of-python"),
        pytest.param("b: c\n<<: {a: b}", 2, 1, "merge keys (<<)", id="merge"),
        pytest.param('a:\n  "<<": b', 2, 3, "merge keys (<<)", id="merge-quoted"),
        pytest.param("a: 1\nb: 2\na: 3", 3, 1, "'a' stands twice", id="duplicate"),
        pytest.param("x:\n  - a: 1\n    'a': 2", 3, 5, "'a' stands twice", id="duplicate-nested"),
        pytest.param("{a: 1, a: 2}", 1, 8, "'a' stands twice", id="duplicate-flow"),
        pytest.param("é: 1\né: 2", 2, 1, "'é' stands twice", id="duplicate-not-ascii"),
        pytest.param("[a]: b", 1, 1, "a key must be plain text", id="list-as-key"),
        pytest.param("a: 1\n? {b: c}\n: d", 2, 3, "a key must be plain text", id="mapping-as-key"),
        pytest.param("a: 1\n---\nb: 2", 2, 1, "a second document", id="second-document"),
        pytest.param("a: 1\n...\n---\n", 3, 1, "a second document", id="second-document-empty"),
        pytest.param("[" * 33 + "]" * 33, 1, 33, "more than 32 levels", id="depth-of-lists"),
        pytest.param('{"a": ' * 33 + "}" * 33, 1, 193, "more than 32 levels", id="depth-of-maps"),
        pytest.param("a: 1\nb: [c}\nd: e", 2, 6, "not valid YAML", id="unclosed"),
        pytest.param("a: 1\n b: 2", 2, 3, "not valid YAML", id="indentation"),
        pytest.param("é: é\nb: é\x01", 2, 5, "not valid YAML", id="control-after-not-ascii"),
        pytest.param("\x00", 1, 1, "not valid YAML", id="nul"),
        pytest.param('a: "\\UFFFFFFFF"', 1, 7, "not valid YAML", id="escape-beyond-unicode"),
        pytest.param("%YAML 1." + "1" * 5000 + "\n---\na", 1, 0, "not valid YAML", id="version"),
    ],
)
def test_load_refuses_with_line_and_column(text: str, line: int, column: int, reason: str) -> None:
    with pytest.raises(YamlError) as caught:
        load(text)
    assert reason in caught.value.reason
    assert caught.value.line == line
    assert caught.value.column == column or not column  # 0: each parser has its own idea


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a": ', "}"), ("- ", "")])
def test_load_accepts_32_levels(opening: str, closing: str) -> None:
    node: Any = load(f"{opening * MAX_DEPTH}x{closing * MAX_DEPTH}")
    for _ in range(MAX_DEPTH):
        (node,) = node.values() if isinstance(node, dict) else node
    assert node == "x"


@pytest.mark.parametrize(
    "piece",
    ["[", "{", "- ", "? ", "[{", '{"a": ', "a: ", "&a ", "*a ", "!a ", '"', "|", "[? ", ": "],
)
def test_load_ends_soon_on_80_kilobytes_of_one_sign(piece: str) -> None:
    began = time.process_time()
    with pytest.raises(YamlError):
        load(piece * (80_000 // len(piece)))
    assert time.process_time() - began < 5


@given(node=_NODES)
def test_load_gives_back_what_was_dumped(node: Any) -> None:
    assert load(yaml.safe_dump(node)) == node


@example(text="a: 'b\u2028c'\nd: e")
@given(text=_YAML_TEXT)
def test_load_of_any_text_gives_text_or_a_yaml_error(text: str) -> None:
    result = _attempt(text)
    if isinstance(result, YamlError):
        assert result.reason
        assert result.line >= 0
        assert result.column >= 0
    else:
        found = set(places(text))
        assert found == set(_paths(result)) or (result == "" and not found)


def _attempt(text: str) -> Node | YamlError:
    try:
        return load(text)
    except YamlError as error:
        return error


def _paths(node: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield path
    steps = node.items() if isinstance(node, dict) else enumerate(node)
    if not isinstance(node, str):
        for step, inner in steps:
            yield from _paths(inner, (*path, step))


def test_places_points_at_every_value() -> None:
    text = "a: 1\né: [x, {y: z}]\nb:\n  - c: d\n    e: |\n      f\n  -\n"
    assert places(text) == {
        (): (1, 1),
        ("a",): (1, 4),
        ("é",): (2, 4),
        ("é", 0): (2, 5),
        ("é", 1): (2, 8),
        ("é", 1, "y"): (2, 12),
        ("b",): (4, 3),
        ("b", 0): (4, 5),
        ("b", 0, "c"): (4, 8),
        ("b", 0, "e"): (5, 8),
        ("b", 1): (7, 4),
    }


def test_parser_without_libyaml_warns_once(parser: str) -> None:
    # A process in which PyYAML's C extension cannot be imported, as where there is no libyaml.
    block = "sys.modules['yaml._yaml'] = None" if parser == "python" else "pass"
    code = (
        f"import sys; {block}; from feeds.seeds.yaml_reader import load; load('a'); load('b: [c]')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == ""
    assert done.stderr.count("built without libyaml") == (parser == "python")
