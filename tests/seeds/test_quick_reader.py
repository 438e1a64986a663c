"""feeds.seeds.quick_reader: what it takes is what PyYAML reads; all else it leaves to PyYAML."""

from __future__ import annotations

import os
import sys

import pytest

from feeds.seeds import yaml_reader
from feeds.seeds.parse import ParseOptions
from feeds.seeds.quick_reader import QuickReader, quick_reader
from feeds.seeds.read import ReadRequest, read_seed
from tests.support.site import REAL_SEEDS
from tests.support.yaml_mutants import SEED, compare, compare_seeds, same

pytest.importorskip("ryml")


@pytest.fixture(scope="module")
def quick() -> QuickReader:
    return QuickReader()


@pytest.mark.parametrize("seed", range(4))
def test_quick_reader_equals_the_judge_on_mutated_seeds(seed: int) -> None:
    taken, different = compare(2_000, seed)
    assert different == []
    assert taken > 200


@pytest.mark.long
def test_quick_reader_equals_the_judge_on_a_hundred_thousand_mutated_seeds() -> None:
    assert compare(100_000, 100)[1] == []


@pytest.mark.parametrize("seed", range(4))
def test_usual_seeds_are_read_as_the_judge_reads_them(seed: int) -> None:
    taken, different = compare_seeds(1_000, seed)
    assert different == []
    assert taken > 100


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("2021-08-19T11:58:00Z", "2021-08-19T11:58:59.9999995Z"),
        ('tags:\n  - "one"\n  - two\n', f"tags: [{', '.join(['a'] * 20_001)}]\n"),
    ],
    ids=["fraction that rounds up", "more than 20,000 values"],
)
def test_usual_seeds_are_left_to_the_judge(quick: QuickReader, old: str, new: str) -> None:
    assert SEED.count(old) == 1
    data = f"---\n{SEED.replace(old, new)}---\n".encode()
    request = ReadRequest("a.txt", "a.txt", b"", data=data)
    assert quick.seed(data) is None
    assert read_seed(request, ParseOptions(), quick) == read_seed(request, ParseOptions())


@pytest.mark.long
def test_a_hundred_thousand_seeds_are_read_as_the_judge_reads_them() -> None:
    assert compare_seeds(100_000, 100)[1] == []


def test_quick_reader_takes_the_real_seeds(quick: QuickReader) -> None:
    for path in REAL_SEEDS.glob("*.txt"):
        source = path.read_text(encoding="utf-8").split("---\n")[1]
        node = quick.read(source)
        assert node is not None
        assert same(node, yaml_reader.load(source))
        assert quick.seed(path.read_bytes()) is not None


@pytest.mark.parametrize(
    "text",
    [
        *("", "# a", "a", "- a", "---\na: b", "a: b\n---\nc: d", "...\na: b", "%YAML 1.1\na: b"),
        *("a: &b c", "a: *b", "a: !!str b", "a: ! b", "<<: {a: b}", "a: b\na: c", "a: {b: c}"),
        *("a: ~", "a: null", "a: Null", 'a: "null"', "a: '~'", 'a: " "', 'a: " null "', "a:\n- ~"),
        *("a: -0", "a: 1.5", "a: .5", "a: +1", "a: 1e3", "a: nan", "a: -infinity", "a: .inf"),
        *("a: b\rc: d", "a:\tb", "a: \ufeffb", "a: @b", "a: `b", "a: ]", "a: [b: c]", "a: [?b]"),
        *(
            'a: "b\\\n  c"',
            'a: "b',
            "a: b: c",
            'a:\n- "b" c',
            'a:\n- "" b: c',
            "a: >2n",
            "a: |\n  b",
        ),
        *(
            "a:\n? b\n:c",
            '"": b',
            ": b",
            "? a\n: b",
            "1: b",
            "a b: c",
            "a: " + "[" * 2_000,
            "- " * 2_000 + "a",
        ),
        "a:\n" + "".join(f"{' ' * depth}a:\n" for depth in range(1, 30)),
        "a: " + "b" * 70_000,
        "a:\n" + "- b\n" * 6_000,
    ],
)
def test_quick_reader_leaves_to_the_judge(quick: QuickReader, text: str) -> None:
    assert quick.read(text) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 74", "74"),
        ("a: 0", "0"),
        ("a: -1", "-1"),
        ("a: 123456789012345678901234567890", "123456789012345678901234567890"),
        ("a: 0x1F", "0x1F"),
        ("a: 012", "012"),
        ("a: 1_000", "1_000"),
        ("a: 1:30", "1:30"),
        ("a: true", "true"),
        ("a: True", "True"),
        ("a: no", "no"),
        ("a: 2021-08-19T11:58:00Z", "2021-08-19T11:58:00Z"),
        ("a:", ""),
        ('a: ""', ""),
        ("a: 'It''s'", "It's"),
        ('a: "\\u00e9\\n"', "é\n"),
        ("a: R & D * 2 !", "R & D * 2 !"),
        ("a: [b, 'c', \"d\"]", ["b", "c", "d"]),
        ("a: \ufdd5 é 😀", "\ufdd5 é 😀"),
    ],
)
def test_quick_reader_keeps_text_as_it_is_written(
    quick: QuickReader, text: str, value: object
) -> None:
    assert quick.read(text) == {"a": value}
    assert yaml_reader.load(text) == {"a": value}


def test_quick_reader_raises_what_the_judge_does(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(yaml_reader.YamlError) as caught:
        QuickReader().load("title: b: c")
    assert (caught.value.line, caught.value.column) == (1, 9)
    os.write(2, b"heard")
    assert capfd.readouterr().err == "heard"


def test_quick_reader_goes_on_after_faults(quick: QuickReader) -> None:
    for text in ("a: [b", "a: b: c", 'a: "b', "- [", "a:\n - b\nc", "a: 'b\n'c: d", "a: -"):
        assert quick.read(text) is None
        assert quick.read("a: b") == {"a": "b"}


def test_quick_reader_is_missed_by_nobody_where_rapidyaml_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "ryml", None)
    _assert_that_the_judge_reads_alone()


def test_quick_reader_is_not_used_where_stderr_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(descriptor: int) -> int:
        raise OSError(9, os.strerror(9))

    monkeypatch.setattr(os, "dup", fail)
    _assert_that_the_judge_reads_alone()


def _assert_that_the_judge_reads_alone() -> None:
    quick_reader.cache_clear()
    try:
        assert quick_reader() is None
    finally:
        quick_reader.cache_clear()
