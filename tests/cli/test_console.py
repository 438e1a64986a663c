"""The progress bar of a terminal: only for what takes longer than a moment."""

from __future__ import annotations

import io
import sys

import pytest

from feeds.cli import console as module
from feeds.cli.console import Console
from feeds.common.model import Problem


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


PROBLEM = Problem("a.md", 2, 1, "title", "missing", "error")


def complaint(color: str, monkeypatch: pytest.MonkeyPatch, **variables: str) -> str:
    """Returns what a terminal shows of a problem."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    terminal = look_on(monkeypatch)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    Console(color=color).problems([PROBLEM])
    return terminal.getvalue()


def test_problems_are_colored_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    said = complaint("auto", monkeypatch)
    assert said == "a.md:2:1:\x1b[1;31m error: \x1b[0mtitle: missing\n"


@pytest.mark.parametrize(
    ("color", "variables"),
    [("never", {}), ("auto", {"NO_COLOR": "1"}), ("auto", {"TERM": "dumb"})],
    ids=["never", "NO_COLOR", "dumb terminal"],
)
def test_problems_are_plain_where_no_colors_are_wanted(
    color: str, variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert complaint(color, monkeypatch, **variables) == f"{PROBLEM}\n"


def test_problems_are_colored_always_if_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b[" in complaint("always", monkeypatch, NO_COLOR="1")
    monkeypatch.setattr(sys, "stderr", piped := io.StringIO())
    Console(color="always").problems([PROBLEM])
    assert "\x1b[" in piped.getvalue()


@pytest.mark.parametrize("color", ["never", "auto"])
def test_table_keeps_addresses_whole_and_obeys_color(
    color: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.delenv("NO_COLOR", raising=False)
    look_on(monkeypatch)
    monkeypatch.setattr(sys, "stdout", terminal := Terminal())
    address = "https://feeds.example.org/" + "a" * 60
    Console(color=color).table(("Address", "Why", "At"), [(address, "1", f"moved to {address}")])
    assert terminal.getvalue().count(address) == 2
    assert ("\x1b[" in terminal.getvalue()) is (color == "auto")


@pytest.mark.parametrize(
    ("loudness", "lines"), [(-1, ["asked"]), (0, ["asked", "done"]), (1, ["asked", "done", "more"])]
)
def test_console_says_as_much_as_is_wanted(
    loudness: int, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", out := io.StringIO())
    console = Console(loudness=loudness)
    console.show("asked")
    console.say("done")
    console.detail("more")
    assert out.getvalue().splitlines() == lines


def test_quiet_console_shows_no_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = look_on(monkeypatch)
    monkeypatch.setattr(module, "_PATIENCE_SECONDS", 0)
    with Console(loudness=-1).listening() as callbacks:
        callbacks.progress("read", 1, 2)
    assert terminal.getvalue() == ""
