"""The fragments in changelog.d/ are the changelog of the next release."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.support.markdown import ROOT

FRAGMENTS = sorted(
    path
    for path in (ROOT / "changelog.d").iterdir()
    if path.name not in {"template.md.jinja", ".gitignore"}
)
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
KINDS = [kind["directory"] for kind in PYPROJECT["tool"]["towncrier"]["type"]]


def test_kinds_are_those_of_keep_a_changelog() -> None:
    assert KINDS == ["added", "changed", "deprecated", "removed", "fixed", "security"]


@pytest.mark.parametrize("fragment", FRAGMENTS, ids=lambda path: path.name)
def test_fragment_has_a_known_kind_and_says_something(fragment: Path) -> None:
    assert re.fullmatch(rf"(?:\+[a-z0-9-]+|\d+)\.(?:{'|'.join(KINDS)})\.md", fragment.name)
    text = fragment.read_text(encoding="utf-8")
    assert text.strip()
    # One paragraph, since towncrier makes it one member of a list.
    assert "\n\n" not in text.strip()
    assert not text.startswith(("-", "*", "#"))


@pytest.mark.process
def test_changelog_of_the_next_release_can_be_built() -> None:
    command = [sys.executable, "-m", "towncrier", "build", "--draft", "--version", "9.9.9"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    headings = re.findall(r"^### (\w+)$", run.stdout, re.MULTILINE)
    used = {path.name.split(".")[1] for path in FRAGMENTS}
    assert [heading.lower() for heading in headings] == [kind for kind in KINDS if kind in used]
    assert len(re.findall(r"^- ", run.stdout, re.MULTILINE)) == len(FRAGMENTS)
