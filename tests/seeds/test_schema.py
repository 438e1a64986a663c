"""feeds.seeds.schema: the item of a usual seed is the one that `parse` makes; others it leaves."""

from __future__ import annotations

import pytest

from feeds.seeds.frontmatter import split
from feeds.seeds.limits import MAX_MEMBERS
from feeds.seeds.parse import ParseOptions, parse
from feeds.seeds.quick_reader import QuickReader
from feeds.seeds.schema import Seed, parts_of, usual_item
from tests.support.yaml_mutants import SEED, real_sources

pytest.importorskip("ryml")

MANY = f"[{', '.join(f't{number}' for number in range(MAX_MEMBERS['topics'] + 1))}]"


def usual(text: str) -> Seed:
    seed = QuickReader().seed(f"---\n{text}---\n".encode())
    assert seed is not None
    return seed


@pytest.mark.parametrize("repair", [True, False])
def test_item_of_a_usual_seed_is_that_of_parse(*, repair: bool) -> None:
    for text in (SEED, *real_sources()):
        front = split(f"---\n{text}---\n".encode(), all_yaml=False)
        item, problems = parse("a.txt", front, ParseOptions(repair=repair))
        assert problems == []
        assert usual_item(usual(text), repair=repair) == item


def test_parts_are_all_mappings_of_a_seed() -> None:
    names = [type(part).__name__ for part in parts_of(usual(SEED))]
    assert sorted(names) == [
        *("Seed", "SeedImage", "SeedImage", "SeedProvider", "SeedProvider"),
        *("SeedRelated", "SeedRelated"),
    ]


@pytest.mark.parametrize(
    ("line", "other"),
    [
        ("originalUrl: https://example.org/a?b=c#d", "originalUrl: https://u@example.org/"),
        ('webUrl: "https://example.org/a"', "webUrl: https://[::1]/a"),
        ("  domain: example.org", "  domain: exa mple.org"),
        ("publishedDateTime: 2021-08-19T11:58:00Z", "publishedDateTime: 1985-01-01T00:00:00Z"),
        ("updatedDateTime: 2021-08-20T11:58:00.5+02:00", "updatedDateTime: 0001-01-01T00:00:00Z"),
        ("publishedDateTime: 2021-08-19T11:58:00Z", "publishedDateTime: 0001-01-01T00:00:00+01:00"),
        ("locale: en_GB", "locale: xx-YY"),
        ("  - url: https://example.org/a.jpg", "  - url: https://localhost/a.jpg"),
        ("    webUrl: https://example.org/b", "    type: article"),
        ("topics: [AI, ai, É]", f"topics: {MANY}"),
    ],
    ids=[
        *("user-info", "ipv6", "domain", "old", "older", "no-such-year"),
        *("locale", "localhost", "no-url", "topics"),
    ],
)
def test_seed_with_a_problem_is_left_to_parse(line: str, other: str) -> None:
    assert f"\n{line}\n" in SEED
    assert usual_item(usual(SEED.replace(line, other, 1)), repair=True) is None
