"""feeds.seeds.fields: typed values out of a mapping that is all text, and the keys of a seed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds.seeds.fields import Fields, Note, show, suggestion
from feeds.seeds.schema import KNOWN_KEYS

_LONG = sorted(key for key in KNOWN_KEYS if len(key) > 4)
_MISSING: Any = object()
_NODES = st.recursive(
    st.text(max_size=8)
    | st.sampled_from(["", "~", "null", "7", "true", "2021-08-19", "http://a.b/"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=5,
)
_READERS: dict[str, Callable[[Fields], Any]] = {
    "line": lambda fields: fields.line("x"),
    "required-line": lambda fields: fields.line("x", required=True),
    "integer": lambda fields: fields.integer("x", -1, 100, "warning"),
    "required-integer": lambda fields: fields.integer("x", 0, 100, "error"),
    "flag": lambda fields: fields.flag("x"),
    "date": lambda fields: fields.date("x", "warning"),
    "required-date": lambda fields: fields.date("x", "error"),
    "url": lambda fields: fields.url("x", "warning"),
    "lines": lambda fields: [text for _, text in fields.lines("x")],
    "parts": lambda fields: [part.mapping for _, part in fields.parts("x")],
}


def _read(reader: str, value: Any, zone: str = "UTC") -> tuple[Any, list[Note]]:
    notes: list[Note] = []
    mapping = {} if value is _MISSING else {"x": value}
    fields = Fields(mapping, notes, repair=True, zone=ZoneInfo(zone))
    return _READERS[reader](fields), notes


@pytest.mark.parametrize(
    ("reader", "value", "wanted"),
    [
        ("line", "  a \n b\x00 ", "a b"),
        ("line", "", ""),
        ("line", _MISSING, ""),
        ("line", "No", "No"),
        ("required-line", "x", "x"),
        ("integer", "42", 42),
        ("integer", " +42 ", 42),
        ("integer", "-1", -1),
        ("integer", "007", 7),
        ("integer", "100", 100),
        ("flag", "true", True),
        ("flag", "TRUE", True),
        ("flag", "yes", True),
        ("flag", "On", True),
        ("flag", "false", False),
        ("flag", "No", False),
        ("flag", "off", False),
        ("date", "2021-08-19T11:58:00Z", datetime(2021, 8, 19, 11, 58, tzinfo=UTC)),
        ("url", " HTTP://A.example/b ", "http://a.example/b"),
        ("lines", ["a", "", " b  c ", "\x00"], ["a", "b c"]),
        ("lines", [], []),
        ("parts", [{"a": "b"}, {}], [{"a": "b"}, {}]),
        *(
            (reader, empty, None)
            for reader in ("integer", "flag", "date", "url")
            for empty in (_MISSING, "", "  ", "~", "null", "Null", "NULL")
        ),
        *(
            (reader, empty, [])
            for reader in ("lines", "parts")
            for empty in (_MISSING, "", "~", "null")
        ),
    ],
)
def test_field_gives_its_value_and_notes_nothing(reader: str, value: Any, wanted: Any) -> None:
    assert _read(reader, value) == (wanted, [])


@pytest.mark.parametrize(
    ("reader", "value", "reason"),
    [
        ("line", [], "found a list, wanted text"),
        ("line", {}, "found a mapping, wanted text"),
        ("required-line", _MISSING, "missing, wanted text"),
        ("required-line", "", "missing, wanted text"),
        ("required-line", " \n", "found ' \\n', wanted text"),
        ("required-line", "\x00", "found '\\x00', wanted text"),
        ("required-line", ["a"], "found a list, wanted text"),
        ("integer", "1.0", "found '1.0', wanted an integer from -1 to 100"),
        ("integer", "-2", "found '-2', wanted an integer from -1 to 100"),
        ("integer", "101", "found '101', wanted an integer from -1 to 100"),
        ("integer", "1e1", "found '1e1', wanted an integer from -1 to 100"),
        ("integer", "0x1F", "found '0x1F', wanted an integer from -1 to 100"),
        ("integer", "٧", "found '٧', wanted an integer from -1 to 100"),
        ("integer", "1_0", "found '1_0', wanted an integer from -1 to 100"),
        ("integer", "9" * 5000, f"found '{'9' * 80}…', wanted an integer from -1 to 100"),
        ("integer", ["1"], "found a list, wanted an integer from -1 to 100"),
        ("required-integer", _MISSING, "missing, wanted an integer from 0 to 100"),
        ("required-integer", "", "missing, wanted an integer from 0 to 100"),
        ("required-integer", "null", "found 'null', wanted an integer from 0 to 100"),
        ("required-integer", "-1", "found '-1', wanted an integer from 0 to 100"),
        ("flag", "maybe", "found 'maybe', wanted true or false"),
        ("flag", "1", "found '1', wanted true or false"),
        ("flag", [], "found a list, wanted true or false"),
        ("date", "19.08.2021", "found '19.08.2021', wanted a date in ISO 8601, such as 2021-"),
        ("date", {}, "found a mapping, wanted a date in ISO 8601"),
        ("required-date", _MISSING, "missing, wanted a date in ISO 8601"),
        ("url", "/b", "found '/b', wanted an absolute http or https URL"),
        ("url", [], "found a list, wanted an absolute http or https URL"),
        ("lines", "AI", "found 'AI', wanted a list ('- ' lines)"),
        ("lines", {}, "found a mapping, wanted a list ('- ' lines)"),
        ("lines", {"a": "b"}, "found a mapping, wanted a list ('- ' lines)"),
        ("parts", {"url": "u"}, "found a mapping, wanted a list ('- ' lines)"),
        ("parts", "u", "found 'u', wanted a list ('- ' lines)"),
    ],
)
def test_field_that_is_wrong_is_noted_with_what_was_found_and_is_wanted(
    reader: str, value: Any, reason: str
) -> None:
    got, notes = _read(reader, value)
    assert not got
    (note,) = notes
    assert note.path == ("x",)
    assert note.reason.startswith(reason)
    assert note.severity == ("error" if reader.startswith("required") else "warning")


@pytest.mark.parametrize(
    ("reader", "good", "wanted"),
    [("lines", "a", "text"), ("parts", {"a": "b"}, "a mapping ('key: value' lines)")],
)
def test_list_keeps_its_good_members_and_notes_each_bad_one(
    reader: str, good: Any, wanted: str
) -> None:
    bad: Any = {} if reader == "lines" else "b"
    shown = "a mapping" if reader == "lines" else "'b'"
    assert _read(reader, [bad, good, [], good]) == (
        [good, good],
        [
            Note(("x", 0), f"found {shown}, wanted {wanted}", "warning"),
            Note(("x", 2), f"found a list, wanted {wanted}", "warning"),
        ],
    )


def test_date_without_a_zone_is_read_in_the_zone_of_the_site() -> None:
    time, notes = _read("date", "2021-08-19 11:58", "Europe/London")
    assert (time, notes) == (datetime(2021, 8, 19, 10, 58, tzinfo=UTC), [])


def test_line_is_repaired_only_where_it_is_wished() -> None:
    for repair, wanted in ((True, "It’s"), (False, "Itâ€™s")):
        fields = Fields({"x": "Itâ€™s"}, [], repair=repair, zone=UTC)
        assert fields.line("x") == fields.block("Itâ€™s") == wanted


def test_part_notes_into_the_same_list_with_its_whole_path() -> None:
    notes: list[Note] = []
    fields = Fields({"a": [{}, {"b": {"n": "x"}}]}, notes, repair=True, zone=UTC)
    *_, (_, second) = fields.parts("a")
    second.part(second.mapping["b"], ("b",)).integer("n", 0, 1, "warning")
    assert [note.path for note in notes] == [("a", 1, "b", "n")]


def test_whole_drops_a_part_in_which_anything_is_wrong() -> None:
    notes = [Note(("before",), "does not count", "error")]
    fields = Fields({"good": "1", "bad": "x"}, notes, repair=True, zone=UTC)
    assert fields.whole(lambda part: part.integer("good", 0, 1, "warning")) == 1
    assert fields.whole(lambda part: (part.integer("bad", 0, 1, "warning"), "rest")) is None
    assert len(notes) == 2


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a'b", '"a\'b"'),
        ("a\nb\x1b[31m\x00", "'a\\nb\\x1b[31m\\x00'"),
        ("\ud800\ufeff", "'\\ud800\\ufeff'"),
        ("é", "'é'"),
        ("x" * 80, f"'{'x' * 80}'"),
        ("x" * 81, f"'{'x' * 80}…'"),
        (["secret"], "a list"),
        ({"secret": "x"}, "a mapping"),
    ],
)
def test_show_writes_a_value_on_one_line_and_cut(value: Any, shown: str) -> None:
    assert show(value) == shown


@pytest.mark.parametrize("reader", list(_READERS))
@settings(max_examples=settings().max_examples // 3)
@given(value=_NODES)
def test_field_of_any_value_gives_a_value_or_a_note(reader: str, value: Any) -> None:
    got, notes = _read(reader, value)
    for note in notes:
        assert note.path[0] == "x"
        assert note.reason.isprintable()
    if reader.startswith("required"):
        assert (got is None or got == "") == bool(notes)


@pytest.mark.parametrize("key", sorted(KNOWN_KEYS))
def test_known_key_is_meant_by_its_other_cases_and_numbers_and_not_by_itself(key: str) -> None:
    assert suggestion(key) is None
    others = {key.upper(), key.title(), key + "s", key[:1].upper() + key[1:], f"_{key}"[1:] + "_"}
    others |= {key.removesuffix("s"), key.lower()} - {key}
    for other in others - {key}:
        assert suggestion(other) == key


@pytest.mark.parametrize("key", sorted(KNOWN_KEYS))
def test_known_key_is_meant_where_two_letters_changed_places(key: str) -> None:
    for at in range(1, len(key) - 1):
        swapped = key[:at] + key[at + 1] + key[at] + key[at + 2 :]
        assert suggestion(swapped) == (key if swapped != key else None)


@pytest.mark.parametrize("key", _LONG)
def test_known_key_is_meant_where_a_letter_is_missing_or_wrong_or_too_many(key: str) -> None:
    for at in range(1, len(key)):
        for wrong in (
            key[:at] + key[at + 1 :],
            f"{key[:at]}x{key[at:]}",
            f"{key[:at]}x{key[at + 1 :]}",
        ):
            assert suggestion(wrong) == (key if wrong != key else None)


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("categories", "category"),
        ("published_date_time", "publishedDateTime"),
        ("publishedDate", "publishedDateTime"),
        ("original-url", "originalUrl"),
        ("web url", "webUrl"),
        ("tag", "tags"),
        ("titel", "title"),
    ],
)
def test_key_is_meant_by_what_people_write(key: str, meant: str) -> None:
    assert suggestion(key) == meant


@pytest.mark.parametrize(
    "key",
    [
        *("author", "slug", "id", "date", "description", "summary", "url", "link", "subtitle"),
        *("publisher", "publishedAt", "publishedBy", "providerId", "categoryId", "unpublished"),
        *("created", "updated", "lang", "language", "head", "page", "text", "note", "custom", "x"),
        *("", "title\n", "tïtle", "title: x", "x" * 200, "тitle", "body", "layout", "draft"),
    ],
)
def test_other_key_means_nothing(key: str) -> None:
    assert suggestion(key) is None


@given(st.text())
def test_any_text_means_a_known_key_or_nothing(key: str) -> None:
    assert suggestion(key) in KNOWN_KEYS | {None}
