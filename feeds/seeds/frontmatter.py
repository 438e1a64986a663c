"""The bytes of one seed to its front matter and body."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from feeds.seeds.yamltext import Place, YamlError, load, places

MAX_BYTES = 1024 * 1024

# What YAML refuses or takes for the end of a line, and people cannot see.
_ASCII_CONTROLS = bytes({*range(0x20), 0x7F} - set(b"\t\n\r"))
_CONTROLS = re.compile("[\x80-\x84\x86-\x9f\ufffe\uffff]")
_LINE_ENDS = re.compile("[\x85\u2028\u2029]")
# Any of these: seldom there, and looked for once.
_STRANGE = re.compile("[\x80-\x9f\u2028\u2029\ufffe\uffff]")
_FENCE = re.compile(r"^---[ \t]*$", re.MULTILINE)
_SECRET_IN_BODY = re.compile(r"^[ \t>*+-]*[\"']?secured[\"']?[ \t]*:", re.MULTILINE)


class FrontMatter(NamedTuple):
    """The front matter of a seed: its mapping, still all text, and what is needed to point at it.

    `source` is the YAML, which begins after line `offset` of the file.
    """

    mapping: dict[str, Any]
    body: str
    source: str
    offset: int

    def place(self, path: tuple[str | int, ...]) -> Place:
        """Returns line and column in the file of a value, or of what it would stand in."""
        found = places(self.source)
        while path and path not in found:
            path = path[:-1]
        line, column = found[path]
        return line + self.offset, column

    @property
    def body_line(self) -> int:
        """The line of the file in which the body begins."""
        return self.offset + self.source.count("\n") + 2


def split(data: bytes, *, all_yaml: bool) -> FrontMatter:
    """Reads the bytes of a seed.

    Front matter stands between two lines ``---``, the first of which opens the file; the rest is
    the Markdown body. With `all_yaml` (files named .yaml and .yml) the file may also be YAML as a
    whole.

    Raises:
        YamlError: with line and column in the file, where the bytes cannot be used.
    """
    text = _decode(data)
    opening = _FENCE.match(text)
    closing = _closing_fence(text, opening.end()) if opening else None
    offset = 0
    if opening and closing:
        source = text[opening.end() + 1 : closing.start()]
        body = text[closing.end() + 1 :]
        offset = 1
        if all_yaml and _is_mapping(body.partition("\n---")[0]):
            line = text.count("\n", 0, closing.start()) + 1
            reason = "a second document is not allowed (a Markdown body is, in a .md or .txt file)"
            raise YamlError(line, 1, reason)
    elif all_yaml:
        source, body = text, ""
    elif opening:
        raise YamlError(1, 1, "the front matter is not closed: wanted a second line '---'")
    else:
        raise YamlError(1, 1, "no front matter: wanted '---' as the first line of the file")
    if "secured" in body and _SECRET_IN_BODY.search(body):
        line = text.count("\n", 0, len(text) - len(body)) + 1
        reason = "the front matter ends before 'secured:': is there a line '---' too many?"
        raise YamlError(line, 1, reason)
    return FrontMatter(_mapping(source, offset), body, source, offset)


def _decode(data: bytes) -> str:
    data = data.translate(None, _ASCII_CONTROLS)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - (data.rfind(b"\n", 0, error.start) + 1) + 1
        reason = f"not UTF-8: byte 0x{data[error.start]:02x} at byte {column} of the line"
        raise YamlError(line, column, reason) from None
    if not text.isascii() and _STRANGE.search(text):
        text = _LINE_ENDS.sub(" ", _CONTROLS.sub("", text))
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _closing_fence(text: str, start: int) -> re.Match[str] | None:
    # str.find runs through a seed twenty times faster than the pattern does.
    while (start := text.find("\n---", start)) >= 0:
        start += 1
        fence = _FENCE.match(text, start)
        if fence:
            return fence
    return None


def _is_mapping(text: str) -> bool:
    try:
        return isinstance(load(text), dict)
    except YamlError:
        return False


def _mapping(source: str, offset: int) -> dict[str, Any]:
    try:
        node = load(source)
    except YamlError as error:
        line = error.line + offset if error.line else 0
        raise YamlError(line, error.column, error.reason) from None
    if isinstance(node, dict):
        return node
    found = "nothing" if node == "" else "a list" if isinstance(node, list) else "plain text"
    raise YamlError(1 + offset, 1, f"found {found}, wanted 'key: value' lines")
