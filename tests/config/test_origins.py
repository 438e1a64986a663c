"""On which line each key of config.toml stands."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.config.origins import Key, key_lines

CASES: dict[str, tuple[str, dict[Key, int]]] = {
    "nothing": ("", {}),
    "a key before any table": ("a = 1", {("a",): 1}),
    "a table and its keys": ("\n[a]\n\nb = 1\nc = 2\n", {("a",): 2, ("a", "b"): 4, ("a", "c"): 5}),
    "a table in a table": ("[a.b]\nc = 1", {("a", "b"): 1, ("a", "b", "c"): 2}),
    "dotted keys": ("[a]\nb.c = 1\nb . d = 2", {("a", "b", "c"): 2, ("a", "b", "d"): 3}),
    "a quoted name": ('[topics."A B"]\nc = 1', {("topics", "A B"): 1, ("topics", "A B", "c"): 2}),
    "a name in single quotes": (r"[a.'C:\x']", {("a", r"C:\x"): 1}),
    "a quoted key": ('"a.b" = 1', {("a.b",): 1}),
    "an escaped quote in a name": (
        '[a."b \\" c"]\nd = 1\n"e \\" f" = 2',
        {("a", 'b " c'): 1, ("a", 'b " c', "d"): 2, ("a", 'b " c', 'e " f'): 3},
    ),
    "a name that looks like the end of a table": ('[a."] # b"]\nc = 1', {("a", "] # b", "c"): 2}),
    "a name with an equals sign": ('"a = b" = 1', {("a = b",): 1}),
    "a name that is an escape": ('["\\u0041"]\nb = 1', {("A", "b"): 2}),
    "tables of an array": (
        "[[r]]\na = 1\n[x]\nb = 2\n[[r]]\na = 3",
        {("r", 0): 1, ("r", 0, "a"): 2, ("x", "b"): 4, ("r", 1): 5, ("r", 1, "a"): 6},
    ),
    "the array itself": ("\n[[r]]\na = 1\n[[r]]", {("r",): 2}),
    "white space and comments": (
        "  [ a . b ]  # [c]\n\t d  =  1 # e = 2\n# f = 3",
        {("a", "b"): 1, ("a", "b", "d"): 2},
    ),
    "a hash sign in a value": ('a = "#"\nb = 1', {("a",): 1, ("b",): 2}),
    "line ends of Windows": ("[a]\r\nb = 1\r\n", {("a",): 1, ("a", "b"): 2}),
    "a list over several lines": ('a = [\n  "b",\n]\nc = 1', {("a",): 1, ("c",): 4}),
    "lists in a list": ('a = [\n["b"]\n]\nc = 1', {("a",): 1, ("c",): 4}),
    "a text over several lines": ('a = """\n[b]\nc = 1\n"""\nd = 1', {("a",): 1, ("d",): 5}),
    "a raw text over several lines": ("a = '''\n[b]\n'''\nd = 1", {("a",): 1, ("d",): 4}),
    "a key that is first met in a text": ('a = """\nb = 1"""\nb = 2', {("a",): 1, ("b",): 3}),
    "a line separator in a value": ('a = "\u2028"\nb = 1', {("a",): 1, ("b",): 2}),
    "a next-line sign in a comment": ("# \u0085\nb = 1", {("b",): 2}),
}


@pytest.mark.parametrize("case", CASES)
def test_lines_of_each_table_and_key(case: str) -> None:
    text, wanted = CASES[case]
    tomllib.loads(text)
    found = key_lines(text)
    assert {key: found.get(key) for key in wanted} == wanted


NAMES = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), unique=True)
VALUES = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    st.integers(0, 9),
    st.booleans(),
    st.lists(st.text("a[]=\"'#", max_size=4), max_size=2),
)


@given(tables=NAMES, keys=NAMES, value=VALUES)
def test_lines_hold_for_any_names(tables: list[str], keys: list[str], value: Any) -> None:
    lines: list[str] = []
    wanted: dict[Key, int] = {}
    for table in tables:
        lines.append(f"[{_quoted(table)}]  # {table.encode()!r}")
        wanted[table,] = len(lines)
        for key in keys:
            lines.append(f"{_quoted(key)} = {_quoted(value)}")
            wanted[table, key] = len(lines)
    text = "\n".join(lines)
    tomllib.loads(text)
    found = key_lines(text)
    assert {key: found.get(key) for key in wanted} == wanted


def _quoted(value: object) -> str:
    # JSON writes these values as TOML does, but for DEL.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
