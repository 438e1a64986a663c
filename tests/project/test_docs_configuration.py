"""What the documentation says of the configuration is what the models have."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import FieldInfo

from feeds.config import Config, load_config
from feeds.config.schema import Table, fields_of, table_in
from tests.support.markdown import Manual, code, tables
from tests.support.site import made

MANUAL = Manual()
CONFIGURATION = MANUAL["docs/configuration.md"]

# What the models want before they can be asked about one key.
REQUIRED: dict[str, dict[str, Any]] = {
    "[[rules]]": {"topic": "AI", "provider": "example.com", "min_quality": 1},
    "[[feeds]]": {"name": "Mine"},
    "[[digests]]": {"name": "Mine", "every": "week"},
    "[[site.readers]]": {"name": "Mine"},
}


def models(model: type[Table], path: str = "") -> Iterator[tuple[str, type[Table]]]:
    """Yields every table of config.toml as its page heads it, with its model."""
    for name, field in fields_of(model).items():
        kind, inner = field.type, table_in(field.type)
        if inner is None:
            continue
        place = f"{path}{name}"
        if inner is not kind:
            many = str(kind).startswith("tuple")
            key = {"topics": "NAME", "providers": "DOMAIN"}.get(name)
            yield (f"[[{place}]]" if many else f'[{place}."{key}"]'), inner
        else:
            yield f"[{place}]", inner
            yield from models(inner, f"{place}.")


MODELS = dict(models(Config))
KEYS = [
    (heading, name, field)
    for heading, model in MODELS.items()
    for name, field in fields_of(model).items()
    if table_in(field.type) is not field.type
]


def described(heading: str) -> dict[str, dict[str, str]]:
    """Returns the rows of a reference table by their key."""
    (table, *_) = tables(CONFIGURATION.section(heading))
    return {code(row["key"])[0]: row for row in table}


def value_of(heading: str, key: str, value: object) -> object:
    """Returns what the model makes of a value for one key."""
    return getattr(made(MODELS[heading], REQUIRED.get(heading, {}) | {key: value}), key)


def test_config_tables_of_the_docs_are_those_of_the_model() -> None:
    headings = [heading for heading in CONFIGURATION.headings() if heading.startswith("[")]
    assert sorted(headings) == sorted(MODELS)


@pytest.mark.parametrize("heading", MODELS)
def test_config_keys_of_the_docs_are_those_of_the_model(heading: str) -> None:
    assert sorted(described(heading)) == sorted(key for table, key, _ in KEYS if table == heading)


@pytest.mark.parametrize(("heading", "key", "field"), KEYS)
def test_config_default_in_the_docs_is_true(heading: str, key: str, field: FieldInfo) -> None:
    cell = described(heading)[key]["default"]
    if field.required:
        assert cell == "required"
    elif field.default is None:
        assert cell == "none"
    else:
        (written,) = code(cell)
        assert value_of(heading, key, tomllib.loads(f"x = {written}")["x"]) == field.default


@pytest.mark.parametrize(("heading", "key"), [(heading, key) for heading, key, _ in KEYS])
def test_config_range_in_the_docs_is_true(heading: str, key: str) -> None:
    kind = described(heading)[key]["type"].replace(",", "")
    limits = re.search(r"^integer(?: (-?\d+) to (\d+)| from (-?\d+))$", kind)
    if not limits:
        assert not kind.startswith("integer")
        return
    low = int(limits[1] or limits[3])
    assert value_of(heading, key, low) == low
    with pytest.raises(ValueError, match="wanted"):
        value_of(heading, key, low - 1)
    if limits[2]:
        high = int(limits[2])
        assert value_of(heading, key, high) == high
        with pytest.raises(ValueError, match="wanted"):
            value_of(heading, key, high + 1)


@pytest.mark.parametrize("toml", MANUAL.blocks("toml"))
def test_config_in_the_docs_can_be_used(toml: str, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(toml, encoding="utf-8")
    load_config(tmp_path / "config.toml", {})


def test_config_variables_in_the_docs_can_be_used(tmp_path: Path) -> None:
    written = [text for text in MANUAL.code() if re.match(r"FEEDS_\w+=", text)]
    variables = {}
    for text in written:
        name, _, value = shlex.split(text)[0].partition("=")
        variables[name] = value
    (tmp_path / "config.toml").touch()
    config = load_config(tmp_path / "config.toml", variables).config
    assert config.site.author.name == "Ada"
    assert config.paths.seeds == (tmp_path / "seeds", tmp_path / "archive")
