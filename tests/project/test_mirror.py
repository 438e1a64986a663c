"""The folders of tests mirror the packages: a file for each module, and a module for each file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.project.test_shape import PACKAGE, PACKAGES

TESTS = Path(__file__).parent.parent

# What no module holds by itself: files that begin with these names, and why they stand apart.
BEHAVIOURS = {
    "cli/test_slips": "what newcomers mistype, in any command and any file",
    "render/test_browser": "pages in a real Chromium",
    "render/test_golden": "whole documents of every kind, byte by byte",
    "render/test_nu": "pages before the checker that the W3C uses",
    "render/test_validator": "documents before the house validator",
    "serve/test_browser": "what is served, in a real Chromium",
    "serve/test_readers": "reader programs that others wrote",
}


def modules_of(package: str) -> set[str]:
    """Returns the modules of a package, as `package/module`."""
    files = (PACKAGE / package).glob("*.py")
    return {f"{package}/{path.stem}" for path in files if path.stem != "__init__"}


def subject_of(file: str, subjects: set[str]) -> str | None:
    """Returns what a file of tests is about: the longest of the names that it begins with."""
    package, _, name = file.partition("/test_")
    found = [one for one in subjects if f"{package}/{name}_".startswith(f"{one}_")]
    return max(found, key=len, default=None)


def files_of(package: str) -> set[str]:
    """Returns the files of tests of a package, as `package/test_name`."""
    return {f"{package}/{path.stem}" for path in (TESTS / package).rglob("test_*.py")}


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_mirror_has_a_module_or_a_behaviour_for_each_file_of_tests(package: str) -> None:
    subjects = modules_of(package) | {name.replace("/test_", "/") for name in BEHAVIOURS}
    assert {file for file in files_of(package) if subject_of(file, subjects) is None} == set()


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_mirror_has_a_file_of_tests_for_each_module(package: str) -> None:
    modules = modules_of(package)
    tested = {subject_of(file, modules) for file in files_of(package)}
    assert modules - tested == set()


def test_mirror_names_no_behaviour_without_tests() -> None:
    files = set().union(*map(files_of, PACKAGES))
    assert {name for name in BEHAVIOURS if not any(one.startswith(name) for one in files)} == set()


def test_mirror_has_tests_in_each_file_of_tests() -> None:
    empty = {
        path.relative_to(TESTS).as_posix()
        for path in TESTS.rglob("test_*.py")
        if not re.search(r"^(async )?(def test_|Test|class Test)", path.read_text(), re.MULTILINE)
    }
    assert empty == set()


@pytest.mark.parametrize(
    ("file", "subject"),
    [
        pytest.param("cli/test_new", "cli/new", id="module"),
        pytest.param("cli/test_new_init", "cli/new", id="behaviour of a module"),
        pytest.param("cli/test_newest", None, id="longer name"),
        pytest.param("cli/test_new_feed_gone", "cli/new_feed", id="longest name"),
        pytest.param("serve/test_new", None, id="other package"),
    ],
)
def test_mirror_finds_the_subject_of_a_file(file: str, subject: str | None) -> None:
    assert subject_of(file, {"cli/new", "cli/new_feed"}) == subject
