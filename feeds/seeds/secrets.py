"""Keeps the secret of a seed, the value of its key `secured`, in its field. Pure.

Wrong indentation, an unclosed quote or an early fence makes a secret part of a published field. So
secrets are searched for in the text itself too, in time linear in its length, and their parts in
all that a seed publishes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from feeds.seeds.schema import KNOWN_KEYS
from feeds.seeds.yaml_reader import Path

FIELD = "secured"
REACHES = "holds a part of the secret value of 'secured': check quotes and indentation"

# This many characters in a row of a secret are no coincidence.
TELLING = 12
# This many characters of base64 are a secret, and this many may be the rest of one.
_BLOB, _REST = 24, 12

# The ends of a line for YAML, for Unicode, or for an editor; CR was replaced before.
_BREAKS = "\n\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
_CONTROLS = bytes({*range(0x20), 0x7F} - {*b"\t\n\r\x0b\x0c\x1c\x1d\x1e"})
_STRANGE = re.compile("[\x80-\x84\x86-\x9f\ufdd0-\ufdef\ufffd-\uffff]")
_BLANKS = " \t\xa0\u1680\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
_INVISIBLE = "\xad\u061c\u180e\u200b\u200c\u200d\u200e\u200f\u2060\u2061\u2062\u2063\u2064\ufeff"
# What may come before the first key of a line; in Markdown and comments also marks.
_LEADING = _BLANKS + _INVISIBLE + "-{[,?\"'“”„‟‘’‚‛«»‹›"
_MARKS = _LEADING + "#>*+|`_~&!:(.)0123456789"

_KEY = re.compile(FIELD, re.IGNORECASE)
_COLON = re.compile(r"[\"'”’*_`\u200b\ufeff]*+\s*+:")
# What may come between a colon and a value: signs, the indicators of a block (`|2-`), tags and
# anchors, a key of a mapping; the second pattern also allows a comment up to the end of its line.
# No match runs past the next `secured`.
_HEADER = r"""(?:
    [^\w+/=|>&!*\#]++
    | (?<=[|>])[0-9+-]{{1,2}}
    | {comment}
    [&!*](?:(?!secured)[\w:/!.-]){{0,20}}(?=\s)
    | [^\W\d]\w{{0,30}}(?<!secured)["']?:(?=\s)
    | [|>&!*\#]
)*+"""
_HEADER_ALONE, _HEADER_AND_COMMENT = (
    re.compile(_HEADER.format(comment=comment), re.VERBOSE | re.IGNORECASE)
    for comment in ("", r"\#(?:(?!secured)[^\n\#]){0,200}\n |")
)
_LINE_BREAK = r"(?>[ \t]*+\\?\n[ \t]*+)*+"
_RUN = re.compile(rf"(?>[A-Za-z0-9+/]{_LINE_BREAK}){{20,64}}+(?>={_LINE_BREAK}){{0,4}}+")
# The same, but in the alphabet for URLs, as items of a list, or with marks before each line.
_PIECES = re.compile(
    r"""(?>[A-Za-z0-9+/=_;-]{1,200}+(?>[ \t]*+["'\]]*+[ \t]*+\\?[\n,][\s>*"'\[,|#-]*+)?+){1,40}+"""
)
# A word that may be a part of a secret with something in its midst; addresses are no such words.
_WORD = re.compile(r"https?://\S*|[A-Za-z0-9+/=]{12,}")
_PARTS = re.compile("[A-Za-z0-9]+")
# A word is all capitals, or small letters after at most one capital; a number is a word too.
_ORDINARY = re.compile("[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
# The characters of a run that are judged.
_JUDGED = 400

# Base64 under keys that we do not know.
_UNKNOWN = re.compile("[A-Za-z0-9+/=;]{24,}")
# All of a usual secret, and tables of bytes that show where base64 and other text stand.
_BASE64 = re.compile("[A-Za-z0-9+/=;_-]+")
_BASE64_SHAPE, _USUAL_SHAPE, _NO_CAPITALS = (
    bytes(0x61 if sign.match(chr(byte)) else 0x20 for byte in range(256))
    for sign in (_BASE64, re.compile("[A-Za-z0-9+/=;]"), re.compile("[^A-Z]"))
)
_LONG = b"a" * TELLING
_LONG_RUN = re.compile(_LONG + b"a*")  # letter by letter, which takes a third of the time of a{12,}
# Two texts that are both longer are compared roughly; and the most that searching part by part may
# cost, in characters times characters.
_COMPARED, _FEW = 65_536, 4_000_000


class Secret(NamedTuple):
    """Offset, and line and column from 1, of a key; `is_plain` if it begins a YAML line."""

    at: int
    line: int
    column: int
    is_plain: bool


def scannable(data: bytes) -> str:
    """Returns the bytes of a seed as the text that `find_secrets` wants.

    It keeps every end of a line and drops other controls, because these may split the key.
    """
    text = data.translate(None, _CONTROLS).decode("utf-8-sig", errors="ignore")
    if not text.isascii():
        text = _STRANGE.sub("", text)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def find_secrets(text: str, body_at: int) -> Iterator[Secret]:
    """Yields every secret in order; the body begins at offset `body_at`.

    In the front matter, a line whose first token is ``secured:``, in upper or lower case, is a
    secret. In the body, after marks of Markdown or of a comment, 24 characters of base64 must
    follow as well, or a word near by that looks like base64; inside a line, 24 that do.
    """
    line, counted, before = 1, 0, 0
    for at, after in _words(text):
        head, is_start, before = text[before:at], before == 0, at + len(FIELD)
        if not _begins(text, head, after, is_start=is_start, is_front=at < body_at):
            continue
        line += text.count("\n", counted, at)
        counted = at
        column = at - text.rfind("\n", 0, at)
        is_plain = (
            (column == 1 and at < body_at)
            and text.startswith(FIELD, at)
            and text[at + len(FIELD) : after].strip(" \t") == ":"
        )
        yield Secret(at, line, column, is_plain)


def tells_secret(data: bytes) -> bool:
    """Tells whether a text that is published has ``secured:`` with base64 after it."""
    if FIELD.encode() not in data.lower():
        return False
    text = data.decode(errors="replace")
    starts = (start for _, after in _words(text) for start in _values(text, after))
    return any(_is_random(text, start) for start in starts)


def _words(text: str) -> Iterator[tuple[int, int]]:
    """Yields the offset of each key, and the offset after its colon."""
    # Bytes of the same offsets take less time to search; nothing that is not ASCII becomes so.
    data, word = text.encode("latin-1", errors="replace").lower(), FIELD.encode()
    at = data.find(word)
    while at >= 0:
        after = at + len(word)
        colon = _COLON.match(text, after)
        if colon:
            yield at, colon.end()
        at = data.find(word, after)


def _begins(text: str, head: str, after: int, *, is_start: bool, is_front: bool) -> bool:
    """Tells whether a secret begins after `head`, the text since the key before."""
    if is_front and _is_first(head, _LEADING, is_start=is_start):
        return True
    is_first = _is_first(head, _MARKS, is_start=is_start)
    if is_first and _is_near_random(text, after):
        return True
    starts = _values(text, after)
    return any(_is_random(text, one) or (is_first and _is_blob(text, one)) for one in starts)


def _is_near_random(text: str, after: int) -> bool:
    """Tells whether a random word is near by, before the next key."""
    near = _KEY.split(text[after : after + _JUDGED], 1)[0]
    return any(map(_is_rest, _WORD.findall(near)))


def _is_rest(word: str) -> bool:
    """Tells whether a word changes its case and between letters and digits as often as base64."""
    pieces = _ORDINARY.findall(word)
    return _is_random(word, 0, _REST) and len(pieces) * 5 >= sum(map(len, pieces)) * 2


def _is_first(head: str, skipped: str, *, is_start: bool) -> bool:
    head = head.rstrip(skipped)
    return head[-1] in _BREAKS if head else is_start


def _values(text: str, after: int) -> Iterator[int]:
    """Yields the offsets at which the value after a colon may begin."""
    for pattern in (_HEADER_ALONE, _HEADER_AND_COMMENT):
        header = pattern.match(text, after)
        if header:
            yield header.end()
        if text.find("#", after, header.end() if header else after) < 0:
            return


def _is_blob(text: str, start: int) -> bool:
    """Tells whether 24 characters of base64 begin here, not counting line breaks."""
    return sum(map(len, _PARTS.findall(_long_run(_RUN, text, start)))) >= _BLOB // 2


def _is_random(text: str, start: int, least: int = _BLOB) -> bool:
    """Tells whether so many characters of base64 begin here, most of them no words."""
    parts = _PARTS.findall(_long_run(_PIECES, text, start, least)[:_JUDGED])
    odd = sum(len(part) for part in parts if not _ORDINARY.fullmatch(part))
    return odd * 2 > sum(map(len, parts)) >= least // 2


def _long_run(pattern: re.Pattern[str], text: str, start: int, least: int = _BLOB) -> str:
    """Returns what the pattern finds here, "" if that is shorter than `least`."""
    run = pattern.match(text, start)
    return run[0] if run and len("".join(run[0].split())) >= least else ""


def is_cut_off(text: str, at: int, body_at: int) -> bool:
    """Tells whether a body begins like the rest of a secret that a fence has cut off."""
    # A value in quotes is whole, since YAML has found its end.
    value = text[at:body_at].partition(":")[2].lstrip()
    body = text[body_at:].lstrip(_MARKS + _BREAKS)
    word = None if value.startswith(("'", '"')) else _WORD.match(body)
    return _is_random(body, 0) or (word is not None and _is_rest(word[0]))


def leak(mapping: dict[str, Any], body: str, published: bytes) -> Path | None:
    """Returns the path of a field that holds 12 characters in a row of a secret, None if none does.

    `published` is all that leaves the seed. An empty path means its body, or no single field.
    """
    secrets = list(_secrets(mapping))
    everything = published + b"\n" + body.encode()
    if not tells_secret(published) and not any(reaches(secret, everything) for secret in secrets):
        return None
    for name in sorted(KNOWN_KEYS - {FIELD}):
        for path, text in _texts(mapping.get(name), (name,)):
            data = text.encode(errors="replace")
            if tells_secret(data) or any(reaches(secret, data) for secret in secrets):
                return path
    return ()


def _secrets(mapping: dict[str, Any]) -> Iterator[str]:
    """Yields the value of `secured`, and base64 under the unknown keys that follow it."""
    if FIELD not in mapping:
        return
    yield "".join(text for _, text in _texts(mapping[FIELD]))
    names = list(mapping)
    for name in names[names.index(FIELD) + 1 :]:
        if name in KNOWN_KEYS:
            break
        words = (word for _, text in _texts(mapping[name]) for word in text.split())
        yield from _UNKNOWN.findall("".join(words))


def _texts(value: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Yields the texts of a value in order, keys included; YAML is nested 32 deep at most."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (*path, key), key
            yield from _texts(inner, (*path, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _texts(inner, (*path, number))
    elif value is not None:
        yield path, str(value)


def reaches(secret: str, data: bytes) -> bool:
    """Tells whether a text, in UTF-8, holds 12 characters in a row of a secret.

    White space is ignored if the secret has any, because YAML and HTML change it.
    """
    dense = "".join(secret.split())
    if len(dense) < TELLING:
        return False
    if len(dense) == len(secret) and _BASE64.fullmatch(dense):
        text = b"\n".join(_runs(dense.encode(), data)).decode()
    else:
        text = data.decode(errors="replace")
        if len(dense) != len(secret):
            text = "".join(text.split())
    few, many = sorted((dense, text), key=len)
    if len(dense) * len(text) <= _FEW and not _has_four(few, many):
        return False
    # They also hold 9 that begin at a multiple of 4, which are fewer to compare than all of them.
    blocks = {many[start : start + 9] for start in range(0, len(many) - 8, 4)}
    if blocks.isdisjoint(_windows(few, 9)):
        return False
    return len(few) > _COMPARED or not set(_windows(few, TELLING)).isdisjoint(
        _windows(many, TELLING)
    )


def _runs(secret: bytes, data: bytes) -> Iterator[bytes]:
    """Yields the runs of base64 in a text that may hold a part of a secret."""
    shape = data.translate(_BASE64_SHAPE if b"-" in secret or b"_" in secret else _USUAL_SHAPE)
    is_any = _LONG in secret.translate(_NO_CAPITALS)  # else each part of it has a capital
    for found in _LONG_RUN.finditer(shape):
        run = data[found.start() : found.end()]
        if is_any or not run.islower():
            yield run


def _has_four(few: str, many: str) -> bool:
    """Tells whether two texts may share 12 characters: these hold 4 from a multiple of 9 on."""
    for at in range(0, len(few) - 3, 9):  # noqa: SIM110 (any() takes half as long again)
        if few[at : at + 4] in many:
            return True
    return False


def _windows(text: str, size: int) -> Iterator[str]:
    starts = range(len(text) - size + 1)
    return map(text.__getitem__, map(slice, starts, range(size, len(text) + 1)))
