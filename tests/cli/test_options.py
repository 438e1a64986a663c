"""The text that says every command line: what it names is there, and nothing in it is unused."""

from __future__ import annotations

from importlib import import_module

import pytest

from feeds.cli.options import _EITHER, _MORE, COMMANDS, make_parser

WORKING = [name for name, command in COMMANDS.items() if command.module]


@pytest.mark.parametrize("name", WORKING)
def test_command_has_a_function_that_does_its_work(name: str) -> None:
    module = import_module(f"feeds.cli.{COMMANDS[name].module}")
    assert callable(getattr(module, f"run_{name.replace(' ', '_')}"))


@pytest.mark.parametrize("name", sorted({*COMMANDS} - {*WORKING}))
def test_command_without_a_function_is_a_group_of_actions(name: str) -> None:
    assert [one for one in COMMANDS if one.startswith(f"{name} ")]


def test_options_that_argparse_is_told_more_of_are_there() -> None:
    specs = {spec for command in COMMANDS.values() for spec in command.options}
    assert _MORE.keys() <= specs
    assert specs >= _EITHER


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("export --changed a --full", "--full cannot stand beside --changed"),
        ("serve --port 0", "--port: found '0', wanted a number from 1 to 65535"),
        ("reach --since soon", "--since: found 'soon', wanted a date such as"),
        ("doctor ftp://example.org/", "URL: found 'ftp://example.org/', wanted an address"),
        ("doctor https://example.org:x/", "wanted an address such as https://example.org/"),
        ("export --out s3://news/site", "--out: wanted a folder"),
        ("schema feeds", "found 'feeds', wanted seed or config"),
    ],
)
def test_command_refuses_what_an_option_cannot_be(
    line: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        make_parser().parse_args(line.split())
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
