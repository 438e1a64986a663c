"""Files of the package that are no modules: an installed copy has them too."""

from __future__ import annotations

import tomllib
from pathlib import Path

from tests.support.markdown import ROOT


def test_package_data_are_all_named_in_pyproject() -> None:
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    named = {
        path
        for package, patterns in tools["setuptools"]["package-data"].items()
        for pattern in patterns
        for path in ROOT.joinpath(*package.split(".")).glob(pattern)
    }
    files = {path for path in Path(ROOT / "feeds").rglob("*") if path.is_file()}
    assert named == {
        path for path in files if path.suffix != ".py" and "__pycache__" not in path.parts
    }
    assert len(named) > 10
