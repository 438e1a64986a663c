"""``feeds check``: reads everything, or some seeds, writes nothing, lists all problems."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

from feeds.cli.console import Console
from feeds.common.errors import ConfigError
from feeds.config import Loaded, load_config
from feeds.pipeline.check import CheckReport, check, check_files

_STDIN = "-"


def run_check(arguments: Namespace, console: Console) -> int:
    """Checks configuration and seeds; 1 if a seed, or a part of one, cannot be used."""
    console.json |= arguments.output_format == "json"
    loaded = load_config(arguments.config)
    report = _report(arguments, console, loaded)
    if arguments.output_format == "github":
        for line in _annotations(report, str(arguments.config)):
            console.show(line)
    else:
        console.problems(report.problems)
        for hint in report.hints:
            console.warn(f"{arguments.config}: {hint}")
    errors = sum(problem.severity == "error" for problem in report.problems)
    console.say(
        f"{report.seeds} seeds, {report.items} usable: {errors} errors, "
        f"{len(report.problems) - errors} warnings"
        + (f"; {report.withdrawn} withdrawn lately (feeds withdrawn)" if report.withdrawn else "")
    )
    console.report(report)
    return 1 if report.problems or report.too_many_feeds else 0


def _report(arguments: Namespace, console: Console, loaded: Loaded) -> CheckReport:
    """Returns the report of all seeds, or of the files that were named."""
    if (_STDIN in arguments.files) != (arguments.name is not None):
        reason = "- (standard input) and --as PATH say together what to judge: wanted both"
        raise ConfigError([reason])
    if not arguments.files:
        with console.listening() as callbacks:
            return check(loaded, callbacks)
    texts: dict[str, bytes | None] = {file: None for file in arguments.files if file != _STDIN}
    if arguments.name is not None:
        texts[arguments.name] = sys.stdin.buffer.read()
    return check_files(loaded, texts, Path.cwd())


def _annotations(report: CheckReport, config: str) -> Iterator[str]:
    """Yields the report as workflow commands of GitHub Actions."""
    for one in report.problems:
        places = {"line": one.line, "col": one.column, "title": one.field}
        given = "".join(f",{key}={_escaped(str(value))}" for key, value in places.items() if value)
        reason = _escaped(one.reason, ",:")
        yield f"::{one.severity} file={_escaped(one.path)}{given}::{reason}"
    for hint in report.hints:
        yield f"::notice file={_escaped(config)}::{_escaped(hint, ',:')}"


def _escaped(text: str, plain: str = "") -> str:
    """Returns a text as the properties of a workflow command have it; `plain` signs stay."""
    return "".join(
        f"%{ord(char):02X}" if char in "%\r\n:," and char not in plain else char for char in text
    )
