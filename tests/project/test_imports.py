"""Who imports whom: dependencies point one way, and outside libraries stay behind their door."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

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
STAGES = LAYERS[RANKS["seeds"]]

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


def imported(path: Path) -> Iterator[str]:
    """Yields the modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in MODULES else str(node.module)


def named(path: Path) -> set[str]:
    """Returns the modules of feeds that a file names in strings, alone or as "module:name"."""
    return {
        node.value.partition(":")[0]
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    } & MODULES.keys()


def unit_of(module: str) -> str:
    """Returns the top-level part of feeds that a module belongs to, "" for feeds itself."""
    return module.split(".")[1] if "." in module else ""


MODULES = modules()
IMPORTS = {module: set(imported(path)) for module, path in MODULES.items()}
NAMED = {module: named(path) for module, path in MODULES.items()}
EDGES = sorted(
    {
        (unit_of(module), unit_of(other))
        for module, others in IMPORTS.items()
        for other in others | NAMED[module]
        if other.split(".")[0] == "feeds" and unit_of(module) != unit_of(other)
    }
)


# Modules of cli that are no commands.
SHARED_BY_COMMANDS = {"feeds.cli", "feeds.cli.console", "feeds.cli.main", "feeds.cli.parser"}


def test_imports_walk_sees_what_is_known_to_be_there() -> None:
    assert ("pipeline", "publish") in EDGES
    assert "feeds.render.documents" in IMPORTS["feeds.pipeline.output"]  # stands in a function
    assert "rich.progress" in IMPORTS["feeds.cli.console"]  # stands under TYPE_CHECKING
    assert "feedgen.feed" in IMPORTS["feeds.render.rss"]
    assert any(NAMED.values())


def test_imports_walk_sees_modules_in_strings(tmp_path: Path) -> None:
    file = tmp_path / "loads.py"
    file.write_text(
        '"""feeds.store"""\nA = ["feeds.cli.main", "feeds.cli.main:run", "ftfy", "x"]\n'
    )
    assert named(file) == {"feeds.store", "feeds.cli.main"}


def test_imports_every_unit_has_its_layer() -> None:
    assert {unit_of(module) for module in MODULES} == set(RANKS)


def test_imports_feeds_itself_imports_the_library_alone_and_only_when_asked() -> None:
    assert IMPORTS["feeds"] == {"typing", "feeds.pipeline.library"}
    code = "import sys, feeds; print([name for name in sys.modules if name.startswith('feeds.')])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(("unit", "other"), [edge for edge in EDGES if edge[1]])
def test_imports_point_to_lower_layers(unit: str, other: str) -> None:
    assert RANKS[other] < RANKS[unit]


def test_imports_of_stages_name_no_other_stage() -> None:
    found = {(a, b) for a, b in EDGES if a in STAGES and b in STAGES}
    assert found == set()


def test_imports_of_commands_name_no_other_command() -> None:
    commands = {name for name in MODULES if unit_of(name) == "cli"} - SHARED_BY_COMMANDS
    assert commands
    found = {
        (command, other)
        for command in commands
        for other in (IMPORTS[command] | NAMED[command]) & commands - {command}
    }
    assert found == set()


def test_imports_have_no_circle() -> None:
    graph = {module: {one for one in used if one in MODULES} for module, used in IMPORTS.items()}
    graph["feeds"] = set()  # it imports when it is asked, and all others have been imported
    TopologicalSorter(graph).prepare()


@pytest.mark.parametrize("library", DOORS)
def test_imports_of_a_library_stay_behind_its_door(library: str) -> None:
    users = {
        unit_of(module)
        for module, others in IMPORTS.items()
        if library in {other.split(".")[0] for other in others}
    }
    assert users == DOORS[library]


@pytest.mark.parametrize("module", [name for name in MODULES if unit_of(name) == "select"])
def test_imports_of_selection_bring_no_io_in(module: str) -> None:
    assert IMPORTS[module].isdisjoint({"io", "os", "pathlib", "socket", "subprocess", "time"})
