"""Reads the usual forms of YAML with rapidyaml, in a third of the time that PyYAML takes.

PyYAML stays the judge: this reader leaves all that it is not sure of to `yaml_reader`, and every
fault. Its results are exactly those of `yaml_reader`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import msgspec

from feeds.seeds.fields import KNOWN_KEYS
from feeds.seeds.yaml_reader import Node, load

# Longer texts, and those nested deeper, are left to the judge.
_MAX_CHARACTERS = 65_536
_MAX_VALUES = 5_000
_MAX_DEPTH = 16
_DEEP = "\n" + " " * 40

# A text with any of these is left to the judge. A search for its first character alone is quick.
_DOUBTED = ("\t", "\r", "\ufeff", "<<", "\\\n", "\\ ")
# After a quoted item of a list rapidyaml accepts anything. Most texts have no such items.
_QUOTED_OR_WIDE = re.compile("- [ \"']")
_AFTER_QUOTED = re.compile(r"""- (?:"(?:[^"\\]|\\.)*+"|'(?:[^']|'')*+')[ ]*+[^ #\n]""", re.DOTALL)
# An anchor, alias, tag, key, block of text or bracket begins with one of these signs, at the start
# of a line or after one of the signs below. Of brackets, this reader is sure of plain lists only.
_SIGNS = "&*!?{[|>"
_PLAIN_LIST = re.compile(r"""\[(?:[\w .,/-]|"[\w .,/-]*+"|'[\w .,/-]*+')*+\]""")
_BEFORE_SIGNS = "\n:-?,[{"
_AROUND_SIGNS = _BEFORE_SIGNS + " "
# Texts that rapidyaml keeps and libyaml takes for nulls, and its spellings of `nan` and `infinity`.
_DOUBTED_VALUES = frozenset({"~", "null", "Null", "NULL", ".nan", ".inf", "-.inf"})
# What no text without quotes begins with; spaces may hide a null.
_NO_STARTS = frozenset("}],@`%:").union(filter(str.isspace, map(chr, range(0x3001))))
_SUSPECTS = _NO_STARTS | frozenset("~nN.-")
_USUAL_KEYS = KNOWN_KEYS | {"name", "domain", "url", "width", "height", "isCached"}
_PLAIN_KEY = re.compile("[A-Za-z][A-Za-z0-9_-]*", re.ASCII).fullmatch
# JSON has one null and one zero, YAML more.
_NULL_OR_MINUS_ZERO = re.compile(r"\b(?:null|Null|NULL)\b|-0+(?:[\s,\]}]|$)")
_WORDS = {True: "true", False: "false", None: ""}


class QuickReader:
    """rapidyaml, with the memory that it keeps from one text to the next.

    rapidyaml writes faults to standard error, so file 2 is /dev/null while it reads. A process with
    other threads must not use it.
    """

    def __init__(self) -> None:
        import ryml

        self._parse, self._emit = ryml.parse_in_arena, ryml.emit_json_in_place
        self._tree = ryml.Tree()
        self._buffer = bytearray(8 * _MAX_CHARACTERS)
        self._decode = msgspec.json.Decoder(float_hook=_refuse).decode
        self._null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        self._stderr = os.dup(2)

    def load(self, text: str) -> Node:
        """Does the same as `yaml_reader.load`."""
        node = self.read(text)
        return load(text) if node is None else node

    def read(self, text: str) -> dict[str, Any] | None:
        """Returns the mapping in a text, None if the judge must read it.

        The text is as `frontmatter` cleans it: its only controls are tabs and line ends.
        """
        if _is_doubtful(text):
            return None
        tree = self._tree
        tree.clear()
        tree.clear_arena()
        os.dup2(self._null, 2)
        try:
            self._parse(text.encode(), tree)
            node = self._decode(self._emit(tree, self._buffer))
        except Exception:  # noqa: BLE001 (whatever it is, the judge tells it better)
            return None
        finally:
            os.dup2(self._stderr, 2)
        is_sure = node.__class__ is dict and _settle(node, tree.size(), text)
        return node if is_sure else None


def _refuse(number: str) -> str:
    raise ValueError(number)  # rapidyaml writes .5 as 0.5


def _is_doubtful(text: str) -> bool:
    """Tells whether the two libraries may read a text differently."""
    if len(text) > _MAX_CHARACTERS or not text[:1].isalnum() or _DEEP in text:
        return True
    if any(doubted[0] in text and doubted in text for doubted in _DOUBTED):
        return True
    if _QUOTED_OR_WIDE.search(text) and ("-  " in text or _AFTER_QUOTED.search(text)):
        return True
    for sign in _SIGNS:
        at = text.find(sign)
        while at >= 0:
            is_first = text[at - 1] in _AROUND_SIGNS and _is_first(text, at)
            if is_first and not _PLAIN_LIST.match(text, at):
                return True
            at = text.find(sign, at + 1)
    return False


def _is_first(text: str, at: int) -> bool:
    return text[max(at - 80, 0) : at].rstrip(" ")[-1:] in _BEFORE_SIGNS


def _settle(root: dict[str, Any], size: int, text: str) -> bool:
    """Makes every value text, as the judge does; returns False if there is a doubt.

    `size` is the number of values that rapidyaml read: fewer are left if a key stands twice.
    """
    level: list[Any] = [root]
    count, depth = 1, 0
    while level:
        inner: list[Any] = []
        for container in level:
            count += len(container)
            pairs: Iterable[tuple[Any, Any]] = enumerate(container)
            if container.__class__ is dict:
                if not (_USUAL_KEYS.issuperset(container) or all(map(_PLAIN_KEY, container))):
                    return False
                pairs = container.items()
            for key, value in pairs:
                kind = value.__class__
                if kind is str:
                    if value[:1] in _SUSPECTS and _is_suspect(value):
                        return False
                elif kind is dict or kind is list:
                    inner.append(value)
                elif kind is bool or (value and kind is int):
                    container[key] = _WORDS[value] if kind is bool else str(value)
                elif _NULL_OR_MINUS_ZERO.search(text):
                    return False
                else:
                    container[key] = "" if value is None else "0"
        level = inner
        depth += 1
    return count == size <= _MAX_VALUES and depth <= _MAX_DEPTH


def _is_suspect(value: str) -> bool:
    return value[0] in _NO_STARTS or value.strip() in _DOUBTED_VALUES


@cache
def quick_load() -> Callable[[str], Node]:
    """Returns the reader of this process: PyYAML alone if rapidyaml or stderr is missing."""
    try:
        return QuickReader().load
    except (ImportError, OSError):
        return load
