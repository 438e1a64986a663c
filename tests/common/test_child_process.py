"""Processes start with what they need already loaded."""

from __future__ import annotations

import sys
from multiprocessing.context import ForkServerContext
from types import ModuleType

import pytest

from feeds.cli import main
from feeds.common import child_process


def test_processes_start_with_what_the_script_imports_that_each_of_them_runs_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script = ModuleType("__main__")
    vars(script).update(main=main.main, sys=sys, exit=sys.exit, fixture=pytest.fixture, number=1)
    monkeypatch.setitem(sys.modules, "__main__", script)
    asked: list[list[str]] = []
    monkeypatch.setattr(
        ForkServerContext, "set_forkserver_preload", lambda _, some: asked.append(some)
    )
    child_process.fork_context(["textwrap"])
    assert {"textwrap", "feeds.cli.main"} <= set(asked[0])
    assert not any("pytest" in name for name in asked[0])
