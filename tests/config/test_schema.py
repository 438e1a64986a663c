"""The JSON Schema of config.toml accepts what the model accepts, and refuses slips."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any, get_origin

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from feeds.config.model import Config
from feeds.config.schema import Table, fields_of, json_schema, read_table, table_in
from tests.config.test_types import TAKEN
from tests.support.markdown import ROOT, blocks

SCHEMA = json_schema(Config)
VALIDATOR = Draft202012Validator(SCHEMA)

WORDS = [
    "",
    "true",
    "NO",
    "1",
    " 07 ",
    "8MiB",
    "15m",
    "2 W",
    "cached",
    "all",
    "off",
    "excerpt",
    "notice",
    "processes",
    "en-GB",
    "UTC",
    "07:00",
    "mon",
    "week",
]
WORDS += [
    "https://example.org/",
    "example.org",
    "a-b",
    "*/5 * * * *",
    "127.0.0.1:9",
    "0.5",
    "10.0.0.0/8",
]
SCALARS = st.sampled_from([*WORDS, *(taken[1] for taken in TAKEN)]) | st.text(max_size=5)
SCALARS |= st.integers(-2, 100_000) | st.floats(-1, 2) | st.booleans()
VALUES = SCALARS | st.lists(SCALARS | st.lists(SCALARS, max_size=2), max_size=3)


def leaves(kind: type[Table], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yields the path of every key that holds no tables; "*" stands for a name, "[]" for a list."""
    for name, field in fields_of(kind).items():
        table = table_in(field.type)
        if table is None:
            yield (*path, name)
        else:
            step = {dict: ("*",), tuple: ("[]",)}.get(get_origin(field.type), ())
            yield from leaves(table, (*path, name, *step))


LEAVES = list(leaves(Config))


REQUIRED = {
    "rules": {"topic": "AI", "provider": "example.org"},
    "feeds": {"name": "F"},
    "digests": {"name": "D", "every": "week"},
    "readers": {"name": "R"},
}


def around(path: tuple[str, ...], value: Any) -> Any:
    """Returns the configuration that has this value at a path, and what else must be there."""
    for number, step in reversed([*enumerate(path)]):
        if step == "[]":
            value = [REQUIRED[path[number - 1]] | value]
        else:
            value = {"example.org" if step == "*" else step: value}
    return value


def test_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert len(LEAVES) > 60


@given(path=st.sampled_from(LEAVES), value=VALUES)
@settings(max_examples=settings().max_examples * 3)
def test_schema_accepts_each_value_that_the_model_accepts(
    path: tuple[str, ...], value: object
) -> None:
    data = around(path, value)
    if read_table(Config, data)[0] is not None:
        assert list(VALIDATOR.iter_errors(data)) == []


@pytest.mark.parametrize("path", LEAVES, ids=".".join)
def test_schema_knows_a_good_value_of_each_key(path: tuple[str, ...]) -> None:
    good = [taken[1] for taken in TAKEN] + [*WORDS, 5, ["a"], [["a"]], ["example.org"], ["a-b"]]
    good += [["en"], ["10.0.0.0/8"], [208], False, 0, "feed:{raw}", "json"]
    accepted = [data for value in good if read_table(Config, data := around(path, value))[0]]
    assert accepted or path[0] == "rules"
    for data in accepted:
        assert VALIDATOR.is_valid(data), data


@pytest.mark.parametrize("page", ["docs/configuration.md", "docs/selection.md"])
def test_schema_accepts_the_configurations_of_the_docs(page: str) -> None:
    for block in blocks((ROOT / page).read_text(encoding="utf-8"), "toml"):
        assert list(VALIDATOR.iter_errors(tomllib.loads(block))) == []


@pytest.mark.parametrize(
    "toml",
    [
        "titel = 1",
        "[site]\ntitel = 'x'",
        "[site]\ntitle = 1",
        "[site]\npages = 'perhaps'",
        "[images]\nfetch = 'some'",
        "[images]\nmax_bytes = '8 apples'",
        "[selection]\nmin_quality = 101",
        "[selection]\nmin_quality = 0.5",
        "[selection]\nexposure = '48'",
        "[paths]\nseeds = []",
        "[paths]\nmax_gone = 2",
        "[topics]\nAI = 60",
        "[topics.AI]\nquality = 60",
        "[[feeds]]\ntitle = 'x'",
        "[rules]\ntopic = 'AI'",
        "[[rules]]\ntopic = 'AI'",
        "[serve]\nport = 0",
    ],
)
def test_schema_refuses_slips(toml: str) -> None:
    data = tomllib.loads(toml)
    assert read_table(Config, data)[0] is None
    assert not VALIDATOR.is_valid(data)
