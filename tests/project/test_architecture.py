"""docs/internals/architecture.md lists the modules and the layers that there are."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.project.test_imports import LAYERS
from tests.support.markdown import ROOT, Manual, code, tables

ARCHITECTURE = Manual()["docs/internals/architecture.md"]


def test_modules_of_the_architecture_are_those_of_the_package() -> None:
    named = [
        code(heading)[0] + code(row["module"])[0]
        for heading in re.findall(r"^### (.+)$", ARCHITECTURE.section("Modules"), re.MULTILINE)
        for table in tables(ARCHITECTURE.section(heading.replace("`", "")))
        for row in table
    ]
    folder = ROOT / "feeds"
    modules = [path for path in folder.glob("*/*.py") if path.name != "__init__.py"]
    assert sorted(named) == sorted(str(path.relative_to(ROOT)) for path in modules)


def test_layers_of_the_architecture_are_those_that_are_held() -> None:
    (table,) = tables(ARCHITECTURE.section("Invariants"))
    assert tuple(set(code(row["packages of one layer"])) for row in table) == LAYERS


@pytest.mark.process
def test_tool_that_the_architecture_names_lists_the_modules_of_a_pass() -> None:
    command = [sys.executable, "-m", "tools.trace_seed"]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "* feeds/pipeline/rescan.py" in printed.splitlines()
    assert re.search(r"^\d+ modules, \d+ functions; crossed: \d+$", printed, re.MULTILINE)
