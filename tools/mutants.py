"""Changes the code in small ways, one at a time, and tells which changes no unit test notices.

    python tools/mutants.py [--sample 150] [--seed 1] [--only store/images.py]

Every change is tried in a copy of feeds/ and tests/, with the tests of its package that start no
processes. What lives is either a rule that no test holds, or makes no difference.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
# What is changed, and patterns of the tests that are to notice, apart by spaces.
TARGETS = {
    "select/[!p]*.py": "tests/select",
    "store/*.py": "tests/store",
    "select/periods.py": "tests/pipeline/test_digests.py tests/select/test_periods*.py",
    # Not what listens: server.py.
    "serve/[!s_]*.py": "tests/serve",
    "images/http.py": "tests/images/test_http.py tests/images/test_http_guard.py",
    "images/cache.py": "tests/images/test_cache.py tests/images/test_reconcile.py",
    "images/[er][ex][ac]*.py": "tests/images/test_examine.py tests/images/test_reconcile.py",
    "images/retry.py": "tests/images/test_retry.py",
    "pipeline/memberships.py": "tests/pipeline/test_memberships*.py "
    "tests/pipeline/test_state_selection.py tests/pipeline/test_run_empty_feeds.py",
    **dict.fromkeys(
        ("pipeline/rescan.py", "pipeline/due_seeds.py"),
        "tests/pipeline/test_rescan*.py tests/pipeline/test_due_seeds.py "
        "tests/pipeline/test_state.py",
    ),
    **dict.fromkeys(
        ("pipeline/state.py", "pipeline/plan.py"),
        "tests/pipeline/test_plan.py tests/pipeline/test_state*.py",
    ),
}
# Of CPU: what a clock measures says more of a busy machine than of a mutant without end. One that
# waits without end, and uses none, is ended by the time that each test has (see pyproject.toml).
SECONDS = 240
FLIPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
}
SQL = re.compile(r"\b(SELECT|WHERE|UPDATE|DELETE|ORDER BY|AND)\b")
# A term with no parentheses around it or in it, and the AND beside it, is left out.
TERM = r"[\w.+:]+ (?:[<>]?=|[<>]|IS|IS NOT) [\w.?:]+|\w+"
SQL_CHANGES: tuple[tuple[str, str], ...] = (
    *((r"\bmin\(", "max("), (r"\bmax\(", "min("), (r"<=", "<"), (r">=", ">")),
    *((r"<(?![=>])", "<="), (r"(?<![<-])>(?!=)", ">="), (r" DESC\b", ""), (r" NOT NULL", " NULL")),
    *((rf"\b(?:{TERM}) AND ", ""), (rf" AND (?:{TERM})(?=\s|$)", "")),
)


class Mutant(NamedTuple):
    """A file with one change."""

    file: str
    line: int
    change: str
    text: str
    tests: str


def changes_of(node: ast.AST) -> Iterator[tuple[str, Callable[[], None]]]:
    """Yields what can be changed in a node: how it reads, and what does it."""
    if isinstance(node, ast.Compare):
        for at, op in enumerate(node.ops):
            if new := FLIPS.get(type(op)):
                put = partial(node.ops.__setitem__, at, new())
                yield f"{type(op).__name__} -> {new.__name__}", put
    elif isinstance(node, ast.BoolOp | ast.BinOp) and (new := FLIPS.get(type(node.op))):
        yield f"{type(node.op).__name__} -> {new.__name__}", partial(setattr, node, "op", new())
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        double = ast.UnaryOp(ast.Not(), node.operand)
        yield "not removed", partial(setattr, node, "operand", double)
    elif isinstance(node, ast.Return) and node.value and not isinstance(node.value, ast.Constant):
        yield "returns None", partial(setattr, node, "value", ast.Constant(None))
    elif isinstance(node, ast.Constant):
        for value in values_for(node.value):
            yield f"{node.value!r} -> {value!r}", partial(setattr, node, "value", value)


def values_for(value: object) -> Iterator[object]:
    """Yields other values for a constant."""
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield from (value + 1, value - 1)
    elif isinstance(value, str) and SQL.search(value):
        for pattern, new in SQL_CHANGES:
            for match in re.finditer(pattern, value):
                yield value[: match.start()] + new + value[match.end() :]


def nodes_of(tree: ast.AST) -> Iterator[ast.AST]:
    """Yields the nodes that are run, without docstrings and annotations."""
    for name, field in ast.iter_fields(tree):
        for child in field if isinstance(field, list) else [field]:
            is_docstring = isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)
            if isinstance(child, ast.AST) and not is_docstring and name not in NOT_RUN:
                yield child
                yield from nodes_of(child)


NOT_RUN = {"annotation", "returns", "decorator_list"}


def mutants_of(path: Path, tests: str) -> Iterator[Mutant]:
    """Yields every mutant of a file."""
    source = path.read_text(encoding="utf-8")
    count = sum(len(list(changes_of(node))) for node in nodes_of(ast.parse(source)))
    for number in range(count):
        tree = ast.parse(source)
        every = ((node, *change) for node in nodes_of(tree) for change in changes_of(node))
        node, change, apply = next(one for at, one in enumerate(every) if at == number)
        line = getattr(node, "lineno", 0)
        apply()
        text = ast.unparse(ast.fix_missing_locations(tree))
        yield Mutant(path.relative_to(ROOT).as_posix(), line, change, text, tests)


def tests_of(patterns: str) -> str:
    """Returns the files and folders of these patterns.

    Raises:
        SystemExit: a pattern has none.
    """
    found: list[str] = []
    for pattern in patterns.split():
        paths = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob(pattern))
        if not paths:
            sys.exit(f"there is no {pattern}")
        found += paths
    return " ".join(found)


def is_noticed(mutant: Mutant, copy: Path) -> bool:
    """Tells whether a test fails, or does not end, with the mutant in a copy of the code."""
    file = copy / mutant.file
    before = file.read_bytes()
    file.write_text(mutant.text, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-n0"]
    chosen = ["-m", "not process and not stress and not long", *mutant.tests.split()]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(copy)}
    quiet = subprocess.DEVNULL
    try:
        with subprocess.Popen(
            [*command, *chosen], cwd=copy, env=environment, stdout=quiet, stderr=quiet
        ) as process:
            resource.prlimit(process.pid, resource.RLIMIT_CPU, (SECONDS, SECONDS))
        return process.returncode != 0
    finally:
        file.write_bytes(before)


def main() -> None:
    """Tries a sample, and prints what lives."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sample", type=int, default=150)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="a part of the names of the files")
    options = parser.parse_args()
    every = [
        mutant
        for pattern, tests in ((one, tests_of(patterns)) for one, patterns in TARGETS.items())
        for path in sorted((ROOT / "feeds").glob(pattern))
        if options.only in path.as_posix()
        for mutant in mutants_of(path, tests)
    ]
    sample = random.Random(options.seed).sample(every, min(options.sample, len(every)))
    with tempfile.TemporaryDirectory() as folder:
        copies: SimpleQueue[Path] = SimpleQueue()
        for number in range(os.cpu_count() or 1):
            copy = Path(folder) / str(number)
            leave = shutil.ignore_patterns("__pycache__", ".git", ".venv", "build", "out", ".feeds")
            shutil.copytree(ROOT, copy, ignore=leave)
            copies.put(copy)

        for tests in sorted({mutant.tests for mutant in sample}):
            same = Mutant("pyproject.toml", 0, "", (ROOT / "pyproject.toml").read_text(), tests)
            if is_noticed(same, Path(folder) / "0"):
                sys.exit(f"{tests} fails without any change")

        def lives(mutant: Mutant) -> bool:
            copy = copies.get()
            try:
                return not is_noticed(mutant, copy)
            finally:
                copies.put(copy)

        with ThreadPoolExecutor(copies.qsize()) as threads:
            alive = 0
            for mutant, is_alive in zip(sample, threads.map(lives, sample), strict=True):
                if is_alive:
                    alive += 1
                    print(f"{mutant.file}:{mutant.line}: {mutant.change}", flush=True)
    print(f"{len(sample)} mutants of {len(every)} tried, {alive} lived")


if __name__ == "__main__":
    main()
