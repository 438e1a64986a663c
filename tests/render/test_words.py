"""The words of pages: which are used, how numbers choose their form, and how dates are written."""

from __future__ import annotations

import re
import tomllib
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from feeds.common.errors import TemplateError
from feeds.render import words
from feeds.render.page_context import when
from feeds.render.words import day_text, direction, heading_text, words_of

LANGUAGES = sorted(path.stem for path in Path(words.__file__).parent.glob("languages/*.toml"))


def test_words_are_english_by_default_and_choose_their_form() -> None:
    english = words_of("en-GB")
    assert english.follow == "Follow"
    assert [english.stories(n=number) for number in (0, 1, 2)] == [
        *("0 stories", "1 story", "2 stories")
    ]
    assert words_of("tlh").follow == "Follow"


def test_words_of_the_site_replace_some() -> None:
    own = words_of("en", (("words.toml", 'follow = "Subscribe"\nstories = "{n} pieces"'),))
    assert (own.follow, own.stories(n=1), own.copy) == ("Subscribe", "1 pieces", "Copy")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("follow =", "words.toml: ", id="no TOML"),
        pytest.param('folow = "x"', "words.toml: unknown: folow", id="unknown"),
        pytest.param("follow = 3", "follow: wanted a text", id="no text"),
        pytest.param('stories = {one = "x"}', "stories: wanted a text", id="no other form"),
    ],
)
def test_words_with_a_fault_are_named(text: str, reason: str) -> None:
    with pytest.raises(TemplateError, match=reason):
        words_of("en", (("words.toml", text),))


@pytest.mark.parametrize("language", LANGUAGES)
def test_words_of_each_language_are_those_of_english(language: str) -> None:
    folder = Path(words.__file__).parent / "languages"
    english = tomllib.loads((folder / "en.toml").read_text("utf-8"))
    found = tomllib.loads((folder / f"{language}.toml").read_text("utf-8"))
    assert found.keys() == english.keys()


@pytest.mark.parametrize(
    ("language", "wanted"),
    [("en", "ltr"), ("ar-EG", "rtl"), ("he", "rtl"), ("az-Arab", "rtl"), ("ur-Latn-PK", "ltr")],
)
def test_direction_is_that_of_the_script(language: str, wanted: str) -> None:
    assert direction(language) == wanted


def test_dates_in_english_have_the_day_first() -> None:
    day = date(2021, 8, 23)
    assert day_text(day, "en-US") == "23 August 2021"
    assert heading_text(day, "en") == "Monday 23 August 2021"


def test_times_are_in_utc() -> None:
    time = datetime(2021, 8, 23, 9, 7, tzinfo=UTC)
    assert when(time).text == "23 August 2021, 09:07 UTC"


@pytest.mark.parametrize(
    ("language", "day", "heading"),
    [
        ("de", "23. August 2021", "Montag, 23. August 2021"),
        ("fr", "23 août 2021", "lundi 23 août 2021"),
        ("es-MX", "23 de agosto de 2021", "lunes, 23 de agosto de 2021"),
        ("ar", "23 أغسطس 2021", "الاثنين، 23 أغسطس 2021"),
        ("xx", "2021-08-23", "2021-08-23"),
    ],
)
def test_dates_are_written_as_the_language_does(language: str, day: str, heading: str) -> None:
    plain = [
        text.replace("\u200f", "")
        for text in (
            day_text(date(2021, 8, 23), language),
            heading_text(date(2021, 8, 23), language),
        )
    ]
    assert plain == [day, heading]


def test_numbers_choose_their_form_as_the_language_does() -> None:
    arabic = words_of("ar")
    assert [arabic.stories(n=number) for number in (0, 1, 2, 3, 11, 100)] == [
        *("لا أخبار", "خبر واحد", "خبران", "3 أخبار", "11 خبرًا", "100 خبر"),
    ]
    assert words_of("fr-CA").stories(n=0) == "0 article"


@pytest.mark.parametrize("language", LANGUAGES)
def test_words_of_each_language_have_the_same_places(language: str) -> None:
    folder = Path(words.__file__).parent / "languages"
    english = tomllib.loads((folder / "en.toml").read_text("utf-8"))
    found = tomllib.loads((folder / f"{language}.toml").read_text("utf-8"))
    for name, value in english.items():
        for form in found[name].values() if isinstance(found[name], dict) else [found[name]]:
            wanted = value["other"] if isinstance(value, dict) else value
            places = set(re.findall(r"{\w+}", form)) | ({"{n}"} & set(re.findall(r"{\w+}", wanted)))
            assert places == set(re.findall(r"{\w+}", wanted)), name
