"""The tables that name tests: what they name is there, and leaves the fast part fast."""

from __future__ import annotations

import ast
import os
import runpy
import subprocess
import sys
import types
from pathlib import Path

from tests.support.markdown import ROOT
from tests.support.marks import (
    LONG,
    STRESS,
    STRESS_FILES,
    UNTRACED,
    UNTRACED_FILES,
    marks_of,
    may_hold_stress,
    starts_processes,
)


def test_marks_name_files_and_tests_that_are_there() -> None:
    files = {
        path.relative_to(ROOT / "tests").as_posix(): ast.parse(path.read_bytes())
        for path in (ROOT / "tests").rglob("test_*.py")
    }
    assert files.keys() >= STRESS_FILES | UNTRACED_FILES
    tests = [
        node.name
        for tree in files.values()
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
    ]
    starts = {start.partition("[")[0] for start in (*STRESS, *LONG, *UNTRACED)}
    assert {start for start in starts if not any(test.startswith(start) for test in tests)} == set()


def test_mutants_are_of_files_and_of_tests_that_are_there() -> None:
    tool = runpy.run_path(str(ROOT / "tools/mutants.py"))
    for files, tests in tool["TARGETS"].items():
        assert list((ROOT / "feeds").glob(files)), files
        assert tool["tests_of"](tests)  # ends the test where a pattern has none


def test_marks_of_a_test_are_those_of_its_row() -> None:
    assert marks_of("pipeline/test_run_killed.py", "test_other[2]", None) == ["stress"]
    assert marks_of("pipeline/test_run_killed.py", LONG[0], subprocess) == ["process", "long"]
    assert marks_of("cli/test_other.py", f"{STRESS[0]}_and_more", None) == ["stress"]
    assert marks_of("cli/test_other.py", "test_cli_other", None) == []
    assert marks_of("project/test_other.py", "test_other", None) == ["untraced"]
    assert marks_of("cli/test_other.py", UNTRACED[0], None) == ["untraced"]
    assert marks_of("cli/test_other.py", "test_cli_other", sys.modules[__name__]) == ["process"]


def test_files_without_a_stress_test_are_known_before_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "test_other.py"
    path.write_text(f"def {STRESS[0]}_and_more() -> None: ...\n")
    assert may_hold_stress(path, "cli/test_other.py")
    path.write_text("def test_other() -> None: ...\n")
    assert not may_hold_stress(path, "cli/test_other.py")
    assert may_hold_stress(path, "pipeline/test_run_killed.py")


def test_marks_tell_who_starts_processes() -> None:
    module = types.ModuleType("tests.new")
    module.__dict__["run"] = subprocess.run
    assert starts_processes(module)
    assert not starts_processes(types.ModuleType("tests.new"))


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
    for name in ("process", "stress", "long", "untraced"):
        assert f"@pytest.mark.{name}:" in listed
