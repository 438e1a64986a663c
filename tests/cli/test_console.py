"""The progress bar of a terminal: only for what takes longer than a moment."""

from __future__ import annotations

import io
import sys

import pytest

from feeds.cli import console as module
from feeds.cli.console import Console


class Terminal(io.StringIO):
    """Standard error of somebody who looks on."""

    def isatty(self) -> bool:
        return True


def look_on(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Makes standard error a terminal, and returns it."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    return terminal


def test_progress_of_what_takes_a_moment_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = look_on(monkeypatch)
    monkeypatch.setattr(module, "_PATIENCE_SECONDS", 600)
    with Console().listening() as callbacks:
        callbacks.progress("read", 1, 2)
    assert terminal.getvalue() == ""


def test_progress_of_what_takes_longer_is_a_bar_for_each_stage(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = look_on(monkeypatch)
    monkeypatch.setattr(module, "_PATIENCE_SECONDS", 0)
    with Console().listening() as callbacks:
        for stage in ("read", "render"):
            for done in (1, 2):
                callbacks.progress(stage, done, 2)
    assert "read" in terminal.getvalue()
    assert "render" in terminal.getvalue()
    assert "100%" in terminal.getvalue()


def test_progress_that_nobody_looks_at_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PATIENCE_SECONDS", 0)
    monkeypatch.setattr(sys, "stderr", piped := io.StringIO())
    with Console().listening() as callbacks:
        callbacks.progress("read", 1, 2)
        callbacks.warn("look here")
    assert piped.getvalue() == "feeds: look here\n"
