"""The shape of the code: what stands at the top of feeds/, and how large its parts may be."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent.parent / "feeds"
PACKAGES = {
    *("cli", "config", "common", "seeds", "store", "select"),
    *("images", "render", "publish", "pipeline", "daemon", "serve"),
}
FILES = {"__init__.py", "__main__.py", "py.typed"}

MOST_FILES = 182
MOST_LINES_OF_A_FILE = 300
MOST_LINES_OF_A_FUNCTION = 50
MOST_PARAMETERS = 5
# Of all of feeds/. They only fall, to 120 and 14,000: whoever makes it smaller lowers them.
MOST_LINES = 32_107

# Offenders that are known and still to be mended, by rule; none may be added.
OPEN: dict[str, set[str]] = {
    "file": set(),
    "function": set(),
    "parameters": set(),
    "class": set(),
}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions_of(node: ast.AST, prefix: str = "") -> Iterator[tuple[str, Function]]:
    """Yields every function below a node with its dotted name."""
    for child in ast.iter_child_nodes(node):
        name = prefix
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = f"{prefix}{child.name}."
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield name[:-1], child
        yield from functions_of(child, name)


def count_parameters(function: Function) -> int:
    """Counts the parameters of a function, without self and cls."""
    of = function.args
    every = [*of.posonlyargs, *of.args, *of.kwonlyargs, of.vararg, of.kwarg]
    names = [one.arg for one in every if one is not None]
    return len(names) - (names[:1] in (["self"], ["cls"], ["mcs"]))


def classes_of(tree: ast.AST) -> Iterator[str]:
    """Yields the name of every class in a file, wherever it stands."""
    return (node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef))


@cache
def offenders() -> dict[str, set[str]]:
    """Returns what breaks a rule, by rule."""
    found: dict[str, set[str]] = {rule: set() for rule in OPEN}
    classes: Counter[str] = Counter()
    for path in sorted(PACKAGE.rglob("*.py")):
        file = path.relative_to(PACKAGE).as_posix()
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text)
        classes.update(classes_of(tree))
        if len(text.splitlines()) > MOST_LINES_OF_A_FILE:
            found["file"].add(file)
        for name, function in functions_of(tree):
            assert function.end_lineno is not None
            if function.end_lineno - function.lineno + 1 > MOST_LINES_OF_A_FUNCTION:
                found["function"].add(f"{file} {name}")
            if count_parameters(function) > MOST_PARAMETERS:
                found["parameters"].add(f"{file} {name}")
    found["class"] = {name for name, count in classes.items() if count > 1}
    return found


def test_shape_top_of_the_package_holds_twelve_packages_and_no_module() -> None:
    top = {path.name for path in PACKAGE.iterdir() if path.name != "__pycache__"}
    assert top == PACKAGES | FILES
    assert len(PACKAGES) == 12
    assert all((PACKAGE / name / "__init__.py").is_file() for name in PACKAGES)


@pytest.mark.parametrize("rule", OPEN)
def test_shape_rule_is_kept(rule: str) -> None:
    assert offenders()[rule] - OPEN[rule] == set()


@pytest.mark.parametrize("rule", OPEN)
def test_shape_what_is_mended_is_open_no_longer(rule: str) -> None:
    assert OPEN[rule] - offenders()[rule] == set()


def test_shape_of_the_whole_grows_no_more() -> None:
    files = sorted(PACKAGE.rglob("*.py"))
    lines = sum(path.read_bytes().count(b"\n") for path in files)
    assert len(files) <= MOST_FILES
    assert lines <= MOST_LINES


def test_shape_parameters_are_counted_without_self() -> None:
    code = """
class One:
    def method(self, a, /, b, *c, d, **e):
        def inner(a, b): ...
    @classmethod
    async def other(cls): ...
"""
    counts = {name: count_parameters(one) for name, one in functions_of(ast.parse(code))}
    assert counts == {"One.method": 5, "One.method.inner": 2, "One.other": 0}
