"""The same export gives the same bytes, whatever the machine is set to."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.publishing import contents
from tests.support.rendering import GOLDEN
from tests.support.site import REAL_SEEDS

_ROOT = Path(__file__).parent.parent.parent
_SEEDS = [GOLDEN / "full/seeds", REAL_SEEDS]


def _locale() -> str:
    """Returns an installed locale with words of its own for days and months, or what there is."""
    if not shutil.which("locale"):
        return "C"
    known = subprocess.run(["locale", "-a"], capture_output=True, text=True, check=True)
    names = [name for name in known.stdout.split() if not name.startswith(("C", "POSIX", "en"))]
    return next(iter(names), "C")


_SETTINGS = {
    "time zone east": {"TZ": "Asia/Kolkata"},
    "time zone west": {"TZ": "America/Los_Angeles"},
    "locale": {"LC_ALL": _locale()},
    "ASCII": {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "hash seed": {"PYTHONHASHSEED": "4711"},
    "all of it": {"TZ": "Asia/Kolkata", "LC_ALL": "C", "PYTHONHASHSEED": "1", "LANGUAGE": "tr"},
}


def _export(root: Path, settings: dict[str, str], seeds: list[Path]) -> dict[str, str]:
    """Exports in a process of its own; returns the text of each document and the manifest."""
    paths = {
        "FEEDS_PATHS__SEEDS": json.dumps([str(folder) for folder in seeds]),
        "FEEDS_PATHS__OUT": str(root / "out"),
        "FEEDS_PATHS__STATE": str(root / "state.db"),
    }
    config = GOLDEN / "full/config.toml"
    command = [sys.executable, "-m", "feeds", "export", "--config", str(config)]
    environment = os.environ | {"PYTHONHASHSEED": "0", "TZ": "UTC", "LC_ALL": "C"}
    run = subprocess.run(
        command,
        cwd=_ROOT,
        env=environment | paths | settings,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, ""), run.stderr
    return contents(root / "out")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return _export(tmp_path_factory.mktemp("plain"), {}, _SEEDS)


@pytest.mark.parametrize("settings", _SETTINGS.values(), ids=_SETTINGS)
def test_export_gives_the_same_bytes_under(
    tmp_path: Path, plain: dict[str, str], settings: dict[str, str]
) -> None:
    assert "topics/vision.rss" in plain
    assert _export(tmp_path, settings, _SEEDS) == plain


def test_export_gives_the_same_bytes_for_seeds_in_another_order(
    tmp_path: Path, plain: dict[str, str]
) -> None:
    assert _export(tmp_path, {}, _SEEDS[::-1]) == plain


def test_export_twice_touches_nothing(tmp_path: Path) -> None:
    first = _export(tmp_path, {}, _SEEDS)
    out = tmp_path / "out"
    before = {path: path.stat() for path in out.rglob("*")}
    again = {"TZ": "Asia/Kolkata", "PYTHONHASHSEED": "7"}
    assert _export(tmp_path, again, _SEEDS) == first
    after = {path: path.stat() for path in out.rglob("*")}
    assert {path: (one.st_mtime_ns, one.st_ino) for path, one in after.items()} == {
        path: (one.st_mtime_ns, one.st_ino) for path, one in before.items()
    }
