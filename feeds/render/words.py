"""The words of pages in the site's language, its dates, and the direction of its script.

The words are in `languages/`, a file of TOML for each language. A file `words.toml` among the
site's own templates replaces some, or all for another language.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from datetime import date
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from feeds.common.errors import TemplateError
from feeds.common.files import Templates

OWN = "words.toml"
_FOLDER = Path(__file__).with_name("languages")
_ENGLISH = "en"
# Scripts, and languages by their usual script, that run from right to left (ISO 15924, CLDR).
_RTL = {"adlm", "arab", "hebr", "mand", "nkoo", "rohg", "samr", "syrc", "thaa"}
_RTL |= {"ar", "arc", "ckb", "dv", "fa", "he", "iw", "nqo", "ps", "sd", "syr", "ug", "ur", "yi"}
# Not strftime: its names are those of the process's locale.
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September"),
    *("October", "November", "December"),
)
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

Words = SimpleNamespace


def words_of(language: str, templates: Templates = ()) -> Words:
    """Returns the words for pages in a language: a text each, or a function if it has a number.

    Args:
        language: A language tag. What its own words and ours of this language leave out is English.
        templates: The site's own.

    Raises:
        TemplateError: the site's own words are no TOML, or no texts.
    """
    return _words(language, dict(templates).get(OWN, ""))


@lru_cache(maxsize=8)
def _words(language: str, own: str) -> Words:
    try:
        ours = [_read(_ENGLISH), _read(_base(language)), tomllib.loads(own)]
    except tomllib.TOMLDecodeError as error:
        raise TemplateError(f"{OWN}: {error} (paths.templates)") from None
    found = {name: value for words in ours for name, value in words.items()}
    unknown = found.keys() - ours[0].keys()
    if unknown:
        raise TemplateError(f"{OWN}: unknown: {', '.join(sorted(unknown))} (paths.templates)")
    return Words(**{name: _word(name, value, language) for name, value in found.items()})


def _read(language: str) -> dict[str, object]:
    path = _FOLDER / f"{language}.toml"
    return tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _word(name: str, value: Any, language: str) -> str | Callable[..., str]:
    """Returns a text; a function if it has a place for a value, or a form for each number."""
    forms: dict[str, str] = value if isinstance(value, dict) else {"other": value}
    if "other" not in forms or not all(isinstance(one, str) for one in forms.values()):
        raise TemplateError(f"{OWN}: {name}: wanted a text, or its forms (paths.templates)")
    if forms is not value and "{" not in forms["other"]:
        return forms["other"]

    def fill(n: int = 0, **values: object) -> str:
        category = "other" if len(forms) == 1 else _plural(n, language)
        return forms.get(category, forms["other"]).format(n=n, **values)

    return fill


def _plural(number: int, language: str) -> str:
    """Returns the plural category of a number (CLDR)."""
    if _base(language) == _ENGLISH:
        return "one" if number == 1 else "other"
    # Imported on demand, as below: sites in English do without.
    from babel import Locale, UnknownLocaleError

    try:
        return str(Locale.parse(_base(language)).plural_form(number))
    except (UnknownLocaleError, ValueError):
        return "other"


def _base(language: str) -> str:
    return language.partition("-")[0].lower()


@lru_cache(maxsize=256)
def direction(language: str) -> str:
    """Returns ``rtl`` or ``ltr``, by the script of a language tag or else by its language."""
    first, *rest = language.lower().split("-")
    scripts = [part for part in rest if len(part) == 4 and part.isalpha()]
    return "rtl" if (scripts[0] if scripts else first) in _RTL else "ltr"


def day_text(day: date, language: str) -> str:
    """Returns a day as people write it: ``23 August 2021``."""
    return _day(day.year, day.month, day.day, language)[0]


def heading_text(day: date, language: str) -> str:
    """Returns a day with its weekday: ``Monday 23 August 2021``."""
    return _day(day.year, day.month, day.day, language)[1]


@lru_cache(maxsize=4096)
def _day(year: int, month: int, day: int, language: str) -> tuple[str, str]:
    """Returns a day, and the day with its weekday."""
    of = date(year, month, day)
    if _base(language) != _ENGLISH:
        from babel import UnknownLocaleError
        from babel.dates import format_date

        try:
            locale = language.replace("-", "_")
            return format_date(of, "long", locale), format_date(of, "full", locale)
        except (UnknownLocaleError, ValueError):
            return of.isoformat(), of.isoformat()
    text = f"{day} {_MONTHS[month - 1]} {year}"
    return text, f"{_WEEKDAYS[of.weekday()]} {text}"
