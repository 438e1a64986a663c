"""The tables of slow tests: what they name is there, and leaves the fast part fast."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import types

import pytest

from tests.support.markdown import ROOT
from tests.support.marks import LONG, STRESS, STRESS_FILES, marks_of, starts_processes

TESTS = {
    node.name
    for path in (ROOT / "tests").rglob("test_*.py")
    for node in ast.walk(ast.parse(path.read_bytes()))
    if isinstance(node, ast.FunctionDef | ast.ClassDef)
}


@pytest.mark.parametrize("file", sorted(STRESS_FILES))
def test_marks_name_files_that_are_there(file: str) -> None:
    assert (ROOT / "tests" / file).is_file()


@pytest.mark.parametrize("start", [*STRESS, *LONG])
def test_marks_name_tests_that_are_there(start: str) -> None:
    assert any(test.startswith(start.partition("[")[0]) for test in TESTS)


def test_marks_of_a_test_are_those_of_its_row() -> None:
    assert marks_of("pipeline/test_crash.py", "test_other[2]", None) == ["stress"]
    assert marks_of("pipeline/test_crash.py", LONG[0], subprocess) == ["process", "long"]
    assert marks_of("cli/test_other.py", f"{STRESS[0]}_and_more", None) == ["stress"]
    assert marks_of("cli/test_other.py", "test_cli_other", None) == []
    assert marks_of("cli/test_other.py", "test_cli_other", sys.modules[__name__]) == ["process"]


def test_marks_tell_who_starts_processes() -> None:
    module = types.ModuleType("tests.new")
    assert not starts_processes(module)
    module.__dict__["run"] = subprocess.run
    assert starts_processes(module)


def test_marks_are_known_to_pytest_and_chosen_by_make() -> None:
    listed = subprocess.run(
        [sys.executable, "-m", "pytest", "--markers"],
        capture_output=True, text=True, check=True, timeout=100,
        cwd=ROOT, env={**os.environ, "PYTEST_ADDOPTS": ""},
    ).stdout  # fmt: skip
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert '-m "not stress and not long"' in makefile
    assert "-m long" in makefile
    assert "-m stress" in makefile
    for name in ("process", "stress", "long"):
        assert f"@pytest.mark.{name}:" in listed
