"""The JSON Schema of a seed accepts what the parser accepts, and refuses slips."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from feeds.seeds.json_schema import seed_schema
from feeds.seeds.parse import ParseOptions
from feeds.seeds.read import judge_seed
from feeds.seeds.schema import KNOWN_KEYS
from tests.support.site import front_matter

SCHEMA = seed_schema()
VALIDATOR = Draft202012Validator(SCHEMA)

WORDS = ["", "~", "null", " NULL", "Yes", "off", "TRUE", "50", " +7 ", "en-GB", "2026-02-01"]
WORDS += ["https://example.com/a.jpg", "example.com", "2026-02-01T08:00:00Z", "20260201"]
# Invisible characters are taken out of a text before it is judged.
TEXTS = st.text(st.characters(exclude_categories=["C"]), max_size=4)
SCALARS: st.SearchStrategy[Any] = st.sampled_from(WORDS) | TEXTS
SCALARS |= st.none() | st.booleans() | st.integers(-2, 200) | st.floats(0, 3)
KEYS = ["title", "url", "webUrl", "originalUrl", "width", "isCached", "provider", "quality"]
PARTS = st.dictionaries(st.sampled_from([*KEYS, "domain", "name"]), SCALARS, max_size=4)
GOOD_PARTS = PARTS.map(lambda part: {"title": "T", "url": "https://a.example/b"} | part)
GOOD_PARTS |= PARTS.map(lambda part: {"title": "T", "webUrl": "https://a.example/b"} | part)
VALUES = SCALARS | PARTS | st.lists(SCALARS | GOOD_PARTS, max_size=3)


def is_accepted(fields: dict[str, Any]) -> bool:
    """Tells whether the parser has nothing against front matter; JSON is a part of YAML."""
    data = json.dumps(fields, ensure_ascii=False).encode()
    return not judge_seed("a.yaml", "a.yaml", data, ParseOptions()).problems


def test_schema_is_one_and_has_every_key() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert set(SCHEMA["properties"]) == KNOWN_KEYS


@given(changes=st.dictionaries(st.sampled_from(sorted(KNOWN_KEYS)), VALUES, max_size=3))
@settings(max_examples=settings().max_examples * 2)
def test_schema_accepts_each_seed_that_the_parser_accepts(changes: dict[str, Any]) -> None:
    fields = front_matter() | changes
    if is_accepted(fields):
        assert list(VALIDATOR.iter_errors(fields)) == []


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"topics": None, "heat": "", "published": "on", "quality": "70"},
        {"images": [{"url": "https://example.com/a.jpg", "width": 3, "isCached": "no"}]},
        {"related": [{"title": "T", "originalUrl": "https://example.com/a", "quality": None}]},
        {"originalUrl": None, "webUrl": "https://example.com/a"},
        {"title": 1984, "topics": [2026, True, None]},
        {"secured": "x", "unheardOf": {"a": 1}},
    ],
)
def test_schema_accepts(changes: dict[str, Any]) -> None:
    fields = {**front_matter(), **changes}
    assert is_accepted(fields) or "secured" in fields
    assert list(VALIDATOR.iter_errors(fields)) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"title": None},
        {"title": ["a"]},
        {"quality": 101},
        {"quality": "high"},
        {"heat": -2},
        {"published": "perhaps"},
        {"provider": "example.com"},
        {"provider": {"name": "Example"}},
        {"topics": "AI"},
        {"images": ["https://example.com/a.jpg"]},
        {"images": [{"width": 3}]},
        {"images": [{"url": "https://example.com/a.jpg"}] * 51},
        {"related": [{"title": "T"}]},
        {"webUrl": ["https://example.com/a"]},
    ],
)
def test_schema_refuses_slips(changes: dict[str, Any]) -> None:
    fields = {**front_matter(), **changes}
    assert not is_accepted(fields)
    assert not VALIDATOR.is_valid(fields)


@pytest.mark.parametrize(
    "key", ["title", "publishedDateTime", "quality", "provider", "originalUrl"]
)
def test_schema_wants_what_every_seed_has(key: str) -> None:
    fields = {name: value for name, value in front_matter().items() if name != key}
    assert not is_accepted(fields)
    assert not VALIDATOR.is_valid(fields)
