"""Tells whether a text, or what a seed publishes, holds a part of its secret. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from feeds.seeds.schema import KNOWN_KEYS
from feeds.seeds.secrets import FIELD, TELLING, tells_secret
from feeds.seeds.yaml_reader import Path

# Base64 under keys that we do not know.
_UNKNOWN = re.compile("[A-Za-z0-9+/=;]{24,}")
# All of a usual secret, and tables of bytes that show where base64 and other text stand.
_BASE64 = re.compile("[A-Za-z0-9+/=;_-]+")
_USUAL = re.compile("[A-Za-z0-9+/=;]")
_BASE64_SHAPE, _USUAL_SHAPE, _NO_CAPITALS = (
    bytes(0x61 if sign.match(chr(byte)) else 0x20 for byte in range(256))
    for sign in (_BASE64, _USUAL, re.compile("[^A-Z]"))
)
_LONG = b"a" * TELLING
_LONG_RUN = re.compile(_LONG + b"a*")  # letter by letter, which takes a third of the time of a{12,}
# Two texts that are both longer are compared roughly.
_COMPARED = 65_536
# The most that searching part by part may cost, in characters times characters.
_FEW = 4_000_000


def leak(mapping: dict[str, Any], body: str, published: bytes) -> Path | None:
    """Returns the path of a field that holds 12 characters in a row of a secret, None if none does.

    `published` is all that leaves the seed. An empty path means its body, or a text that is in no
    single field.
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
    """Tells whether two texts may have 12 characters in common.

    These hold 4 that begin at a multiple of 9.
    """
    for at in range(0, len(few) - 3, 9):  # noqa: SIM110 (any() takes half as long again)
        if few[at : at + 4] in many:
            return True
    return False


def _windows(text: str, size: int) -> Iterator[str]:
    starts = range(len(text) - size + 1)
    return map(text.__getitem__, map(slice, starts, range(size, len(text) + 1)))
