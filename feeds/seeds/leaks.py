"""Checks that the secret of a seed stays in its field `secured`. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

from feeds.seeds.fields import KNOWN_KEYS
from feeds.seeds.secrets import TELLING, Secret, find_secrets, reaches, tells_secret
from feeds.seeds.yaml_reader import Path, key_places, places

FIELD = "secured"
MISPLACED = (
    "the secret value of 'secured' begins inside of something else: wanted one line 'secured:' "
    "without indentation or quotes in the front matter, below it only its value"
)
IN_BODY = "a secret value of 'secured' begins in the body: is there a line '---' too many above?"
REACHES = "holds a part of the secret value of 'secured': check quotes and indentation"

_QUOTED = re.compile(r"(['\"])(.+)\1", re.DOTALL)
_RUN = re.compile("[A-Za-z0-9+/=;]{24,}")


def misplaced(
    text: str, body_at: int, source: str, offset: int, mapping: dict[str, Any] | None
) -> tuple[int, int, str] | None:
    """Returns line, column and reason of a secret that is not the value of a plain key `secured`.

    Args:
        text: the whole seed, from `scannable`.
        body_at: the offset of its body.
        source: its YAML.
        offset: the number of lines before the YAML.
        mapping: the value of the YAML, None if it is not a mapping.
    """
    found = list(islice(find_secrets(text, body_at), 2))
    if not found:
        if mapping is None or FIELD not in mapping:
            return None
        line, column = places(source)[(FIELD,)]  # of a key that is written with escapes
        return line + offset, column, MISPLACED
    first = found[0]
    is_alone = len(found) == 1 and first.is_plain
    if is_alone and (mapping is None or _is_whole_line(text, first, mapping.get(FIELD))):
        return None
    line, column = key_places(source).get(FIELD, (0, 0))
    for secret in found:
        if (secret.line, secret.column) != (line + offset, column):
            return secret.line, secret.column, MISPLACED if secret.at < body_at else IN_BODY
    return None


def _is_whole_line(text: str, secret: Secret, value: object) -> bool:
    """Tells whether the value in YAML is exactly the rest of the line."""
    end = text.find("\n", secret.at)
    line = text[secret.at : end if end >= 0 else None]
    written = line.partition(":")[2].strip()
    return bool(value) and written in (value, f'"{value}"', f"'{value}'")


def leak(mapping: dict[str, Any], body: str, published: str) -> Path | None:
    """Returns the path of a field that holds 12 characters in a row of a secret, None if none does.

    `published` is all that leaves the seed. An empty path means its body, or a text that is in no
    single field.
    """
    secrets = list(_secrets(mapping))
    everything = f"{published}\n{body}"
    if not tells_secret(published) and not any(reaches(secret, everything) for secret in secrets):
        return None
    for name in sorted(KNOWN_KEYS):
        for path, text in _texts(mapping.get(name), (name,)):
            is_leaking = tells_secret(text) or any(reaches(secret, text) for secret in secrets)
            if is_leaking and name != FIELD:
                return path
    return ()


def quiet(reason: str) -> str:
    """Returns the reason without its quotations, except known keys and very short ones."""

    def shown(quoted: re.Match[str]) -> str:
        return quoted[0] if quoted[2] in KNOWN_KEYS or len(quoted[2]) < TELLING else "…"

    return _QUOTED.sub(shown, reason)


def _secrets(mapping: dict[str, Any]) -> Iterator[str]:
    """Yields the value of `secured`, and base64 under the unknown keys that follow it."""
    if FIELD not in mapping:
        return
    yield "".join(_all_texts(mapping[FIELD]))
    names = list(mapping)
    for name in names[names.index(FIELD) + 1 :]:
        if name in KNOWN_KEYS:
            break
        yield from _RUN.findall("".join("".join(_all_texts(mapping[name])).split()))


def _all_texts(value: Any) -> Iterator[str]:
    """Yields all texts of a value in order, keys included."""
    stack = [value]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            stack += [part for pair in reversed(value.items()) for part in reversed(pair)]
        elif isinstance(value, list):
            stack += reversed(value)
        elif value is not None:
            yield str(value)


def _texts(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """Yields the texts of a value with their paths; YAML is nested 32 deep at most."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(inner, (*path, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _texts(inner, (*path, number))
    elif value is not None:
        yield path, str(value)
