"""The parser: options before and after the command, and what it says to slips."""

from __future__ import annotations

import pytest

from feeds.cli.main import main
from feeds.cli.options import COMMANDS, make_parser
from feeds.cli.parser import what_was_meant

EVERY = make_parser()


@pytest.mark.parametrize(
    "line",
    [
        "--config other.toml export --strict -q",
        "export --config other.toml --strict -q",
        "-q --config=other.toml export --strict",
        "-v --config first.toml export --strict -q --config other.toml",
    ],
)
def test_options_of_every_command_stand_before_or_after_it(line: str) -> None:
    arguments = EVERY.parse_args(line.split())
    assert str(arguments.config) == "other.toml"
    assert (arguments.command, arguments.strict, arguments.loudness) == ("export", True, -1)


def test_options_of_every_command_reach_the_actions_of_a_group() -> None:
    arguments = EVERY.parse_args(["--color", "never", "--config", "a.toml", "images", "gc", "-v"])
    assert (str(arguments.config), arguments.color, arguments.loudness) == ("a.toml", "never", 1)


def test_option_that_a_command_does_not_know_is_refused_before_it_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--config", "a.toml", "init"])
    assert ended.value.code == 2
    assert "init reads no configuration, so --config is not for it" in capsys.readouterr().err


def test_path_of_a_configuration_may_be_called_like_a_command(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--config", "list", "check"]) == 2
    assert "no configuration: list does not exist" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("found", "known", "meant"),
    [
        ("exprot", COMMANDS, "export"),
        ("Export", COMMANDS, "export"),
        ("publish", COMMANDS, "export"),
        ("exp", COMMANDS, "export"),
        ("lst", COMMANDS, "list"),
        ("publish", ["publis"], "publis"),
        ("--js", ["--json", "--jq"], "--json"),
    ],
)
def test_slip_leads_to_what_was_meant(found: str, known: list[str], meant: str) -> None:
    assert what_was_meant(found, known) == f" (did you mean {meant}?)"


@pytest.mark.parametrize("found", ["x", "frobnicate", ""])
def test_slip_is_no_reason_to_guess_nothing_from_nothing(found: str) -> None:
    assert what_was_meant(found, COMMANDS) == ""


def test_help_fits_a_screen(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        main(["--help"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    listed = [line.split()[0] for line in lines if line.startswith("  ")]
    assert listed == [name for name in COMMANDS if " " not in name]
