"""What the pages say of keys, commands, codes, fields and files is what the program has."""

from __future__ import annotations

import argparse
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from feeds.cli.main import _parser
from feeds.common.errors import FeedsError
from feeds.common.slugs import slug
from feeds.config import Config, load_config
from feeds.render import atom, html, jsonfeed, opml, rss
from feeds.seeds.scan import SUFFIXES
from tests.project.test_imports import LAYERS
from tests.support.markdown import ROOT, Page, blocks, code, tables
from tests.support.site import Site, front_matter, seed_text

README = Page("README.md")
ARCHITECTURE = Page("docs/internals/architecture.md")
PAGES = (
    *("README.md", "CHANGELOG.md", "docs/internals/architecture.md", "docs/templates.md"),
    "benchmarks/README.md",
)
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


# Configuration

# What the models want before they can be asked about one key.
REQUIRED: dict[str, dict[str, Any]] = {
    "[[rules]]": {"topic": "AI", "provider": "example.com", "min_quality": 1},
    "[[feeds]]": {"name": "Mine"},
}


def models(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, type[BaseModel]]]:
    """Yields every table of config.toml as the README heads it, with its model."""
    for name, field in model.model_fields.items():
        kind: Any = field.annotation
        inner = [part for part in (kind, *get_args(kind)) if _is_model(part)]
        if not inner:
            continue
        place = f"{path}{name}"
        if inner[0] is not kind:
            many = str(kind).startswith("tuple")
            key = {"topics": "NAME", "providers": "DOMAIN"}.get(name)
            yield (f"[[{place}]]" if many else f'[{place}."{key}"]'), inner[0]
        else:
            yield f"[{place}]", inner[0]
            yield from models(inner[0], f"{place}.")


def _is_model(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


MODELS = dict(models(Config))
KEYS = [
    (heading, name, field)
    for heading, model in MODELS.items()
    for name, field in model.model_fields.items()
    if not _is_model(field.annotation)
]


def described(heading: str) -> dict[str, dict[str, str]]:
    """Returns the rows of a reference table by their key."""
    (table, *_) = tables(README.section(heading))
    return {code(row["key"])[0]: row for row in table}


def value_of(heading: str, key: str, value: object) -> object:
    """Returns what the model makes of a value for one key."""
    model = MODELS[heading].model_validate(REQUIRED.get(heading, {}) | {key: value})
    return getattr(model, key)


def test_config_tables_of_the_readme_are_those_of_the_model() -> None:
    headings = [heading for heading in README.headings() if heading.startswith("[")]
    assert sorted(headings) == sorted(MODELS)


@pytest.mark.parametrize("heading", MODELS)
def test_config_keys_of_the_readme_are_those_of_the_model(heading: str) -> None:
    assert list(described(heading)) == [key for table, key, _ in KEYS if table == heading]


@pytest.mark.parametrize(("heading", "key", "field"), KEYS)
def test_config_default_in_the_readme_is_true(heading: str, key: str, field: FieldInfo) -> None:
    cell = described(heading)[key]["default"]
    if field.is_required():
        assert cell == "required"
    elif field.default is None:
        assert cell == "none"
    else:
        (written,) = code(cell)
        assert value_of(heading, key, tomllib.loads(f"x = {written}")["x"]) == field.default


@pytest.mark.parametrize(("heading", "key"), [(heading, key) for heading, key, _ in KEYS])
def test_config_range_in_the_readme_is_true(heading: str, key: str) -> None:
    kind = described(heading)[key]["type"].replace(",", "")
    limits = re.search(r"^integer(?: (-?\d+) to (\d+)| from (-?\d+))$", kind)
    if not limits:
        assert not kind.startswith("integer")
        return
    low = int(limits[1] or limits[3])
    assert value_of(heading, key, low) == low
    with pytest.raises(ValidationError):
        value_of(heading, key, low - 1)
    if limits[2]:
        high = int(limits[2])
        assert value_of(heading, key, high) == high
        with pytest.raises(ValidationError):
            value_of(heading, key, high + 1)


@pytest.mark.parametrize("toml", blocks(README.text, "toml"))
def test_config_in_the_readme_can_be_used(toml: str, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(toml, encoding="utf-8")
    load_config(tmp_path / "config.toml", {})


def test_config_variables_in_the_readme_can_be_used(tmp_path: Path) -> None:
    written = [text for text in code(README.prose) if re.match(r"FEEDS_\w+=", text)]
    variables = {}
    for text in written:
        name, _, value = shlex.split(text)[0].partition("=")
        variables[name] = value
    (tmp_path / "config.toml").touch()
    config = load_config(tmp_path / "config.toml", variables).config
    assert config.site.author.name == "Ada"
    assert config.paths.seeds == (tmp_path / "seeds", tmp_path / "archive")


# Commands


def commands(
    parser: argparse.ArgumentParser, name: str = ""
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Yields the commands of a parser by name, those of groups with the group's name before it."""
    groups = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
    if not groups:
        yield name, parser
    for group in groups:
        for inner, choice in group.choices.items():
            yield from commands(choice, f"{name} {inner}".strip())


COMMANDS = dict(commands(_parser()))


def test_commands_of_the_readme_are_those_of_the_parser() -> None:
    headings = re.findall(r"^### `feeds ([\w ]+)`$", README.section("Commands"), re.MULTILINE)
    assert headings == list(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_options_of_the_readme_are_those_of_the_parser(name: str) -> None:
    text = README.section(f"feeds {name}")
    rows = [row for table in tables(text) for row in table]
    wanted = []
    for action in COMMANDS[name]._actions:
        if not action.option_strings:
            assert f"`feeds {name} {action.metavar}`" in text
        elif action.dest != "help":
            wanted.append(f"{action.option_strings[-1]} {action.metavar or ''}".strip())
    assert [code(row["option"])[0] for row in rows] == wanted


def documented_codes() -> set[int]:
    """Returns the exit codes that the README lists."""
    (table,) = tables(README.section("Exit codes"))
    return {int(row["code"]) for row in table}


def test_exit_codes_of_the_readme_are_those_of_errors_and_commands() -> None:
    errors = {error.exit_code for error in FeedsError.__subclasses__()}
    assert documented_codes() == {0, 1, FeedsError.exit_code, 130} | errors


def test_exit_codes_are_what_the_readme_says(site: Site) -> None:
    site.seed()
    assert site.run("export", "--strict").code == 0
    assert site.run("explain", "urn:uuid:unknown").code == 2
    site.seed(heat="warm")
    assert site.run("check").code == 1
    assert site.run("export", "--strict").code == 1
    assert site.run("export").code == 0
    (site.seeds / "a.txt").unlink()
    assert site.run("export").code == 0
    assert site.run("export", "--strict").code == 1
    site.state.unlink()
    assert site.run("export").code == 3
    site.configure("[sight]\n")
    assert site.run("check").code == 2


# Seeds and documents


def seed_fields() -> list[dict[str, str]]:
    """Returns the rows of the table of the fields of a seed."""
    return next(table for table in tables(README.section("Seeds")) if "field" in table[0])


@pytest.mark.parametrize("row", seed_fields(), ids=lambda row: row["field"])
def test_seed_field_is_treated_as_the_readme_says(row: dict[str, str], site: Site) -> None:
    (name,) = code(row["field"])
    # A list where one value is wanted, one value where a list is wanted: always wrong.
    wrong = "wrong" if "list" in row["accepted"] else ["wrong"]
    fields: dict[str, Any] = front_matter(webUrl="https://news.example.com/web")
    outer, _, inner = name.rpartition(".")
    part = fields[outer] if outer else fields

    site.write("a.txt", seed_text(fields))
    assert not site.run("check", "--json").report()["problems"]

    part[inner] = wrong
    site.write("a.txt", seed_text(fields))
    severity = "error" if row["when wrong"] == "seed refused" else "warning"
    problems = site.run("check", "--json").report()["problems"]
    assert [(one["field"], one["severity"]) for one in problems] == [(name, severity)]
    assert severity == "error" or row["when wrong"].endswith("dropped, warning")

    del part[inner]
    site.write("a.txt", seed_text(fields))
    problems = site.run("check", "--json").report()["problems"]
    assert [one["field"] for one in problems] == ([name] if row["required"] == "yes" else [])


def test_seed_without_either_url_is_refused_as_the_readme_says(site: Site) -> None:
    rows = [code(row["field"])[0] for row in seed_fields() if row["required"] == "one of the two"]
    fields = {name: value for name, value in front_matter().items() if name not in rows}
    site.write("a.txt", seed_text(fields))
    assert site.run("check").code == 1


def test_seed_in_the_readme_has_no_problem(site: Site) -> None:
    (example,) = blocks(README.section("Seeds"), "markdown")
    site.write("a.md", example)
    assert site.run("check", "--json").report()["problems"] == []


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_suffix_of_seeds_is_in_the_readme(suffix: str) -> None:
    assert suffix in code(README.section("Seeds"))


def test_slugs_in_the_readme_are_true() -> None:
    table = tables(README.section("Feeds and addresses"))[1]
    for row in table:
        assert code(row["slug"]) == [slug(*code(row["name"]))]


def test_media_types_in_the_readme_are_true() -> None:
    (table, *_) = tables(README.section("Documents"))
    written = [
        (*code(row["extension"]), *code(row["media type to serve it with"])) for row in table
    ]
    formats = [(f".{one.EXTENSION}", one.MEDIA_TYPE) for one in (atom, rss, jsonfeed, html)]
    assert written == [*formats, (Path(opml.PATH).suffix, opml.MEDIA_TYPE)]


# Dependencies


def names(requirements: list[str]) -> list[str]:
    """Returns the names of packages, without versions and in one order."""
    return sorted(re.split(r"[<>=!~;\[ ]", one)[0].lower() for one in requirements)


@pytest.mark.parametrize(
    ("number", "requirements"),
    [(0, PYPROJECT["dependencies"]), (1, PYPROJECT["optional-dependencies"]["dev"])],
    ids=["run", "dev"],
)
def test_dependencies_of_the_readme_are_those_of_pyproject(
    number: int, requirements: list[str]
) -> None:
    table = tables(README.section("Dependencies"))[number]
    assert all(row["why"] for row in table)
    assert sorted(row["package"].lower() for row in table) == names(requirements)


# Files


@pytest.mark.parametrize(
    ("page", "target"), [(page, target) for page in PAGES for target in Page(page).links()]
)
def test_link_leads_somewhere(page: str, target: str) -> None:
    if target.startswith("https://"):
        return
    path, _, anchor = target.partition("#")
    file = (ROOT / page).parent / path if path else ROOT / page
    assert file.exists()
    if anchor:
        assert anchor in Page(str(file.relative_to(ROOT))).anchors()


@pytest.mark.parametrize("page", PAGES)
def test_files_that_a_page_names_exist(page: str) -> None:
    folders = "feeds|tests|docs|deploy|benchmarks|stubs|[.]ci"
    named = [one for one in code(Page(page).prose) if re.fullmatch(rf"(?:{folders})/[\w./]*", one)]
    assert [one for one in named if not (ROOT / one).exists()] == []


def test_make_targets_in_the_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    used = set(re.findall(r"^make (\w+)|`make (\w+)", README.text, re.MULTILINE))
    assert {one or other for one, other in used} <= targets


def test_modules_of_the_architecture_are_those_of_the_package() -> None:
    (table, *_) = tables(ARCHITECTURE.section("The way of data"))
    named = [code(row["package"])[0] + code(row["module"])[0] for row in table]
    folder = ROOT / "feeds"
    modules = [path for path in folder.glob("*/*.py") if path.name != "__init__.py"]
    assert sorted(named) == sorted(str(path.relative_to(ROOT)) for path in modules)


def test_layers_of_the_architecture_are_those_that_are_held() -> None:
    (table,) = tables(ARCHITECTURE.section("Invariants"))
    assert tuple(set(code(row["packages of one layer"])) for row in table) == LAYERS
