"""The argument parser: takes whole names only, and for a slip says what was probably meant."""

from __future__ import annotations

import sys
from argparse import PARSER, Action, ArgumentError, ArgumentParser, HelpFormatter, Namespace
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

from feeds.common.text import did_you_mean

# What people type who know another program.
_SYNONYMS = {"build": "export", "publish": "export", "lint": "check", "validate": "check"}
_SYNONYMS |= {"daemon": "run", "watch": "run", "server": "serve", "why": "explain"}

# What argparse says, and what it means.
_MISSING = "the following arguments are required: "
_WORDS = {
    ": expected one argument": " wants a value",
    ": ignored explicit argument ": " takes no value, but has ",
    ": not allowed with argument ": " cannot stand beside ",
}


def what_was_meant(found: str, known: Iterable[str]) -> str:
    """Returns a hint at a command or option: by its beginning, another name for it, or a slip."""
    names = list(known)
    synonym = [_SYNONYMS[found]] if _SYNONYMS.get(found) in names else []
    begun = [name for name in names if len(found) > 2 and name.startswith(found)]
    meant = [*synonym, *begun]
    return f" (did you mean {meant[0]}?)" if meant else did_you_mean(found, names)


class Parser(ArgumentParser):
    """A parser that takes options by their whole names only; those of subcommands are of it, too.

    An abbreviation that scripts use would change its meaning with the next option.
    """

    def __init__(self, **keywords: Any) -> None:
        super().__init__(allow_abbrev=False, formatter_class=_Formatter, **keywords)
        self._given: Sequence[str] = ()

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: Namespace | None = None
    ) -> tuple[Namespace, list[str]]:
        """Parses all arguments; what is left over is an error of this very command."""
        self._given = sys.argv[1:] if args is None else args
        found, rest = super().parse_known_args(args, namespace)
        if rest:
            self.error(self._unknown(rest[0]))
        return found, rest

    def _unknown(self, word: str) -> str:
        options = self._option_string_actions
        if word.startswith("-"):
            word = word.partition("=")[0]
            return f"unknown option {word}{what_was_meant('--' + word.lstrip('-'), options)}"
        meant = f" (did you mean --{word}?)" if f"--{word}" in options else ""
        hint = meant or "; a text of several words stands in quotes"
        return f"one argument too many: {word!r}{hint}"

    def _check_value(self, action: Action, value: Any) -> None:
        if action.choices is None or value in action.choices:
            return
        known = list(action.choices)
        if action.nargs != PARSER:
            wanted = f"{', '.join(known[:-1])} or {known[-1]}"
            raise ArgumentError(action, f"found {value!r}, wanted {wanted}")
        if unknown := self._unknown_options(self._given[: self._given.index(value)]):
            raise ArgumentError(None, self._unknown(unknown[0]))
        meant = what_was_meant(value, [*known, *self._option_string_actions])
        raise ArgumentError(None, f"unknown {str(action.metavar).lower()} {value!r}{meant}")

    def error(self, message: str) -> NoReturn:
        """Says what is wrong, and where help is; ends with exit code 2."""
        message = message.removeprefix("argument ")
        for theirs, ours in _WORDS.items():
            message = message.replace(theirs, ours)
        if message.startswith(_MISSING):
            unknown = self._unknown_options(self._given)
            message = f"{message.removeprefix(_MISSING)} is missing"
            message = self._unknown(unknown[0]) if unknown else message
        more = f"feeds: '{self.prog} --help' shows what can be typed\n"
        self.exit(2, f"feeds: {message}\n" + (more if self._given else f"\n{self.format_help()}"))

    def _unknown_options(self, words: Sequence[str]) -> list[str]:
        options = [word.partition("=")[0] for word in words if word.startswith("--")]
        return [one for one in options if one not in self._option_string_actions]


class _Formatter(HelpFormatter):
    """Help in which the list of commands begins without a line of its own."""

    def _format_action(self, action: Action) -> str:
        if action.nargs != PARSER:
            return super()._format_action(action)
        self._dedent()
        text = "".join(map(self._format_action, self._iter_indented_subactions(action)))
        self._indent()
        return text
