"""What one seed may cost: lists, bodies, front matter."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from feeds.common.text import clean_block
from feeds.seeds.limits import MAX_BODY_CHARACTERS, MAX_BODY_MARKS, MAX_MEMBERS, MAX_VALUES
from feeds.seeds.markdown import CostlyBodyError, render_body
from feeds.seeds.yaml_reader import YamlError, load
from tests.seeds.test_parse import good_item, parse_seed
from tests.support.site import Site

_BASE = "https://a.example/"
_WIDE = 1000
_MIB = 1 << 20
_MEMBERS: dict[str, Callable[[int], object]] = {
    "topics": lambda n: f"name {n}",
    "tags": lambda n: f"name {n}",
    "images": lambda n: f"{{url: 'https://a.example/{n}.jpg'}}",
    "related": lambda n: f"{{title: a, webUrl: 'https://a.example/{n}'}}",
}
_COSTLY = {
    **{
        piece.strip() or repr(piece): piece * (_MIB // len(piece))
        for piece in (
            *("[", "![", "[[]()", "[a](b)", "*a_ ", "`a``b", "<a:", "&a", "\\", "1. a\n", "- a\n"),
            *("a\n\n", "[a\n", "[a]: b\n", "> - a\n", "**a *b ", "~~a ", "a\n=\n", "|a|b\n"),
        )
    },
    "wide table": "|a" * _WIDE + "|\n" + "|-" * _WIDE + "|\n" + "|\n" * 3000,
    "lazy quote": ">" * 20 + " a\n" + "a\n" * 200_000,
}


@pytest.mark.parametrize("markdown", _COSTLY.values(), ids=_COSTLY)
def test_costly_body_is_given_up_before_it_costs_much(markdown: str) -> None:
    began = time.process_time()
    with pytest.raises(CostlyBodyError, match="more than "):
        render_body(markdown, _BASE)
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    "piece", ["[", "![", "[](", "[a](b", "*a_ ", "- ", "![a](b)", "|", "<http://a>", "[a]: b "]
)
def test_body_of_the_largest_size_is_bounded_in_time(piece: str) -> None:
    marks = sum(not letter.isalnum() for letter in piece)
    filler = MAX_BODY_CHARACTERS * marks // MAX_BODY_MARKS - len(piece) - 1
    markdown = (piece + "a" * max(0, filler)) * (MAX_BODY_MARKS // marks)
    began = time.process_time()
    render_body(markdown[:MAX_BODY_CHARACTERS], _BASE)
    assert time.process_time() - began < 30


def test_long_honest_body_is_rendered() -> None:
    paragraph = (
        "Somebody said [so](https://b.example/c) in *the* paper, and more. "
        + "Words follow. " * 5
        + "\n\n"
    )
    markdown = paragraph * 600
    assert render_body(markdown, _BASE).count("<a href") > 500


@pytest.mark.parametrize("body", ["[" * _MIB, "a" * (_MIB - 1000)], ids=["marks", "size"])
def test_story_stays_without_a_body_that_costs_too_much(site: Site, body: str) -> None:
    path = site.seed(excerpt="The excerpt", body=body[: _MIB - 2000])
    lines = path.read_text().partition("\n---\n")[0].count("\n") + 3
    (problem,) = site.publish().problems
    assert (problem.severity, problem.line, problem.field) == ("warning", lines, "body")
    assert "more than" in problem.reason
    assert b"The excerpt" in site.read("all.atom")


@pytest.mark.parametrize("name", MAX_MEMBERS)
def test_list_over_its_limit_loses_the_rest_with_a_warning(name: str) -> None:
    limit = MAX_MEMBERS[name]
    lines = "".join(f"- {_MEMBERS[name](number)}\n" for number in range(limit + 30))
    item, (problem,) = parse_seed(f"{name}:\n{lines}", without=name)
    assert item is not None
    assert len(getattr(item, name)) == limit
    assert (problem.severity, problem.field) == ("warning", f"{name}[{limit}]")
    assert f"more than {limit} {name}" in problem.reason
    whole = good_item(f"{name}:\n" + "".join(lines.splitlines(keepends=True)[:limit]), without=name)
    assert getattr(whole, name) == getattr(item, name)


def test_topics_that_stand_there_again_do_not_count() -> None:
    topics = "".join(f"- Name {number % 50}\n" for number in range(500))
    assert len(good_item(f"topics:\n{topics}", without="topics").topics) == 50


@pytest.mark.parametrize("name", ["images", "related"])
def test_list_of_wrong_members_gives_bounded_problems(name: str) -> None:
    _, problems = parse_seed(f"{name}: [" + "{}," * 5000 + "]\n")
    assert len(problems) <= 2 * MAX_MEMBERS[name] + 1


@pytest.mark.parametrize("yaml", ["a: [" + "b," * MAX_VALUES + "]", "a:\n" + "- {}\n" * MAX_VALUES])
def test_front_matter_of_too_many_values_is_refused_with_its_line(yaml: str) -> None:
    with pytest.raises(YamlError, match="more than 20,000 values") as caught:
        load(yaml)
    assert caught.value.line >= 1


def test_marks_without_end_on_one_letter_are_cut() -> None:
    began = time.process_time()
    text = clean_block("a" + "\u0301\u0327" * 250_000 + "b", repair=False)
    assert len(text) <= 32
    assert text.endswith("b")
    assert time.process_time() - began < 30


def test_marks_of_living_languages_stay() -> None:
    text = "\u0939\u093f\u0928\u094d\u0926\u0940 " * 20 + "\u05d1\u05bc\u05b0\u05e8\u05b5" * 40
    assert clean_block(text, repair=False).count("\u094d") == 20
