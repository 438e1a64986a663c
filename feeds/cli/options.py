"""The options and arguments of every command, with the text of `--help` for each.

They stand in one text, and not beside the functions of the commands, so that help and completions
import no command and answer at once.
"""

from __future__ import annotations

from argparse import SUPPRESS, ArgumentParser, ArgumentTypeError, _ActionsContainer
from collections.abc import Container
from datetime import UTC
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, cast
from urllib.parse import urlsplit

from feeds import __version__
from feeds.cli.parser import Parser

DEFAULT_CONFIG = Path("config.toml")

# "COMMAND @MODULE: help"; the function `run_COMMAND` of this module of feeds.cli does the work.
# Below it options and arguments: "NAME ... METAVAR: help", without METAVAR if it takes no value,
# or words of _SHARED.
_TEXT = """
init @new: make a new site: config.toml, a first seed and .gitignore
  folder DIR: the folder, made if missing (default: the current one)
new @new: make a new seed that is ready to be written on
  title TITLE: the story's title; in quotes
  CONFIG
  --url URL: where the story stands (default: below the site's own address)
  --provider DOMAIN: who published it, by domain (default: the host of its URL)
  --topic NAME: a topic; may be repeated
export @export: publish the feeds once
  CONFIG OUT
  --strict: exit with 1 if a seed, or a part of one, could not be used
  --dry-run: show what would be done, and write nothing
  JSON
  --changed FILE: look only at the paths that FILE lists, one a line; - for standard input
  -0 --null: paths in --changed end with NUL instead of the end of a line
  --full: read every seed, changed or not
  --allow-empty: remove every story whose file is gone, however many
  --fetch-images: then fetch images that are due, and publish again if any came
check @check: read everything, write nothing, list all problems
  files FILE: judge just these seeds, or all in these folders; - for standard input, with --as
  CONFIG JSON
  --output-format FORMAT: text, json (as --json), or github (annotations in GitHub Actions)
  --as PATH: the name that standard input is judged by, and has in problems
explain @explain: show why a story is in a feed or not, or what a feed asks for
  name SEED|URL|ID|FEED: a seed's path, URL or urn:uuid id; or a feed's address, topic, \
provider or name
  CONFIG JSON
list @list: list the feeds
  CONFIG JSON
withdrawn @list: list the stories that were withdrawn, when and why
  CONFIG JSON
config @config: show every key of config.toml, and where its value comes from
  CONFIG JSON
schema @config: print the JSON Schema of seeds or of config.toml, for editors
  kind seed|config: what an editor is to know
run @run: run passes on a schedule until stopped
  CONFIG OUT
  --serve: serve the published feeds over HTTP, too
  LOG-JSON DEBUG
serve @serve: serve the published feeds over HTTP
  CONFIG OUT
  --host HOST: instead of serve.host
  --port PORT: instead of serve.port
  LOG-JSON DEBUG
preview @preview: show the site in a browser while you write; publishes nothing
  CONFIG
  --port PORT: where to serve (default: a free one)
  --drafts: show stories that are not published, too, marked as drafts
  --no-open: do not open a browser
status @status: show what the last pass did and when the next is due
  CONFIG OUT JSON
doctor @doctor: look at the site, as readers do too, and say what to mend
  site URL: the address of the running site (default: site.base_url)
  CONFIG OUT JSON
reach @reach: show how many read each feed, from access logs
  log LOG: access logs of feeds serve, nginx or Caddy (default: serve.access_log); - for stdin
  CONFIG
  --since TIME: a date, or how long ago (7d)
  JSON
state: look after the state file: make a backup of it
state backup @state: write a backup of the state file, also while passes go on
  target DEST: a file, or the address of an object (default: state.backup)
  CONFIG JSON
images: look after the image cache
images fetch @images: fetch the images that are due into the cache
  CONFIG
  --digests: read every copy, to find damage that left size and time as they were
  JSON
images status @images: show what the cache holds, and what it could not get
  CONFIG JSON
images gc @images: remove copies that no seed has named for 30 days
  CONFIG JSON
images path @images: print the name of an image's copy, below the cache as below out/
  CONFIG
  url URL: the image's URL, as in the seed
completion @completion: print what makes a shell complete commands, options and feeds
  shell SHELL: bash, zsh or fish
"""
_SHARED = {
    # What is given before the command holds unless it is given after it, too.
    "CONFIG": ("--config PATH", f"the configuration (default: {DEFAULT_CONFIG})"),
    "OUT": ("--out DIR", "instead of paths.out"),
    "JSON": (
        "--json",
        "one machine-readable report on standard output, all else on standard error",
    ),
    "LOG-JSON": ("--log-json", "log JSON lines instead of text"),
    "DEBUG": ("--debug", "log each document written, too"),
}
QUIET, NORMAL, VERBOSE = -1, 0, 1
# How loud every command can be: names of the option, and its help.
_LOUDNESS = {
    QUIET: ("-q", "--quiet", "say only what was asked for, and what went wrong"),
    VERBOSE: (
        *("-v", "--verbose"),
        "say more: each document (export, run, serve), each miss (explain)",
    ),
}


def _folder(text: str) -> Path:
    from feeds.common.buckets import is_address  # on demand: few commands have the option

    if is_address(text):
        raise ArgumentTypeError("wanted a folder; an address of objects stands in paths.out")
    return Path(text)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise ArgumentTypeError(f"found {text!r}, wanted a number from 1 to 65535")
    return int(text)


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 (raises)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ArgumentTypeError(f"found {text!r}, wanted an address such as https://example.org/")
    return text


def _since(text: str) -> int:
    """Returns seconds since 1970."""
    # On demand: one command has the option.
    from feeds.common.reports import utc_now
    from feeds.common.times import WANTED_DURATION, parse_date, parse_duration, to_unix

    try:
        return to_unix(utc_now() - parse_duration(text))
    except (ValueError, OverflowError):
        date = parse_date(text, UTC)
    if date is None:
        wanted = f"wanted a date such as 2026-03-01, or {WANTED_DURATION}"
        raise ArgumentTypeError(f"found {text!r}, {wanted}")
    return to_unix(date)


# What argparse is told of an option or argument beside its name and its help.
_MORE: dict[str, dict[str, Any]] = {
    "--config PATH": {"type": Path, "default": SUPPRESS},
    "--out DIR": {"type": _folder},
    "--port PORT": {"type": _port},
    "--since TIME": {"type": _since, "default": 0},
    "--changed FILE": {"type": Path},
    "--topic NAME": {"action": "append", "default": []},
    "--output-format FORMAT": {"choices": ("text", "json", "github"), "default": "text"},
    "--as PATH": {"dest": "name"},
    "folder DIR": {"type": Path, "nargs": "?", "default": Path()},
    "files FILE": {"nargs": "*"},
    "log LOG": {"type": Path, "nargs": "*"},
    "site URL": {"type": _url, "nargs": "?"},
    "target DEST": {"nargs": "?"},
    "kind seed|config": {"choices": ("seed", "config")},
    "shell SHELL": {"choices": ("bash", "zsh", "fish")},
}
# Of these only one may be given.
_EITHER = {"--changed FILE", "--full"}


class Command(NamedTuple):
    """A command, or an action of one: its module in feeds.cli, its help and its options."""

    module: str
    help: str
    options: dict[str, str]


def _read(text: str) -> dict[str, Command]:
    commands: dict[str, Command] = {}
    for line in text.strip().splitlines():
        head, _, told = line.strip().partition(": ")
        if not line.startswith(" "):
            name, _, module = head.partition(" @")
            commands[name] = Command(module, told, {})
        else:
            commands[name].options.update(
                {head: told} if told else (_SHARED[word] for word in head.split())
            )
    return commands


COMMANDS = _read(_TEXT)


def make_parser(words: Container[str] = COMMANDS) -> ArgumentParser:
    """Returns the parser of the command line; commands not in these words have only their names."""

    def parser_of(**keywords: Any) -> Parser:
        _, name, *_ = keywords["prog"].split()
        # To make all takes 8 ms. A name that was not typed leads nowhere.
        return Parser(**keywords) if name in words else parser

    parser = Parser(
        prog="feeds",
        usage="feeds [OPTION ...] COMMAND ...",
        description="Publishes a curated news site's seed files as Atom, RSS and JSON feeds.",
        epilog="Exit codes: 0 done; 1 problems found; 2 wrong usage or config; 3 not published",
    )
    _add_shared(parser)
    _add(parser, *_SHARED["CONFIG"])
    parser.set_defaults(config=DEFAULT_CONFIG, loudness=NORMAL, color="auto")
    parser.add_argument("--version", action="version", version=f"feeds {__version__}")
    for action in parser._actions:  # noqa: SLF001 (no other way; all of it stands on one screen)
        action.help = SUPPRESS
    groups = {
        "": parser.add_subparsers(
            dest="command",
            required=True,
            metavar="COMMAND",
            title=SUPPRESS,
            prog="feeds",
            parser_class=cast("type[Parser]", parser_of),
        )
    }
    for name, command in COMMANDS.items():
        group, _, last = name.rpartition(" ")
        if group not in groups:
            continue
        sub = groups[group].add_parser(last, help=command.help, description=command.help)
        if (group or last) not in words:
            continue
        _add_shared(sub)
        if not command.module:
            groups[name] = sub.add_subparsers(required=True, metavar="ACTION")
        reads_config = _SHARED["CONFIG"][0] in command.options
        function = f"run_{name.replace(' ', '_')}"
        sub.set_defaults(module=command.module, function=function, reads_config=reads_config)
        either = sub.add_mutually_exclusive_group() if command.options.keys() >= _EITHER else sub
        for spec, text in command.options.items():
            _add(either if spec in _EITHER else sub, spec, text)
    return parser


def _add_shared(parser: ArgumentParser) -> None:
    """Adds the options of every command, which may stand before or after it."""
    shared = parser.add_argument_group("options of every command")
    loudness = partial(shared.add_argument, dest="loudness", action="store_const")
    for value, (*names, text) in _LOUDNESS.items():
        loudness(*names, const=value, default=SUPPRESS, help=text)
    shared.add_argument(
        "--color",
        choices=("auto", "always", "never"),
        default=SUPPRESS,
        metavar="WHEN",
        help="colors: auto (on a terminal, without NO_COLOR), always or never",
    )


def _add(parser: _ActionsContainer, spec: str, text: str) -> None:
    *names, last = spec.split()
    if last.startswith("-"):
        parser.add_argument(*names, last, action="store_true", help=text)
    else:
        parser.add_argument(*names, metavar=last, help=text, **_MORE.get(spec, {}))
