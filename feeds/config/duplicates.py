"""What may stand in config.toml only once, and stands there twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from feeds.common.slugs import slug
from feeds.common.text import fold
from feeds.common.urls import normal_domain
from feeds.config.lines import Key


class Repeat(NamedTuple):
    """Where something stands that was said before, of what kind it is, and what it is."""

    place: Key
    kind: str
    value: str


def find_duplicates(data: dict[str, Any]) -> Iterator[Repeat]:
    """Yields whatever is said twice.

    Looks at the data as it was written: the model would let the last one win in silence.
    """
    topics, providers = _table(data, "topics"), _table(data, "providers")
    yield from _second(Repeat(("topics", name), "topics", fold(name)) for name in topics)
    yield from _second(
        Repeat(("providers", name), "providers", normal_domain(name) or name) for name in providers
    )
    for section, named in (("topics", topics), ("providers", providers)):
        yield from _second(
            Repeat((section, name, "slug"), f"{section}.slug", value["slug"])
            for name, value in named.items()
            if isinstance(value, dict) and isinstance(value.get("slug"), str) and value["slug"]
        )
    for section, describe in (("rules", _pair), ("feeds", _address)):
        found = ((number, describe(row)) for number, row in _rows(data, section))
        yield from _second(
            Repeat((section, number), section, value) for number, value in found if value
        )


def _pair(rule: dict[str, Any]) -> str:
    topic, provider = rule.get("topic"), rule.get("provider")
    if not isinstance(topic, str) or not isinstance(provider, str):
        return ""
    return f"{fold(topic)} from {normal_domain(provider) or provider}"


def _address(feed: dict[str, Any]) -> str:
    name, given = feed.get("name"), feed.get("slug", "")
    if not isinstance(name, str) or not isinstance(given, str) or not fold(name):
        return ""
    return f"custom/{given or slug(name)}"


def _table(data: dict[str, Any], name: str) -> dict[str, Any]:
    value = data.get(name)
    return value if isinstance(value, dict) else {}


def _rows(data: dict[str, Any], name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    value = data.get(name)
    for number, row in enumerate(value if isinstance(value, list) else ()):
        if isinstance(row, dict):
            yield number, row


def _second(found: Iterable[Repeat]) -> Iterator[Repeat]:
    seen: set[str] = set()
    for one in found:
        if one.value in seen:
            yield one
        seen.add(one.value)
