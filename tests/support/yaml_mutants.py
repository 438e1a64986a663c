"""Mutated seeds, on which the quick reader of YAML must say what PyYAML says."""

from __future__ import annotations

import random
import re

from feeds.seeds.parse import ParseOptions
from feeds.seeds.quick_reader import QuickReader
from feeds.seeds.read import ReadRequest, read_seed
from feeds.seeds.yaml_reader import YamlError, load
from tests.support.site import REAL_SEEDS

# Every form of YAML that somebody may write in a seed: those that the quick reader takes, then
# those that it leaves to PyYAML.
USUAL = """\
title: 'It''s "here"'
plain: Lagos Star & Post, of 1999 (a #1) [x] {y}
double: "A \\u00e9\\x41\\n\\t\\"b\\" \\\\ c: d # e"
several: one
  two

  three
quoted: "one
  two

  four"
other: 'one
  two

  three'
empty:
nothing: ""
numbers: [0, -1, 12, 0x1F, 012, 1_000, 1:30]
words: [true, True, yes, No, on, 2021-08-19, a b]
items: [a, 'b', "c", d e,
  f]
a-list:
- a
-  b: c
   d: e
-
  - f
  - - g
    - h
- "i"   # comment
# comment
- j
topics:
  - one
  - 'two'
  - "three"

deep:
    er:
      est: x
images:
  - url: "https://example.org/a"
    width: 640
    isCached: true
  - url: https://example.org/b?c=d&e=f#g
    width: 0
provider:
  name: A B & C
  domain: example.org
date: 2021-08-19T11:58:00Z
quality: 74
"""
RARE = """\
folded: >-
  one
  two

    three
  four
literal: |+
  one

  two: three

kept: >2
    one
escaped: "one
  two \\
  three"
none: ~
nulls: [null, Null, "null", '~', .nan, nan, inf]
floats: [+1, 1.5, .5, 1e3, -0, 1.]
flow: {a: b, "c": 'd', e: [f, {g: h}], i: , j}
"quoted key": x
'single key' : x
12: y
"""
# A seed with all keys, and values that somebody may write for them.
SEED = """\
title: A "title" – of £5
publishedDateTime: 2021-08-19T11:58:00Z
updatedDateTime: 2021-08-20T11:58:00.5+02:00
originalUrl: https://example.org/a?b=c#d
webUrl: "https://example.org/a"
ampWebUrl: https://amp.example.org/a
cdnAmpWebUrl: https://cdn.example.org/a
excerpt: "It  is â€œhereâ€\\x9d"
quality: 74
heat: -1
published: true
provider:
  name: A & B
  domain: example.org
topics: [AI, ai, É]
tags:
  - "one"
  - two
category: news
type: article
locale: en_GB
correction: none
withdrawnReason: none
images:
  - url: https://example.org/a.jpg
    width: 640
    height: 0
    title: A picture
    isCached: false
related:
  - title: Another
    webUrl: https://example.org/b
    publishedDateTime: 2021-08-18T11:58:00-05:00
    quality: 3
    provider:
      domain: example.com
    images:
      - url: "https://example.org/b.jpg"
  - title: Third
    excerpt: A text
    originalUrl: https://example.org/c
secured: "wmN1XUkAeqeLw74hJAUdxFhxipbSYo35MMIBJs1MlGyE0jZpTm1DYJO3Aw3uiOIj"
"""
VALUES = (
    *("", '""', '" "', "~", "null", '"null"', "0", "-0", "007", "5.0", "1e1", "+5", "101", "10000"),
    *("yes", "True", "false", "[]", "[a, a]", "é", "\xa0", "a\ufffdb", "[::1]", "example.org."),
    *("2021-08-19", "2021-08-19t11:58:00z", "2021-08-19 11:58:00Z", "2021-08-19T11:58:60Z"),
    *("2021-08-19T11:58:59.9999999Z", "0001-01-01T00:00:00+01:00", "1969-12-31T23:59:59Z"),
    *("9999-12-31T23:59:59-01:00", "1985-01-01T00:00:00Z", "2021-08-19T11:58:00+0200"),
    *("http://EXAMPLE.org", "https://[::1]/a", "https://localhost/", '" https://example.org/ "'),
    *(
        "https://a_b.example.org/",
        "https://example.org/é",
        "//example.org",
        "https://a@example.org",
    ),
    *("en", "xx-YY", "en--GB", "wmN1XUkAeqeLw74hJAUdxFhx", "The secured: loan", '"\\u00e9"'),
    *("a\u2028b", "a\x85b", "\x93a", "\ufeffa", '"\\x73ecured: wmN1XUkAeqeLw74hJAUdxFhxipbS"'),
)
PIECES = (
    *("&", "*", "!", "<<: *a", "&a ", "*a", "!!str ", "!a ", "? ", ": ", ":", "- ", "-", "#", " #"),
    *("|", ">", "|-", ">+", "|2", "'", '"', "''", "\\", "\\\n", "{", "}", "[", "]", ",", "%", "@"),
    *("`", "~", "null", "Null", "true", "0", "-0", "1.5", ".5", "+1", "nan", "infinity", ".inf"),
    *("\n", "\n\n", " \n", "\n  ", "\n    ", " ", "  ", "\t", "\r", "\xa0"),
    *("\ufdd0", "\ufeff", "é", "😀", "---", "\n---\n", "\n...\n", "--- x", "%YAML 1.1\n", "a: b"),
    *("\na: b", "\n- a", "\n- a: b", "\n  - - a", '"null"', "' ~ '", '" "', "\\x00", "\\ud800"),
    *("\\/", "\\N", "\\_", "\\L", "\\e", "\\0", "\\ ", "\\\t", "a:\n", "a:", ":a", "a :b", "a::b"),
    *("\n\n- ", "\n?", "\n? a\n: b", "{}", "[]", "{a}", "[a: b]", "[,]", "{a: }", "{: a}", '"a":b'),
)


def compare(count: int, seed: int) -> tuple[int, list[str]]:
    """Returns how many of `count` texts the quick reader took, and those it read differently."""
    chance = random.Random(seed)  # noqa: S311 (the same texts each time)
    quick = QuickReader()
    bases = [*(form_of(chance) for _ in range(400)), *real_sources() * 20]
    taken, different = 0, []
    for _ in range(count):
        text = mutated(chance.choice(bases), chance)
        node = quick.read(text)
        taken += node is not None
        if node is not None and not same(node, judge(text)):
            different.append(text)
    return taken, different


def compare_seeds(count: int, seed: int) -> tuple[int, list[str]]:
    """Returns how many of `count` seeds were usual ones, and those that were read differently."""
    chance = random.Random(seed)  # noqa: S311 (the same seeds each time)
    quick, options = QuickReader(), ParseOptions()
    bases = [SEED, SEED.partition("secured")[0], *real_sources()]
    taken, different = 0, []
    for _ in range(count):
        text = chance.choice(bases)
        if chance.random() < 0.5:
            text = mutated(text, chance)
        if chance.random() < 0.7:
            text = with_value(text, chance)
        data = f"---\n{text}---\n".encode(errors="replace")
        request = ReadRequest("a.txt", "a.txt", b"", data=data)
        taken += quick.seed(data) is not None
        if read_seed(request, options, quick) != read_seed(request, options):
            different.append(text)
    return taken, different


def with_value(text: str, chance: random.Random) -> str:
    """Returns a text with another value on one line."""
    lines = text.splitlines(keepends=True)
    row = chance.randrange(len(lines))
    start = re.match(r" *(?:- )?(?:\w+: )?", lines[row])
    lines[row] = f"{start[0] if start else ''}{chance.choice(VALUES)}\n"
    return "".join(lines)


def real_sources() -> list[str]:
    """Returns the YAML of the five real seeds."""
    return [path.read_text(encoding="utf-8").split("---\n")[1] for path in REAL_SEEDS.glob("*.txt")]


def form_of(chance: random.Random) -> str:
    """Returns some of the forms in another order."""
    usual, rare = entries_of(USUAL), entries_of(RARE)
    rares = chance.sample(rare, chance.choice((0, 0, 0, 1)))
    entries = [*chance.sample(usual, chance.randint(1, 8)), *rares]
    chance.shuffle(entries)
    return "".join(entries)


def entries_of(text: str) -> list[str]:
    """Returns the entries of a mapping, each with the lines below it."""
    return re.findall(r"(?m)^[a-z0-9\"'].*\n(?:(?![a-z0-9\"']).*\n)*", text)


def mutated(text: str, chance: random.Random) -> str:
    """Returns a text with one to three changes."""
    for _ in range(chance.choice((1, 1, 2, 3))):
        text = _change(text, chance)
    return text


def _change(text: str, chance: random.Random) -> str:
    kind, at = chance.randrange(7), chance.randint(0, len(text))
    if kind == 0:
        return text[:at] + text[at + chance.randint(1, 3) :]
    if kind <= 2:
        return text[:at] + chance.choice(PIECES) + text[at + chance.choice((0, 0, 1)) :]
    lines = text.splitlines(keepends=True) or [""]
    row = chance.randrange(len(lines))
    if kind == 3:
        del lines[row]
    elif kind == 4:
        lines.insert(row, chance.choice(lines))
    elif kind == 5:
        lines[row] = " " * chance.randint(0, 6) + lines[row].lstrip(" ")
    else:
        name, colon, _ = lines[row].partition(":")
        lines[row] = f"{name}{colon} {chance.choice(PIECES)}{chance.choice(('', 'a'))}\n"
    return "".join(lines)


def judge(text: str) -> object:
    """Returns what PyYAML makes of a text, or its fault."""
    try:
        return load(text)
    except YamlError as error:
        return error


def same(one: object, other: object) -> bool:
    """Tells whether two values are equal, with the types of all texts and the order of all keys."""
    if one.__class__ is not other.__class__:
        return False
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other
