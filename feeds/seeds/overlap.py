"""Tells whether a text holds a part of a secret. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

# This many characters in a row of a secret are no coincidence.
TELLING = 12
# All of a usual secret, and tables of bytes in which all that is not base64 is a space.
_BASE64 = re.compile("[A-Za-z0-9+/=;_-]+")
_USUAL = re.compile("[A-Za-z0-9+/=;]")
_BASE64_ONLY, _USUAL_ONLY = (
    bytes(byte if sign.match(chr(byte)) else 0x20 for byte in range(256))
    for sign in (_BASE64, _USUAL)
)
# Two texts that are both longer are compared roughly.
_COMPARED = 65_536
# The most that searching part by part may cost, in characters times characters.
_FEW = 4_000_000


def reaches(secret: str, text: str) -> bool:
    """Tells whether a text holds 12 characters in a row of a secret.

    White space is ignored if the secret has any, because YAML and HTML change it.
    """
    dense = "".join(secret.split())
    if len(dense) < TELLING:
        return False
    if len(dense) != len(secret):
        text = "".join(text.split())
    elif _BASE64.fullmatch(dense):
        # The long runs of base64, which alone can hold a part of it: half the time of a pattern.
        is_usual = not ("-" in dense or "_" in dense)
        words = one_byte_each(text).translate(_USUAL_ONLY if is_usual else _BASE64_ONLY)
        text = b"\n".join({one for one in words.split() if len(one) >= TELLING}).decode()
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


def one_byte_each(text: str) -> bytes:
    """Returns a text as bytes of the same offsets, which take less time to search.

    Only what is ASCII stays what it is, and nothing else becomes ASCII but "?".
    """
    return text.encode("latin-1", errors="replace")
