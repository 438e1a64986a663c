"""Who imports whom: dependencies point one way, and outside libraries stay behind their door."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).parent.parent.parent / "feeds"

# From the words that all others use up to the command line; imports point to lower layers only.
# Those that stand in one layer do not know each other.
LAYERS = (
    {"common"},
    {"config"},
    {"seeds", "store", "select", "render", "publish", "images"},
    {"pipeline"},
    {"daemon", "serve"},
    {"cli"},
    {"__main__"},
)
# `feeds` itself, "", has the names of the library.
RANKS = {unit: rank for rank, units in enumerate([*LAYERS, {""}]) for unit in units}

# Who may import what does not come with Python, or stands for I/O.
DOORS = {
    "feedgen": {"render"},
    "babel": {"render"},
    "jinja2": {"render"},
    "lxml": {"render"},
    "sqlite3": {"store"},
    "yaml": {"seeds"},
    "ryml": {"seeds"},
    "nh3": {"seeds"},
    "markdown_it": {"seeds"},
    "distributed": {"common"},
    "ftfy": {"common"},
    "idna": {"common"},
    "dateutil": {"common"},
    "rich": {"cli"},
    "httpx": {"images", "publish"},
    "httpcore": {"images"},
    "PIL": {"images"},
    "argcomplete": {"cli"},
    "argparse": {"cli"},
    "apscheduler": {"common", "config"},
    "structlog": {"daemon", "serve"},
    "watchfiles": {"daemon"},
    "fcntl": {"common"},
    "brotli": {"publish"},
    "granian": {"serve"},
    "prometheus_client": {"serve"},
    "uvloop": {"serve"},
    "zstandard": {"publish"},
    "obstore": {"common"},
}


def modules() -> dict[str, Path]:
    """Returns every module of the package with its file."""
    return {
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(
            ".__init__"
        ): path
        for path in sorted(PACKAGE.rglob("*.py"))
    }


MODULES = modules()


class Used(NamedTuple):
    """The modules that a file imports, wherever in it, and those of feeds that it names in strings.

    Strings are names alone, or "module:name".
    """

    imported: set[str]
    named: set[str]


def used_by(path: Path) -> Used:
    """Returns what a file uses."""
    used = Used(set(), set())
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            used.imported.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                used.imported.add(inner if inner in MODULES else str(node.module))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            used.named.update({node.value.partition(":")[0]} & MODULES.keys())
    return used


@pytest.fixture(scope="module")
def uses() -> dict[str, Used]:
    """What every module uses."""
    return {module: used_by(path) for module, path in MODULES.items()}


@pytest.fixture(scope="module")
def edges(uses: dict[str, Used]) -> set[tuple[str, str]]:
    """Which part of feeds uses which other."""
    return {
        (unit_of(module), unit_of(other))
        for module, used in uses.items()
        for other in used.imported | used.named
        if other.split(".")[0] == "feeds" and unit_of(module) != unit_of(other)
    }


def unit_of(module: str) -> str:
    """Returns the top-level part of feeds that a module belongs to, "" for feeds itself."""
    return module.split(".")[1] if "." in module else ""


# Modules of cli that are no commands.
SHARED_BY_COMMANDS = {
    *("feeds.cli", "feeds.cli.options", "feeds.cli.console", "feeds.cli.main", "feeds.cli.parser")
}


def test_imports_walk_sees_what_is_known_to_be_there(
    uses: dict[str, Used], edges: set[tuple[str, str]]
) -> None:
    assert ("pipeline", "publish") in edges
    assert "feeds.render.documents" in uses["feeds.pipeline.remember"].imported  # in a function
    assert "rich.progress" in uses["feeds.cli.console"].imported  # under TYPE_CHECKING
    assert "feedgen.feed" in uses["feeds.render.rss"].imported
    assert any(used.named for used in uses.values())


def test_imports_walk_sees_modules_in_strings(tmp_path: Path) -> None:
    file = tmp_path / "loads.py"
    file.write_text(
        '"""feeds.store"""\nA = ["feeds.cli.main", "feeds.cli.main:run", "ftfy", "x"]\n'
    )
    assert used_by(file).named == {"feeds.store", "feeds.cli.main"}


def test_imports_every_unit_has_its_layer() -> None:
    assert {unit_of(module) for module in MODULES} == set(RANKS)


def test_imports_feeds_itself_imports_the_library_alone_and_only_when_asked(
    uses: dict[str, Used],
) -> None:
    assert uses["feeds"].imported == {"typing", "feeds.pipeline.library"}
    code = "import sys, feeds; print([name for name in sys.modules if name.startswith('feeds.')])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


def test_imports_point_to_lower_layers(edges: set[tuple[str, str]]) -> None:
    assert {(a, b) for a, b in edges if b and RANKS[b] >= RANKS[a]} == set()


def test_imports_of_commands_name_no_other_command(uses: dict[str, Used]) -> None:
    commands = {name for name in MODULES if unit_of(name) == "cli"} - SHARED_BY_COMMANDS
    assert commands
    found = {
        (command, other)
        for command in commands
        for other in (uses[command].imported | uses[command].named) & commands - {command}
    }
    assert found == set()


def test_imports_have_no_circle(uses: dict[str, Used]) -> None:
    graph = {module: used.imported & MODULES.keys() for module, used in uses.items()}
    graph["feeds"] = set()  # it imports when it is asked, and all others have been imported
    TopologicalSorter(graph).prepare()


def test_imports_of_a_library_stay_behind_its_door(uses: dict[str, Used]) -> None:
    users: dict[str, set[str]] = {library: set() for library in DOORS}
    for module, used in uses.items():
        for library in {other.split(".")[0] for other in used.imported} & DOORS.keys():
            users[library].add(unit_of(module))
    assert users == DOORS


def test_imports_of_selection_bring_no_io_in(uses: dict[str, Used]) -> None:
    selection = [used.imported for name, used in uses.items() if unit_of(name) == "select"]
    assert selection
    io = {"io", "os", "pathlib", "socket", "subprocess", "time"}
    assert [used & io for used in selection if used & io] == []
