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
from msgspec.structs import astuple

from feeds.seeds.schema import KNOWN_KEYS, Seed, parts_of
from feeds.seeds.secrets import FIELD
from feeds.seeds.yaml_reader import Node, load

# Longer texts, and those nested deeper, are left to the judge.
_MAX_BYTES = 65_536
_MAX_VALUES = 5_000
_MAX_DEPTH = 16
_DEEP = b"\n" + b" " * 40

# A text with any of these is left to the judge. A search for its first character alone is quick.
_DOUBTED = (b"\t", b"\r", b"\xef\xbb\xbf", b"<<", b"\\\n", b"\\ ")
# After a quoted item of a list rapidyaml accepts anything. Most texts have no such items.
_QUOTED_OR_WIDE = re.compile(b"- [ \"']")
_AFTER_QUOTED = re.compile(rb"""- (?:"(?:[^"\\]|\\.)*+"|'(?:[^']|'')*+')[ ]*+[^ #\n]""", re.DOTALL)
# An anchor, alias, tag, key, block of text or bracket begins with one of these signs, at the start
# of a line or after one of the signs below. Of brackets, this reader is sure of plain lists only.
_SIGNS = (b"&", b"*", b"!", b"?", b"{", b"[", b"|", b">")
_WORD = rb"[\w\x80-\xff .,/-]"
_PLAIN_LIST = re.compile(rb"\[(?:" + _WORD + rb'|"' + _WORD + rb"*+\"|'" + _WORD + rb"*+')*+\]")
_BEFORE_SIGNS = b"\n:-?,[{"
_AROUND_SIGNS = frozenset(_BEFORE_SIGNS + b" ")
# Texts that rapidyaml keeps and libyaml takes for nulls, and its spellings of `nan` and `infinity`.
_DOUBTED_VALUES = frozenset({"~", "null", "Null", "NULL", ".nan", ".inf", "-.inf"})
# What no text without quotes begins with; spaces may hide a null.
_NO_STARTS = frozenset("}],@`%:").union(filter(str.isspace, map(chr, range(0x3001))))
_SUSPECTS = _NO_STARTS | frozenset("~nN.-")
# The bytes that most seeds have alone, and characters that no usual seed has.
_ORDINARY = bytes(range(0x20, 0x7F)) + b"\n"
_ODD = re.compile("[\x00-\x9f\u2028\u2029\ufdd0-\ufdef\ufeff\ufffd-\uffff]")
_SECRET = FIELD.encode()
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
        self._buffer = bytearray(8 * _MAX_BYTES)
        self._decode = msgspec.json.Decoder(float_hook=_refuse).decode
        self._decode_seed = msgspec.json.Decoder(Seed).decode
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
        node = self._read(text.encode(), self._decode)
        is_sure = node.__class__ is dict and _settle(node, self._tree.size(), text)
        return node if is_sure else None

    def seed(self, data: bytes) -> Seed | None:
        """Returns the front matter in the bytes of a file, None unless they are a usual seed.

        Such a seed has no body, and names its secret once: on the last line, in quotes.
        """
        end = data.find(b"\n---", 3) + 1
        if not data.startswith(b"---\n") or data[end:].strip() != b"---" or _is_odd(data):
            return None
        source = data[4:end]
        seed: Seed | None = self._read(source, self._decode_seed)
        # msgspec rounds fractions of seconds, which we cut.
        if not seed or not _is_whole(seed, self._tree.size()) or b".999999" in source:
            return None
        mentions = data.lower().count(_SECRET)
        secret = b'\n%s: "%s"\n' % (_SECRET, (seed.secured or "").encode(errors="replace"))
        is_last = mentions == 1 and bool(seed.secured) and source.endswith(secret)
        return seed if is_last or (mentions == 0 and seed.secured is None) else None

    def _read(self, data: bytes, decode: Callable[[memoryview], Any]) -> Any:
        """Returns what rapidyaml makes of a text, None if that may differ from PyYAML's."""
        if _is_doubtful(data):
            return None
        tree = self._tree
        tree.clear()
        tree.clear_arena()
        os.dup2(self._null, 2)
        try:
            self._parse(data, tree)
            return decode(self._emit(tree, self._buffer))
        except Exception:  # noqa: BLE001 (whatever it is, the judge tells it better)
            return None
        finally:
            os.dup2(self._stderr, 2)


def _refuse(number: str) -> str:
    raise ValueError(number)  # rapidyaml writes .5 as 0.5


def _is_odd(data: bytes) -> bool:
    """Tells whether a file is not UTF-8, or has characters that `frontmatter` cleans away."""
    rest = data.translate(None, _ORDINARY)
    try:
        return bool(rest) and _ODD.search(rest.decode()) is not None
    except UnicodeDecodeError:
        return True


def _is_doubtful(data: bytes) -> bool:
    """Tells whether the two libraries may read a text differently."""
    if len(data) > _MAX_BYTES or not data[:1].isalnum() or _DEEP in data:
        return True
    if any(doubted[:1] in data and doubted in data for doubted in _DOUBTED):
        return True
    if _QUOTED_OR_WIDE.search(data) and (b"-  " in data or _AFTER_QUOTED.search(data)):
        return True
    for sign in _SIGNS:
        at = data.find(sign)
        while at >= 0:
            is_first = data[at - 1] in _AROUND_SIGNS and _is_first(data, at)
            if is_first and not _PLAIN_LIST.match(data, at):
                return True
            at = data.find(sign, at + 1)
    return False


def _is_first(data: bytes, at: int) -> bool:
    return data[max(at - 80, 0) : at].rstrip(b" ")[-1:] in _BEFORE_SIGNS


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


def _is_whole(seed: Seed, size: int) -> bool:
    """Tells whether a seed has all `size` values that rapidyaml read, and none is in doubt."""
    values: list[Any] = [*(seed.topics or ()), *(seed.tags or ())]
    # The seed and the members of lists are no values of keys.
    count = 1 + len(seed.images or ()) + len(seed.related or ())
    for story in seed.related or ():
        count += len(story.images or ())
    for part in parts_of(seed):
        values += astuple(part)
    for value in values:
        if value is not None:
            count += 1
            if value.__class__ is str and value[:1] in _SUSPECTS and _is_suspect(value):
                return False
    return count == size <= _MAX_VALUES


def _is_suspect(value: str) -> bool:
    return value[0] in _NO_STARTS or value.strip() in _DOUBTED_VALUES


@cache
def quick_reader() -> QuickReader | None:
    """Returns the reader of this process, None if rapidyaml or stderr is missing."""
    try:
        return QuickReader()
    except (ImportError, OSError):
        return None
