"""Splits the bytes of one seed into its front matter and its body."""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections.abc import Callable
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

from feeds.common.text import without_stray_controls
from feeds.seeds.schema import KNOWN_KEYS
from feeds.seeds.secrets import FIELD, TELLING, find_secrets, is_cut_off, scannable
from feeds.seeds.yaml_reader import Node, Place, YamlError, key_places, load, places

YamlReader = Callable[[str], Node]

MISPLACED = (
    "the secret value of 'secured' begins inside of something else: wanted one line 'secured:' "
    "without indentation or quotes in the front matter, below it only its value"
)
CUT_OFF = (
    "the body begins like a secret value, right behind the key 'secured': is there a line '---' in "
    "the midst of its value?"
)
IN_BODY = "a secret value of 'secured' begins in the body: is there a line '---' too many above?"

# Invisible characters that YAML refuses, or takes for the end of a line.
_ASCII_CONTROLS = bytes({*range(0x20), 0x7F} - set(b"\t\n\r"))
_NONCHARACTERS = re.compile("[\ufdd0-\ufdef\ufffe\uffff]")
_LINE_ENDS = re.compile("[\u2028\u2029]")
_STRANGE = re.compile("[\x80-\x9f\u2028\u2029\ufdd0-\ufdef\ufffe\uffff]")
# YAML refuses C1 controls, but mojibake is repaired by them: noncharacters carry them through YAML.
_CARRIED = {0x80 + number: 0xFDD0 + number for number in range(32)}
_C1 = {carrier: control for control, carrier in _CARRIED.items()}
_CONTROLS = re.compile("[\x80-\x9f]")
_FENCE = re.compile(r"^---[ \t]*$", re.MULTILINE)
_QUOTED = re.compile(r"(['\"])(.+)\1", re.DOTALL)


class FrontMatter(NamedTuple):
    """The front matter of a seed, and its body.

    `mapping` is what the YAML says, with all values as text. `source` is the YAML itself, which
    begins after line `offset` of the file.
    """

    mapping: dict[str, Any]
    body: str
    source: str
    offset: int

    def place(self, path: tuple[str | int, ...]) -> Place:
        """Returns line and column in the file of a value, or of the nearest one around it."""
        found = places(self.source)
        while path and path not in found:
            path = path[:-1]
        line, column = found[path]
        return line + self.offset, column

    def is_bare(self, path: tuple[str | int, ...]) -> bool:
        """Tells whether a text is written without quotes and not as a block (`|`, `>`)."""
        line, column = self.place(path)
        lines = self.source.split("\n")
        return lines[line - self.offset - 1][column - 1 : column] not in {"'", '"', "|", ">"}

    def place_of_key(self, key: str) -> Place:
        """Returns line and column in the file of a key of the outermost mapping."""
        found = key_places(self.source).get(key)
        return (found[0] + self.offset, found[1]) if found else self.place((key,))

    @property
    def body_line(self) -> int:
        """The line of the file on which the body begins."""
        return self.offset + self.source.count("\n") + 2


def split(data: bytes, *, all_yaml: bool, read_yaml: YamlReader = load) -> FrontMatter:
    """Returns the front matter and the body of a seed.

    Front matter is between two lines ``---``, of which the first is the first line of the file. The
    rest is the Markdown body. With `all_yaml` the whole file may be YAML, as in those named .yaml;
    `read_yaml` gives what `load` does.

    Raises:
        YamlError: the bytes cannot be used; line and column are those of the file.
    """
    text, is_usual = _decode(data)
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
    scanned, body_at = text, len(text) - len(body)
    if not is_usual:
        scanned = scannable(data)
        body_at = _same_line(text, body_at, scanned)
        if _CONTROLS.search(source):
            source = source.translate(_CARRIED)
            read_yaml = partial(_load_carried, read_yaml)
    mapping = _mapping(source, offset, (scanned, body_at), read_yaml)
    return FrontMatter(mapping, body, source, offset)


def _decode(data: bytes) -> tuple[str, bool]:
    """Returns the text without invisible characters, and whether it certainly had none."""
    size = len(data)
    data = data.translate(None, _ASCII_CONTROLS)
    is_usual = len(data) == size and (data.isascii() or not _may_be_strange(data))
    data = data.removeprefix(BOM_UTF8)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - (data.rfind(b"\n", 0, error.start) + 1) + 1
        byte = f"byte 0x{data[error.start]:02x} at byte {column} of the line"
        reason = f"not UTF-8: {byte} (save the file as UTF-8)"
        raise YamlError(line, column, reason) from None
    if not is_usual and _STRANGE.search(text):
        text = without_stray_controls(_LINE_ENDS.sub(" ", _NONCHARACTERS.sub("", text)))
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.lstrip("\ufeff"), is_usual


def _may_be_strange(data: bytes) -> bool:
    """Tells quickly whether a text may have characters of `_STRANGE`, by their first bytes."""
    return b"\xc2" in data or b"\xef" in data or b"\xe2\x80\xa8" in data or b"\xe2\x80\xa9" in data


def _same_line(text: str, at: int, other: str) -> int:
    """Returns the offset in `other` of the line that begins at this offset of `text`."""
    if len(text) == len(other):
        return at
    start = 0
    for _ in range(text.count("\n", 0, at)):
        start = other.index("\n", start) + 1
    return start if at < len(text) else len(other)


def _closing_fence(text: str, start: int) -> re.Match[str] | None:
    # str.find is twenty times faster than the pattern.
    while (start := text.find("\n---", start)) >= 0:
        start += 1
        fence = _FENCE.match(text, start)
        if fence:
            return fence
    return None


def _is_mapping(text: str) -> bool:
    try:
        return isinstance(load(text.translate(_CARRIED)), dict)
    except YamlError:
        return False


def _mapping(
    source: str, offset: int, secret_of: tuple[str, int], read_yaml: YamlReader
) -> dict[str, Any]:
    """Returns the mapping in the YAML `source`, which begins after `offset` lines of the file.

    `secret_of` is the seed as `find_secrets` wants it, and the offset of its body.
    """
    node: Any = None
    failure = None
    try:
        node = read_yaml(source)
    except YamlError as error:
        line = error.line + offset if error.line else 0
        may_tell = FIELD in source.lower() or "\\" in source
        reason = _quiet(error.reason) if may_tell else error.reason
        failure = YamlError(line, error.column, reason)
    mapping: dict[str, Any] | None = node if isinstance(node, dict) else None
    if slip := _misplaced(*secret_of, source, offset, mapping):
        raise YamlError(*slip, FIELD)
    if failure:
        raise failure
    if mapping is not None:
        return mapping
    found = "nothing" if node == "" else "a list" if isinstance(node, list) else "plain text"
    raise YamlError(1 + offset, 1, f"found {found}, wanted 'key: value' lines")


def _misplaced(
    text: str, body_at: int, source: str, offset: int, mapping: dict[str, Any] | None
) -> tuple[int, int, str] | None:
    """Returns line, column and reason of a secret that is not the value of a plain key `secured`.

    `text` is the whole seed, from `scannable`, its body at offset `body_at`. `source` is its YAML,
    after `offset` lines, and `mapping` the value of that, None if it is not a mapping.
    """
    found = list(islice(find_secrets(text, body_at), 2))
    if not found:
        if mapping is None or FIELD not in mapping:
            return None
        line, column = places(source)[(FIELD,)]  # of a key that is written with escapes
        return line + offset, column, MISPLACED
    is_alone = len(found) == 1 and found[0].is_plain
    if mapping and next(reversed(mapping)) == FIELD and is_cut_off(text, found[0].at, body_at):
        return found[0].line, found[0].column, CUT_OFF
    if is_alone and (mapping is None or _is_whole_line(text[found[0].at :], mapping.get(FIELD))):
        return None
    line, column = key_places(source).get(FIELD, (0, 0))
    for secret in found:
        if (secret.line, secret.column) != (line + offset, column):
            return secret.line, secret.column, MISPLACED if secret.at < body_at else IN_BODY
    return None


def _is_whole_line(text: str, value: object) -> bool:
    """Tells whether the value in YAML is exactly what the first line has after its colon."""
    written = text.partition("\n")[0].partition(":")[2].strip()
    return bool(value) and written in (value, f'"{value}"', f"'{value}'")


def _quiet(reason: str) -> str:
    """Returns the reason without its quotations, except known keys and very short ones."""

    def shown(quoted: re.Match[str]) -> str:
        return quoted[0] if quoted[2] in KNOWN_KEYS or len(quoted[2]) < TELLING else "…"

    return _QUOTED.sub(shown, reason)


def _load_carried(read_yaml: YamlReader, source: str) -> Node:
    """Reads YAML whose controls are carried by noncharacters, and puts them back."""
    node: Node = _restored(read_yaml(source))
    return node


def _restored(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _restored(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_restored(value) for value in node]
    return node if node.isascii() else node.translate(_C1)
