"""feeds.seeds.parse: what is wrong with a seed, each fault told with its place, all at once."""

from __future__ import annotations

import time
from datetime import UTC

import pytest

from feeds.common.model import Problem
from feeds.common.times import parse_date
from feeds.seeds.limits import MAX_VALUES
from tests.seeds.test_parse import good_item, parse_seed, parse_text

_OPTIONAL = (
    *("excerpt", "updatedDateTime", "heat", "published", "topics", "tags", "category", "type"),
    *("locale", "webUrl", "ampWebUrl", "cdnAmpWebUrl", "images", "related", "secured", "unknown"),
)


@pytest.mark.parametrize("empty", [None, "", "null", "~"], ids=["missing", "empty", "null", "~"])
@pytest.mark.parametrize("name", ["publishedDateTime", "quality", "provider", "originalUrl"])
def test_required_field_that_is_missing_makes_the_seed_a_problem(
    name: str, empty: str | None
) -> None:
    yaml = "" if empty is None else f"{name}: {empty}\n"
    item, (problem,) = parse_seed(yaml, without=name)
    assert item is None
    assert (problem.path, problem.line, problem.severity) == ("a.txt", 2, "error")
    assert problem.field == name
    assert "wanted " in problem.reason
    assert empty or problem.reason.startswith("missing, ")


@pytest.mark.parametrize("yaml", ["", "title:\n", "title: ''\n", 'title: " "\n'])
def test_title_that_is_missing_makes_the_seed_a_problem(yaml: str) -> None:
    item, (problem,) = parse_seed(yaml, without="title")
    assert item is None
    assert (problem.line, problem.field, problem.severity) == (2, "title", "error")


@pytest.mark.parametrize("null", ["null", "~", "Null", "NULL", "null # none"])
def test_title_that_is_null_is_missing(null: str) -> None:
    item, (problem,) = parse_seed(f"title: {null}\n", without="title")
    assert item is None
    assert (problem.line, problem.column, problem.field) == (2, 8, "title")
    assert (problem.severity, problem.reason) == ("error", "missing, wanted text")


@pytest.mark.parametrize("yaml", ["'null'", '"null"', '"~"', "|\n  null", ">-\n  ~"])
def test_title_that_is_null_in_quotes_is_text(yaml: str) -> None:
    assert good_item(f"title: {yaml}\n", without="title").title in {"null", "~"}


@pytest.mark.parametrize(
    ("yaml", "line", "column", "key", "meant"),
    [
        pytest.param("topic: AI", 2, 1, "topic", "topics", id="singular"),
        pytest.param("Topics: [AI]", 2, 1, "Topics", "topics", id="case"),
        pytest.param("publishd: true", 2, 1, "publishd", "published", id="letter-missing"),
        pytest.param("x: y\ncatagory: a", 3, 1, "catagory", "category", id="letter-wrong"),
        pytest.param("tpye: a", 2, 1, "tpye", "type", id="letters-swapped"),
        pytest.param("web_url: a", 2, 1, "web_url", "webUrl", id="underscore"),
        pytest.param('"exerpt": a', 2, 11, "exerpt", "excerpt", id="in-quotes"),
        pytest.param("secure: a", 2, 1, "secure", "secured", id="the-secret"),
    ],
)
def test_unknown_key_near_a_known_one_is_told_with_what_was_meant(
    yaml: str, line: int, column: int, key: str, meant: str
) -> None:
    item, problems = parse_seed(f"{yaml}\n")
    reason = f"unknown key, did you mean {meant!r}?"
    assert problems == [Problem("a.txt", line, column, key, reason, "warning")]
    assert item == good_item()


@pytest.mark.parametrize(
    "yaml",
    [
        "author: A",
        "slug: a",
        "provider: {nmae: A, domain: a.example}",
        "subtitle: S",
        "x: {Title: T}",
    ],
)
def test_unknown_key_is_passed_over_where_it_is_deeper_or_near_to_none(yaml: str) -> None:
    assert parse_seed(f"{yaml}\n", without=yaml.split(":")[0])[1] == []


@pytest.mark.parametrize(
    ("yaml", "field"),
    [
        ("topics:\n- Story: part one", "topics[0]"),
        ("tags: [Story: part one]", "tags[0]"),
        ("excerpt:\n  Story: part one", "excerpt"),
    ],
)
def test_text_that_its_colon_made_a_mapping_is_told_to_want_quotes(yaml: str, field: str) -> None:
    _, (problem,) = parse_seed(f"{yaml}\n", without=field.split("[")[0])
    assert problem.field == field
    assert problem.reason == "found a mapping, wanted text (put a text that holds ': ' in quotes)"


def test_thousands_of_unknown_keys_do_not_hold_up_the_pass() -> None:
    keys = "".join(f"title{number}x: a\n" for number in range(MAX_VALUES - 100))
    began = time.process_time()
    item, _ = parse_seed(keys)
    assert time.process_time() - began < 10
    assert item is not None


@pytest.mark.parametrize("word", ["No", "1.10", "2021-08-19", "true", "nullable"])
def test_title_may_be_any_word(word: str) -> None:
    assert good_item(f"title: {word}\n", without="title").title == word


@pytest.mark.parametrize(
    ("yaml", "field", "found", "wanted"),
    [
        ("title: []", "title", "found a list", "text"),
        ("title: {a: b}", "title", "found a mapping", "text"),
        ('title: "\\0 "', "title", "found '\\x00 '", "text"),
        ("publishedDateTime: soon", "publishedDateTime", "found 'soon'", "ISO 8601"),
        ("publishedDateTime: 1629374280", "publishedDateTime", "found '1629", "ISO 8601"),
        ("publishedDateTime: [2021-08-19]", "publishedDateTime", "found a list", "ISO 8601"),
        ("quality: 101", "quality", "found '101'", "an integer from 0 to 100"),
        ("quality: -1", "quality", "found '-1'", "an integer from 0 to 100"),
        ("quality: 74.0", "quality", "found '74.0'", "an integer from 0 to 100"),
        ("quality: high", "quality", "found 'high'", "an integer from 0 to 100"),
        ("quality: [74]", "quality", "found a list", "an integer from 0 to 100"),
        ("provider: a.example", "provider", "found 'a.example'", "a mapping with 'domain:'"),
        ("provider: [a.example]", "provider", "found a list", "a mapping with 'domain:'"),
        ("provider: {name: A}", "provider.domain", "missing", "a host name"),
        ("provider: {domain: }", "provider.domain", "missing", "a host name"),
        ("provider: {domain: a b}", "provider.domain", "found 'a b'", "a host name"),
        ("provider: {domain: [a.b]}", "provider.domain", "found a list", "a host name"),
        ("provider: {domain: https://a.b/}", "provider.domain", "found 'https:", "a host name"),
        ("originalUrl: /a", "originalUrl", "found '/a'", "an absolute http or https URL"),
        ("originalUrl: javascript:a", "originalUrl", "found 'javascript:a'", "an absolute http"),
        ("originalUrl: file:///a", "originalUrl", "found 'file:///a'", "an absolute http"),
        ("originalUrl: http://u:p@a.b/", "originalUrl", "found 'http://u:p@a.b/'", "user info"),
        ("originalUrl: {}", "originalUrl", "found a mapping", "an absolute http or https URL"),
    ],
)
def test_required_field_that_is_wrong_makes_the_seed_a_problem(
    yaml: str, field: str, found: str, wanted: str
) -> None:
    item, (problem,) = parse_seed(yaml + "\n", without=field.split(".")[0])
    assert item is None
    assert (problem.field, problem.line, problem.severity) == (field, 2, "error")
    assert problem.reason.startswith(found)
    assert wanted in problem.reason.split("wanted ", 1)[1]


@pytest.mark.parametrize(
    ("yaml", "field"),
    [
        ("excerpt: [a]", "excerpt"),
        ("updatedDateTime: yesterday", "updatedDateTime"),
        ("heat: -2", "heat"),
        ("heat: 1.5", "heat"),
        ("published: maybe", "published"),
        ("provider: {domain: example.com, name: [a]}", "provider.name"),
        ("topics: AI", "topics"),
        ("topics: {a: b}", "topics"),
        ("topics: [[a]]", "topics[0]"),
        ("tags: {}", "tags"),
        ("tags: [{a: b}]", "tags[0]"),
        ("category: {a: b}", "category"),
        ("type: [a]", "type"),
        ("locale: not a locale", "locale"),
        ("ampWebUrl: /amp", "ampWebUrl"),
        ("cdnAmpWebUrl: 'data:,x'", "cdnAmpWebUrl"),
        ("images: https://i.example/1.png", "images"),
        ("images: {url: https://i.example/1.png}", "images"),
        ("related: none", "related"),
        ("related: {title: T, webUrl: https://r.example/1}", "related"),
    ],
)
def test_optional_field_that_is_wrong_is_dropped_with_a_warning(yaml: str, field: str) -> None:
    name = field.replace("[", ".").split(".")[0]
    rest = "provider: {domain: example.com}\n" if name == "provider" else ""
    item, (problem,) = parse_seed(yaml + "\n", without=name)
    assert item == good_item(rest, without=name)
    assert (problem.field, problem.line, problem.severity) == (field, 2, "warning")
    assert problem.reason.startswith("found ")
    assert "wanted " in problem.reason


@pytest.mark.parametrize("null", ["", "''", "null", "~"])
@pytest.mark.parametrize("name", _OPTIONAL)
def test_optional_field_that_is_null_is_as_good_as_missing(name: str, null: str) -> None:
    assert good_item(f"{name}: {null}\n", without=name) == good_item(without=name)


@pytest.mark.parametrize(
    ("name", "part", "field"),
    [
        ("images", "url: /1.png", "[1].url"),
        ("images", "url: ", "[1].url"),
        ("images", "url: null", "[1].url"),
        ("images", "url: []", "[1].url"),
        ("images", "width: 1", "[1].url"),
        ("images", "url: http://localhost/1.png", "[1].url"),
        ("images", "{url: https://i.example/1.png, width: wide}", "[1].width"),
        ("images", "{url: https://i.example/1.png, width: -1}", "[1].width"),
        ("images", "{url: https://i.example/1.png, height: 1e3}", "[1].height"),
        ("images", "{url: https://i.example/1.png, title: []}", "[1].title"),
        ("images", "{url: https://i.example/1.png, isCached: soon}", "[1].isCached"),
        ("images", "https://i.example/1.png", "[1]"),
        ("images", "[]", "[1]"),
        ("related", "webUrl: https://r.example/1", "[1].title"),
        ("related", '{title: "\\0", webUrl: https://r.example/1}', "[1].title"),
        ("related", "{title: [], webUrl: https://r.example/1}", "[1].title"),
        ("related", "title: T", "[1].webUrl"),
        ("related", "{title: T, webUrl: null}", "[1].webUrl"),
        ("related", "{title: T, webUrl: /r}", "[1].webUrl"),
        ("related", "{title: T, webUrl: https://r.example/1, quality: 101}", "[1].quality"),
        ("related", "{title: T, webUrl: https://r.example/1, publishedDateTime: x}",
         "[1].publishedDateTime"),
        ("related", "{title: T, webUrl: https://r.example/1, provider: R}", "[1].provider"),
        ("related", "{title: T, webUrl: https://r.example/1, provider: {name: []}}",
         "[1].provider.name"),
        ("related", "T", "[1]"),
    ],
)  # fmt: skip
def test_bad_part_alone_is_dropped_with_a_warning(name: str, part: str, field: str) -> None:
    good = {
        "images": "{url: https://i.example/good.png}",
        "related": "{title: Good, webUrl: https://r.example/good}",
    }[name]
    item, (problem,) = parse_seed(f"{name}:\n- {good}\n- {part}\n- {good}\n")
    assert item == good_item(f"{name}:\n- {good}\n- {good}\n")
    assert (problem.field, problem.severity) == (name + field, "warning")
    assert problem.line in {3, 4}
    assert "wanted " in problem.reason


def test_provider_whose_name_is_null_is_named_by_its_domain() -> None:
    item = good_item("provider: {domain: a.example, name: null}\n", provider=None)
    assert item.provider.name == "a.example"


def test_all_problems_of_a_seed_are_told_together_in_the_order_of_the_file() -> None:
    item, problems = parse_text(
        """---
quality: high
provider:
  name: [A]
publishedDateTime: soon
originalUrl: /a
webUrl: ftp://a.example/
heat: hot
topics: [AI, [x]]
images:
- url: https://i.example/1.png
  width: wide
  height: tall
related:
- quality: 7
  title: T
---
"""
    )
    assert item is None
    assert [(each.line, each.column, each.field, each.severity) for each in problems] == [
        (2, 1, "title", "error"),
        (2, 10, "quality", "error"),
        (4, 3, "provider.domain", "error"),
        (5, 20, "publishedDateTime", "error"),
        (6, 14, "originalUrl", "error"),
        (7, 9, "webUrl", "error"),
        (8, 7, "heat", "warning"),
        (9, 14, "topics[1]", "warning"),
        (12, 10, "images[0].width", "warning"),
        (13, 11, "images[0].height", "warning"),
        (15, 3, "related[0].webUrl", "warning"),
    ]
    assert str(problems[1]) == (
        "a.txt:2:10: error: quality: found 'high', wanted an integer from 0 to 100"
    )


def test_date_that_readers_doubt_is_told_and_kept() -> None:
    item, problems = parse_seed(publishedDateTime="1989-12-31T23:59:59Z")
    assert item is not None
    assert item.published.year == 1989
    (problem,) = problems
    assert (problem.field, problem.severity) == ("publishedDateTime", "warning")


def test_thousands_of_problems_in_one_seed_do_not_hold_up_the_pass() -> None:
    began = time.process_time()
    item, problems = parse_seed(f"tags: [{'[],' * 3000}]\n")
    assert time.process_time() - began < 10
    assert item is not None
    assert problems[0].field == "tags[0]"


@pytest.mark.parametrize(
    ("field", "value", "wanted"),
    [
        ("publishedDateTime", "1969-12-31T23:59:59Z", "readers can show (1970 or later"),
        ("publishedDateTime", "1970-01-01", "readers believe (1990 or later)"),
        ("updatedDateTime", "0001-01-01", "readers can show (1970 or later"),
        ("updatedDateTime", "1970-01-01", ""),
    ],
)
def test_date_that_readers_do_not_show_is_used_with_a_warning(
    field: str, value: str, wanted: str
) -> None:
    item, problems = parse_seed(**{field: value})
    assert item is not None
    assert parse_date(value, UTC) in {item.published, item.updated}
    assert [problem.field for problem in problems] == ([field] if wanted else [])
    assert all(wanted in problem.reason for problem in problems)


@pytest.mark.parametrize("value", ["1629374280000", "1612137600000", "1629374280"])
def test_number_of_seconds_or_milliseconds_is_no_date(value: str) -> None:
    item, (problem,) = parse_seed(publishedDateTime=value)
    assert item is None
    assert f"found '{value}', wanted a date in ISO 8601" in problem.reason


@pytest.mark.parametrize("field", ["originalUrl", "webUrl"])
def test_ipv6_host_is_used_with_a_warning(field: str) -> None:
    item, (problem,) = parse_seed(**{field: "http://[2001:DB8::1]/a"})
    assert item is not None
    assert "http://[2001:db8::1]/a" in {item.url, item.original_url}
    assert (problem.field, problem.severity) == (field, "warning")
    assert "validators refuse an IPv6 address" in problem.reason


def test_url_with_an_emoji_is_encoded_as_browsers_do_it() -> None:
    item, problems = parse_seed(originalUrl="https://i❤️.ws/a", provider={"domain": "i❤️.ws"})
    assert problems == []
    assert item is not None
    assert (item.url, item.provider.domain) == ("https://xn--i-7iq.ws/a", "xn--i-7iq.ws")


@pytest.mark.parametrize(
    ("locale", "wanted"),
    [
        ("en-UK", "'UK' is not a registered region (the United Kingdom is GB)"),
        ("en_UK", "'UK' is not a registered region"),
        ("zz", "'zz' is not a registered language"),
        ("english", "'english' is not a registered language"),
    ],
)
def test_locale_that_is_not_registered_is_dropped_with_a_warning(locale: str, wanted: str) -> None:
    item, (problem,) = parse_seed(locale=locale)
    assert item is not None
    assert item.locale == ""
    assert (problem.field, problem.severity) == ("locale", "warning")
    assert problem.reason.startswith(f"found '{locale}', wanted a language tag such as en-GB")
    assert wanted in problem.reason
