"""Reads YAML into plain dicts, lists and text.

Every scalar stays text, so that the schema alone decides on types. The events of libyaml are walked
without recursion: this costs a third of `yaml.CSafeLoader` and cannot exhaust the stack. Whatever
makes YAML surprising or expensive is refused with its line and column: anchors, aliases, tags,
merge keys, duplicate keys, a second document, deep nesting, very many values.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from feeds.seeds.limits import MAX_DEPTH, MAX_VALUES

Node = str | list[Any] | dict[str, Any]
Path = tuple[str | int, ...]
Place = tuple[int, int]

_WITHOUT_LIBYAML = (
    "PyYAML was built without libyaml: seeds are read about ten times slower. "
    "Install a PyYAML wheel, or libyaml before building PyYAML."
)

# Hints at the most frequent mistakes, by the message of libyaml.
_HINTS = (
    (
        "mapping values are not allowed",
        " (put a text that holds ': ' in quotes, or check the indentation)",
    ),
    ("expected ',' or", " (put a text that holds ': ', a comma or a bracket in quotes)"),
    (
        "that cannot start any token",
        " (put a text that begins with it in quotes; indent with spaces, not with tabs)",
    ),
    ("found unexpected end of stream", " (a quote that was opened above is not closed)"),
)

# Texts that YAML reads as null if they have no quotes.
NULLS = frozenset({"", "~", "null", "Null", "NULL"})

# The key of a mapping that waits for its next one.
_NO_KEY: Any = object()

log = logging.getLogger("feeds.seeds")


class QuotedNull(str):
    """Text in quotes that would be a YAML null without them."""

    __slots__ = ()


class YamlError(Exception):
    """The text cannot be used.

    `line` and `column` count from 1 and are 0 if unknown; `field` is empty if unknown.
    """

    def __init__(self, line: int, column: int, reason: str, field: str = "") -> None:
        self.line = line
        self.column = column
        self.reason = reason
        self.field = field
        super().__init__(reason)


@lru_cache(maxsize=1)
def places(text: str) -> dict[Path, Place]:
    """Returns line and column of every value in a text that `load` accepts, by path.

    This walks the text a second time, so it is called only to report a problem. The result is kept
    for the next problem of the same seed.
    """
    found: dict[Path, Place] = {}
    load(text, found)
    return found


@lru_cache(maxsize=1)
def key_places(text: str) -> dict[str, Place]:
    """Returns line and column of each plain key of the outermost mapping.

    Keys in quotes, in braces or after a question mark are left out, and so are all keys after the
    first error.
    """
    found: dict[str, Place] = {}
    loader = None
    try:
        loader = event_reader()(text)
        _find_keys(loader.get_event, found)
    except (yaml.YAMLError, ValueError, OverflowError):
        return found
    finally:
        if loader is not None:
            loader.dispose()
    return found


def _find_keys(next_event: Callable[[], Any], found: dict[str, Place]) -> None:
    depth, indent, is_key = 0, -1, False
    while (event := next_event()) is not None:
        kind = type(event)
        if kind is MappingStartEvent and depth == 0 and not event.flow_style:
            indent = event.start_mark.column
        if kind is MappingEndEvent or kind is SequenceEndEvent:
            depth -= 1
        elif depth == 1 and indent >= 0:
            is_key = not is_key
            mark = event.start_mark
            if is_key and kind is ScalarEvent and mark.column == indent and _is_bare(event):
                found[event.value] = (mark.line + 1, mark.column + 1)
        if kind is MappingStartEvent or kind is SequenceStartEvent:
            depth += 1


def _is_bare(event: Any) -> bool:
    return event.style in {None, ""} and event.anchor is None and event.tag is None


@cache
def event_reader() -> Any:
    """Returns PyYAML's libyaml loader, or its Python one, which gives the same events slowly.

    Warns once if there is no libyaml.
    """
    if yaml.__with_libyaml__:
        return yaml.CSafeLoader
    from multiprocessing import parent_process

    if parent_process() is None:  # not once more in each worker
        log.warning(_WITHOUT_LIBYAML)
    return yaml.SafeLoader


def load(text: str, found: dict[Path, Place] | None = None) -> Node:
    """Returns the only document of the text, ``""`` if it has none.

    Adds the places of all values to `found`.

    Raises:
        YamlError: the text is not valid YAML, or has something that is refused.
    """
    loader = None
    try:
        loader = event_reader()(text)
        return _walk(loader.get_event, found)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = error.problem or error.context or ""
        hint = next((hint for start, hint in _HINTS if start in problem), "")
        raise _error_at(mark, f"not valid YAML: {problem}{hint}") from None
    except yaml.reader.ReaderError as error:
        # libyaml counts bytes, the Python reader characters.
        before = text[: error.position]
        if yaml.__with_libyaml__:
            before = text.encode()[: error.position].decode(errors="ignore")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        raise YamlError(line, column, f"not valid YAML: {error.reason}") from None
    except (ValueError, OverflowError):  # the Python reader, of escapes and versions out of range
        line, column = (loader.line + 1, loader.column + 1) if loader is not None else (0, 0)
        raise YamlError(line, column, "not valid YAML: a number is out of range") from None
    finally:
        if loader is not None:
            loader.dispose()


def _error_at(mark: Any, reason: str) -> YamlError:
    return YamlError(mark.line + 1, mark.column + 1, reason) if mark else YamlError(0, 0, reason)


def _walk(next_event: Callable[[], Any], found: dict[Path, Place] | None) -> Node:
    """Builds the document from events, in one loop because every seed passes through it."""
    documents: list[Any] = []
    current: Any = documents
    in_mapping = False
    key: Any = _NO_KEY
    values = 0
    # The containers around `current`, each with the key of `current` in it.
    outer: list[tuple[Any, Any]] = []
    while (event := next_event()) is not None:
        kind = type(event)
        if kind is ScalarEvent:
            value: Any = event.value
            if event.anchor is not None or event.tag is not None:
                _refuse_properties(event)
            if in_mapping and key is _NO_KEY:
                if value in current or value == "<<":
                    raise _key_error(event)
                key = value
                continue
            if event.style and value and value.strip() in NULLS:
                value = QuotedNull(value)
        elif kind is MappingEndEvent or kind is SequenceEndEvent:
            current, _ = outer.pop()
            in_mapping = current.__class__ is dict
            key = _NO_KEY
            continue
        elif kind is MappingStartEvent or kind is SequenceStartEvent:
            _check_start(event, is_key=in_mapping and key is _NO_KEY, depth=len(outer))
            value = {} if kind is MappingStartEvent else []
        else:
            _check_other(event, is_first=not documents)
            continue
        values += 1
        if values > MAX_VALUES:
            raise _error_at(event.start_mark, f"more than {MAX_VALUES:,} values")
        if in_mapping:
            current[key] = value
        else:
            current.append(value)
        if found is not None:
            path = _path(outer, current, key)
            found[path] = (event.start_mark.line + 1, event.start_mark.column + 1)
        if kind is not ScalarEvent:
            outer.append((current, key))
            current = value
            in_mapping = kind is MappingStartEvent
        key = _NO_KEY
    return documents[0] if documents else ""


def _check_start(event: Any, *, is_key: bool, depth: int) -> None:
    """Refuses a mapping or list with properties, as a key, or nested too deep."""
    _refuse_properties(event)
    if is_key:
        raise _error_at(event.start_mark, "a key must be plain text")
    if depth == MAX_DEPTH:
        raise _error_at(event.start_mark, f"more than {MAX_DEPTH} levels deep")


def _check_other(event: Any, *, is_first: bool) -> None:
    """Refuses an alias, and the start of a document that is not the first."""
    if type(event) is AliasEvent:
        raise _error_at(event.start_mark, "aliases (*name) are not allowed")
    if type(event) is DocumentStartEvent and not is_first:
        raise _error_at(event.start_mark, "a second document is not allowed")


def _refuse_properties(event: Any) -> None:
    if event.anchor is not None:
        raise _error_at(event.start_mark, "anchors (&name) are not allowed")
    if event.tag is not None:
        raise _error_at(event.start_mark, "tags (!name) are not allowed")


def _key_error(event: Any) -> YamlError:
    if event.value == "<<":
        return _error_at(event.start_mark, "merge keys (<<) are not allowed")
    reason = f"the key {event.value[:80]!r} stands twice in one mapping"
    return _error_at(event.start_mark, reason)


def _path(outer: list[tuple[Any, Any]], current: Any, key: Any) -> Path:
    steps: list[str | int] = []
    for container, step in (*outer, (current, key)):
        if container.__class__ is dict:
            steps.append(step)
        else:
            steps.append(len(container) - 1)
    return tuple(steps[1:])  # the first step is the list of documents
