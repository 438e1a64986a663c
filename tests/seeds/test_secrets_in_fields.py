"""feeds.seeds.secrets: a secret that is misplaced, or reaches another field, costs the seed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from feeds.seeds.frontmatter import MISPLACED, _quiet
from feeds.seeds.secrets import REACHES
from tests.seeds.test_read import good, read, written
from tests.support.secrets import BLOB, MISPLACED_FIELDS, with_field


@pytest.mark.parametrize(("field", "below"), MISPLACED_FIELDS.values(), ids=MISPLACED_FIELDS)
def test_secured_that_is_no_plain_key_is_refused_with_its_place(
    tmp_path: Path, field: str, below: int
) -> None:
    seed = with_field(good(), field)
    (problem,) = read(written(tmp_path, seed)).problems
    first = good().split(b"\n---\n")[0].count(b"\n") + 2
    line = seed.decode().split("\n")[first + below - 1]
    column = line.lower().index("secured") + 1
    assert (problem.line, problem.column, problem.field) == (first + below, column, "secured")
    assert (problem.severity, problem.reason) == ("error", MISPLACED)


@pytest.mark.parametrize(
    ("field", "changes", "where"),
    [
        ("secured: {blob}", {"excerpt": f"It is {BLOB[20:32]}"}, "excerpt"),
        ("secured:\n- {blob}\n- b", {"tags": ["a", BLOB[:12]]}, "tags[1]"),
        ("secured: >-\n  abcd\n  efgh\n  ijkl", {"title": "abcdefghijkl"}, "title"),
        ("secured: {blob}", {"quality": BLOB}, "quality"),
        ("secured: x\nunknown: {blob}", {"category": BLOB[:40]}, "category"),
        ('"\\x73ecured": {blob}', {}, "secured"),
        ('category: "a\\n\\x73ecured: {blob}"', {}, "category"),
    ],
)
def test_secured_that_reaches_another_field_is_refused_with_the_place_of_that(
    tmp_path: Path, field: str, changes: dict[str, Any], where: str
) -> None:
    seed = with_field(good(**changes), field)
    (problem,) = read(written(tmp_path, seed)).problems
    lines = seed.decode().split("\n")
    assert (problem.severity, problem.field) == ("error", where)
    key = {"secured": r"\x73ecured"}.get(where, where.split("[")[0])
    assert key in "\n".join(lines[max(0, problem.line - 3) : problem.line])


def test_secured_in_the_rendered_body_is_refused_with_the_line_where_that_begins(
    tmp_path: Path,
) -> None:
    seed = with_field(good(f"Text {BLOB[5:40]}."), "secured: {blob}")
    (problem,) = read(written(tmp_path, seed)).problems
    assert (problem.field, problem.reason) == ("secured", REACHES)
    assert seed.decode().split("\n")[problem.line - 1] == "---"


@pytest.mark.parametrize(
    ("field", "body"),
    [
        ('title: "Funding secured: 5 million"', ""),
        ("title: 'Secured: how'", ""),
        ("excerpt: The deal is secured, (secured) and 'secured'", ""),
        ("excerpt: >-\n  The round - secured: 5 million - is\n  the last", ""),
        ("secured: {blob}", "It is\nsecured: at last.\n\n- secured: 5 million\n"),
        ("secured : {blob}", ""),
        ("secured:\n  {blob}", ""),
        ("secured: |2-\n    {blob}\n  {blob}", ""),
        ("secured: # not for you\n  - {blob}\n  - {{a: {blob}}}", ""),
        ("secured: {blob}\nslug: https://example.com/a-story-of-today", ""),
        ("secured:", ""),
        ("secured: null", ""),
    ],
)
def test_seed_that_speaks_of_secured_things_or_keeps_them_is_used(
    tmp_path: Path, field: str, body: str
) -> None:
    seed = with_field(good(body, **{field.split(":")[0]: None}), field)
    reading = read(written(tmp_path, seed))
    assert (reading.problems, reading.header is None) == ((), False)


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        ("the key 'title' stands twice", "the key 'title' stands twice"),
        ("the key 'publishedDateTime' stands twice", "the key 'publishedDateTime' stands twice"),
        ("the key 'short' stands twice", "the key 'short' stands twice"),
        (f"the key '{BLOB}' stands twice", "the key … stands twice"),
        (f"found '{BLOB[:12]}'", "found …"),
        (f'found "a\'{BLOB}"', "found …"),
    ],
)
def test_reason_quotes_nothing_that_may_be_a_secret(reason: str, shown: str) -> None:
    assert _quiet(reason) == shown
