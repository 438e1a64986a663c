"""What the pages say of keys, commands, codes, fields and files is what the program has."""

from __future__ import annotations

import argparse
import re
import sqlite3
import tomllib
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from feeds.cli.options import make_parser
from feeds.common.errors import FeedsError
from feeds.common.media import kind_of
from feeds.common.slugs import slug
from feeds.render import atom, html, jsonfeed, rss
from feeds.seeds.scan import SUFFIXES
from tests.support.markdown import ROOT, Manual, Page, blocks, code, tables
from tests.support.site import Site, front_matter, seed_text

MANUAL = Manual()
COMMAND_LINE = MANUAL["docs/commands.md"]
SEEDS = MANUAL["docs/seeds.md"]
INDEX = MANUAL["docs/index.md"]
PAGES = {page.path: page for page in MANUAL} | {
    path: Page(path)
    for path in ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "benchmarks/README.md")
}
LINKS = [(path, target) for path, page in PAGES.items() for target in page.links()]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


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


COMMANDS = dict(commands(make_parser()))
SHARED = {"loudness", "color"}


def test_commands_of_the_docs_are_those_of_the_parser() -> None:
    headings = re.findall(r"^## `feeds ([\w ]+)`$", COMMAND_LINE.text, re.MULTILINE)
    assert headings == list(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_options_of_the_docs_are_those_of_the_parser(name: str) -> None:
    text = COMMAND_LINE.section(f"feeds {name}")
    rows = [row for table in tables(text) for row in table]
    wanted = []
    for action in COMMANDS[name]._actions:
        if not action.option_strings:
            assert f"`feeds {name} {action.metavar}`" in text
        elif action.dest not in {"help", *SHARED}:
            wanted.append(f"{action.option_strings[-1]} {action.metavar or ''}".strip())
    assert [code(row["option"])[0] for row in rows] == wanted


@pytest.mark.parametrize("name", COMMANDS)
def test_options_of_every_command_stand_in_a_table_of_their_own(name: str) -> None:
    (table,) = tables(COMMAND_LINE.section("Options of every command"))
    actions = [one for one in COMMANDS[name]._actions if one.dest in {"help", *SHARED}]
    wanted = [f"{one.option_strings[-1]} {one.metavar or ''}".strip() for one in actions]
    assert [code(row["option"])[-1] for row in table] == wanted


def documented_codes() -> set[int]:
    """Returns the exit codes that the pages list."""
    (table,) = tables(COMMAND_LINE.section("Exit codes"))
    return {int(row["code"]) for row in table}


def test_exit_codes_of_the_docs_are_those_of_errors_and_commands() -> None:
    errors = {error.exit_code for error in FeedsError.__subclasses__()}
    assert documented_codes() == {0, 1, FeedsError.exit_code, 130} | errors


def test_exit_codes_are_what_the_docs_say(site: Site) -> None:
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
    return next(table for table in tables(SEEDS.text) if "field" in table[0])


@pytest.mark.parametrize("row", seed_fields(), ids=lambda row: row["field"])
def test_seed_field_is_treated_as_the_docs_say(row: dict[str, str], site: Site) -> None:
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


def test_seed_without_either_url_is_refused_as_the_docs_say(site: Site) -> None:
    rows = [code(row["field"])[0] for row in seed_fields() if row["required"] == "one of the two"]
    fields = {name: value for name, value in front_matter().items() if name not in rows}
    site.write("a.txt", seed_text(fields))
    assert site.run("check").code == 1


def test_seed_in_the_docs_has_no_problem(site: Site) -> None:
    (example,) = blocks(SEEDS.text, "markdown")
    site.write("a.md", example)
    assert site.run("check", "--json").report()["problems"] == []


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_suffix_of_seeds_is_in_the_docs(suffix: str) -> None:
    assert suffix in code(SEEDS.text)


def test_slugs_in_the_docs_are_true() -> None:
    table = tables(MANUAL["docs/addresses.md"].text)[1]
    for row in table:
        assert code(row["slug"]) == [slug(*code(row["name"]))]


def test_media_types_in_the_docs_are_true() -> None:
    (table, *_) = tables(MANUAL["docs/documents.md"].text)
    written = [
        (*code(row["extension"]), *code(row["media type to serve it with"])) for row in table
    ]
    extensions = (*(one.EXTENSION for one in (atom, rss, jsonfeed, html)), "opml")
    assert written == [(f".{one}", kind_of(one).media_type) for one in extensions]


# Dependencies


def names(requirements: list[str]) -> list[str]:
    """Returns the names of packages, without versions and in one order."""
    return sorted(re.split(r"[<>=!~;\[ ]", one)[0].lower() for one in requirements)


@pytest.mark.parametrize(
    ("number", "requirements"),
    [
        (0, PYPROJECT["dependencies"]),
        (1, PYPROJECT["optional-dependencies"]["dev"]),
        (2, PYPROJECT["optional-dependencies"]["docs"]),
        (
            3,
            [
                *PYPROJECT["optional-dependencies"]["dask"],
                *PYPROJECT["optional-dependencies"]["objects"],
            ],
        ),
    ],
    ids=["run", "dev", "docs", "optional"],
)
def test_dependencies_of_the_docs_are_those_of_pyproject(
    number: int, requirements: list[str]
) -> None:
    table = tables(MANUAL["docs/internals/dependencies.md"].text)[number]
    assert all(row["why"] for row in table)
    assert sorted(row["package"].lower() for row in table) == names(requirements)


# Files


@pytest.mark.parametrize(("page", "target"), LINKS)
def test_link_leads_somewhere(page: str, target: str) -> None:
    if target.startswith("https://"):
        return
    path, _, anchor = target.partition("#")
    file = (ROOT / page).parent / path if path else ROOT / page
    assert file.exists()
    if anchor:
        assert anchor in Page(str(file.resolve().relative_to(ROOT))).anchors()


@pytest.mark.parametrize("page", PAGES)
def test_files_that_a_page_names_exist(page: str) -> None:
    folders = "feeds|tests|docs|deploy|benchmarks|stubs|tools|changelog[.]d|[.]ci"
    named = [one for one in code(PAGES[page].prose) if re.fullmatch(rf"(?:{folders})/[\w./]*", one)]
    assert [one for one in named if not (ROOT / one).exists()] == []


def test_make_targets_that_pages_name_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    used = {
        one or other
        for page in PAGES.values()
        for one, other in re.findall(r"^make (\w+)|`make (\w+)", page.text, re.MULTILINE)
    }
    assert {"export", "test", "check", "docs"} <= used <= targets


def test_every_page_is_listed_in_the_table_of_contents() -> None:
    listed = [
        f"docs/{name}.md"
        for block in re.findall(r"^```{toctree}\n(.*?)^```$", INDEX.text, re.MULTILINE | re.DOTALL)
        for name in block.splitlines()
        if name and not name.startswith(":")
    ]
    pages = [path for path in MANUAL.paths if path not in {"README.md", INDEX.path}]
    assert sorted(listed) == pages


def test_readme_is_short_and_leads_to_every_page() -> None:
    readme = MANUAL["README.md"]
    assert len(readme.text.splitlines()) <= 200
    assert {path for path in MANUAL.paths if path not in {readme.path, INDEX.path}} <= set(
        readme.links()
    )


def test_tables_of_the_store_page_are_those_of_the_state_file(site: Site) -> None:
    site.seed()
    assert site.run("export").code == 0
    with closing(sqlite3.connect(site.state)) as connection:
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    (table, *_) = tables(MANUAL["docs/internals/store.md"].section("Tables"))
    made = {name for (name,) in names if not name.startswith("sqlite_")}
    assert {code(row["table"])[0] for row in table} == made


def test_helpers_of_the_testing_page_are_those_of_tests_support() -> None:
    page = MANUAL["docs/internals/testing.md"]
    (table,) = (one for one in tables(page.text) if "module" in one[0])
    listed = sorted(name for row in table for name in code(row["module"]))
    files = (ROOT / "tests/support").glob("*.py")
    assert listed == sorted(path.name for path in files if path.name != "__init__.py")
