"""No part of a seed's `secured` field gets anywhere, whatever else is wrong with the seed."""

from __future__ import annotations

import base64
import hashlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.seeds.test_read import check, good, read, written
from tests.support.secrets import BLOB as _BLOB
from tests.support.secrets import MISPLACED_FIELDS, short_lines, with_field
from tests.support.site import REAL_SEEDS, Site

_SECURED = re.compile(r'^secured: "(.*)"$', re.MULTILINE)
_PIECE = 12
_TOKENS = (
    *(
        '"',
        "'",
        "\n",
        "\n\n",
        ": ",
        "- ",
        "\n- ",
        "  ",
        " ",
        "#",
        " #",
        "|",
        ">\n",
        "[",
        "]",
        "{",
        "}",
    ),
    *(
        ",",
        "? ",
        "&a ",
        "*a",
        "!t ",
        "%",
        "\\",
        "\n---\n",
        "---",
        "...\n",
        "<<: ",
        "\t",
        "\x00",
        "\x0b",
    ),
    *("\u2028", "\x85", "\ufeff", "é", "title: ", "\nsecured: x", "secured", "null", "```\n", "> "),
)


def _pieces(blob: str) -> set[str]:
    return {blob[start : start + _PIECE] for start in range(len(blob) - _PIECE + 1)}


def _leaked(text: str, blob: str) -> set[str]:
    return {piece for piece in _pieces(blob) if piece in text}


def _told(path: Path) -> str:
    """Returns all that a reading of the seed hands on."""
    reading = read(path)
    check(reading)
    return f"{reading.data.decode(errors='replace')}{reading.header}{reading.problems}" + "".join(
        map(str, reading.problems)
    )


def _with(field: str) -> bytes:
    return with_field(good(), field)


@pytest.mark.parametrize(
    "field",
    [
        pytest.param('secured: "{blob}"', id="quoted"),
        pytest.param("secured: {blob}", id="plain"),
        pytest.param("secured: |\n  {blob}\n  {blob}", id="block"),
        pytest.param("secured: [{blob}]", id="list"),
        pytest.param("secured: {{{blob}: {blob}}}", id="mapping"),
        pytest.param('secured:\n  "{blob}": 1\n  "{blob}": 2', id="mapping-with-a-duplicate"),
        pytest.param("secured: {blob}\nsecured: {blob}", id="twice"),
        pytest.param('"secured": "{blob}"', id="quoted-key"),
        pytest.param("secured: &x {blob}", id="anchor"),
        pytest.param("secured: *{blob}", id="alias"),
        pytest.param("secured: !{blob} x", id="tag"),
        pytest.param("secured: !{blob}!x y", id="tag-handle"),
        pytest.param('secured: "{blob}', id="not-closed"),
        pytest.param('secured: "{blob}"x', id="closed-too-early"),
        pytest.param("secured: {blob}: {blob}", id="two-colons"),
        pytest.param('updatedDateTime:\n  secured: "{blob}"', id="inside-a-date"),
        pytest.param('images:\n- secured: "{blob}"\n  url: 7', id="inside-an-image"),
        pytest.param('tags:\n- secured: "{blob}"', id="inside-a-tag"),
        pytest.param('related:\n- title:\n    secured: "{blob}"', id="inside-a-related-title"),
        # A slip in the line before, or of the indentation, makes it part of that field's text.
        pytest.param('updatedDateTime: "soon\nsecured: {blob}"', id="quote-not-closed-in-a-date"),
        pytest.param("category: 'a\nsecured: {blob}'", id="quote-not-closed-in-a-text"),
        pytest.param("updatedDateTime: soon\n secured:{blob}", id="indented-without-space"),
        pytest.param("type: |\n a\n secured: {blob}", id="indented-into-a-block"),
        pytest.param("tags: [a, secured:{blob}]", id="moved-into-a-list"),
        pytest.param("tags:\n- 'secured: {blob}'", id="quoted-as-a-whole"),
        pytest.param("unknown: x\n---\nsecured: {blob}", id="fence-too-early"),
        pytest.param("unknown: x\n---\n\n> secured: {blob}", id="quoted-in-the-body"),
        pytest.param("unknown: x\n---\n\n- secured: {blob}", id="listed-in-the-body"),
    ],
)
@pytest.mark.parametrize("suffix", ["txt", "yaml"])
def test_secured_is_told_by_no_reading(tmp_path: Path, field: str, suffix: str) -> None:
    assert not _leaked(_told(written(tmp_path, _with(field), f"a.{suffix}")), _BLOB)


_SEED = """---
title: A story
publishedDateTime: 2021-08-19T11:58:00Z
originalUrl: https://example.com/a
quality: 74
published: true
provider:
  name: Example
  domain: example.com
excerpt: >-
  Some text
  of two lines
category: "some
  more"
topics:
  - AI
  - 'Computer Vision'
tags: [a,
  b]
images:
  - url: https://example.com/images/camera.jpeg
    title: |
      A title
related:
  - title: Another story
    webUrl: https://example.com/b
---
The body.

More of it.
"""


@st.composite
def _secrets(draw: st.DrawFn) -> tuple[str, str]:
    """Draws a secret of one line, and lines that say it is one, in some of the ways YAML has."""
    digest = hashlib.shake_256(draw(st.binary(max_size=4))).digest(draw(st.integers(24, 150)))
    blob = base64.b64encode(digest).decode()
    width = draw(st.sampled_from([5, 11, 13, 24, 64, 400]))
    lines = [blob[at : at + width] for at in range(0, len(blob), width)]
    indent = " " * draw(st.integers(0, 8))
    key = draw(st.sampled_from(["secured", "SECURED", "Secured", "'secured'", '"secured"']))
    start = draw(st.sampled_from(["", "- ", "- - ", "{", ", ", "? ", '"', "'", "\t", "# ", "> "]))
    colon = draw(st.sampled_from([":", " :", ":", "\n :", ":\t"]))
    head = draw(st.sampled_from(["", '"', "'", ">-", "|2-", "|+", "!x", "&x", "# so", "[", "{a: "]))
    between = draw(st.sampled_from([" ", " ", "\n" + indent + "  ", "\n\n" + indent + " "]))
    if head == "# so":  # a comment ends with its line
        between = "\n" + indent + "  "
    item = draw(st.sampled_from(["", "", "- ", ", ", '"', "# "]))
    end = draw(st.sampled_from(["", '"', "'", "]", "}", " # end", ":"]))
    joint = f"\n{indent}  {item}"
    return blob, f"{indent}{start}{key}{colon} {head}{between}{joint.join(lines)}{end}"


_ENDS = ["\n", "\n", "\n", "\r\n", "\r", "\x85", "\u2028", "\x0b", "\x0c"]


@settings(max_examples=settings().max_examples * 3)
@given(
    secret=_secrets(),
    place=st.floats(0, 1, exclude_max=True),
    end=st.sampled_from(_ENDS),
    suffix=st.sampled_from(["txt", "yaml"]),
)
def test_secured_anywhere_in_a_seed_is_told_by_no_reading(
    tmp_path: Path, secret: tuple[str, str], place: float, end: str, suffix: str
) -> None:
    blob, lines = secret
    seed = _SEED.splitlines()
    seed.insert(1 + int(place * (len(seed) - 1)), lines)
    text = "\n".join(seed).replace(f"\n{lines}", f"{end}{lines}", 1)
    told = _told(written(tmp_path, text.encode(), f"a.{suffix}"))
    assert not _leaked(told, blob)
    assert not _leaked("".join(told.split()), blob)


@pytest.mark.parametrize("kept", [0, 20, -18], ids=lambda kept: f"after {kept} characters")
@pytest.mark.parametrize("fence", ["\n---\n", "\n---\n\n> "], ids=["alone", "and marks"])
def test_secret_behind_a_fence_that_came_too_early_is_told_by_no_reading(
    kept: int, fence: str, tmp_path: Path
) -> None:
    text = (REAL_SEEDS / "000_613e5fb5d2b32426.txt").read_text(encoding="utf-8")
    line = _SECURED.search(text)
    assert line is not None
    cut = f"secured: {line[1][:kept]}{fence}{line[1][kept:]}"
    path = written(tmp_path, text.replace(line[0], cut).encode())
    told = _told(path)
    assert not _leaked(told, line[1][kept:])
    assert "right behind the key 'secured'" in told


def test_body_that_begins_with_a_long_word_is_no_secret(tmp_path: Path) -> None:
    text = (REAL_SEEDS / "000_613e5fb5d2b32426.txt").read_text(encoding="utf-8")
    for number, body in enumerate(
        ["Donaudampfschifffahrtsgesellschaft\n", "https://example.com/a1B2"]
    ):
        told = _told(written(tmp_path, f"{text}\n{body}\n".encode(), f"{number}.txt"))
        assert "right behind the key 'secured'" not in told


@given(data=st.data())
def test_secured_of_mutated_real_seeds_is_told_by_no_reading(
    tmp_path: Path, data: st.DataObject
) -> None:
    text = data.draw(st.sampled_from(sorted(REAL_SEEDS.iterdir()))).read_text(encoding="utf-8")
    line = _SECURED.search(text)
    assert line is not None
    # The key itself stays: what is not called secured is nothing that anybody could know for it.
    before = _mutated(data, text[: line.start()], 4)
    inside = _mutated(data, f'"{line[1]}"', 1)
    after = _mutated(data, text[line.end() :], 2)
    path = written(tmp_path, f"{before}\nsecured: {inside}{after}".encode())
    assert not _leaked(_told(path), line[1])


def _mutated(data: st.DataObject, text: str, most: int) -> str:
    for _ in range(data.draw(st.integers(0, most))):
        at = data.draw(st.integers(0, len(text)))
        match data.draw(st.sampled_from(["insert", "insert", "delete", "double", "swap", "cut"])):
            case "insert":
                piece = data.draw(st.sampled_from(_TOKENS) | st.text(st.characters(codec="utf-8")))
                text = text[:at] + piece + text[at:]
            case "delete":
                text = text[:at] + text[at + data.draw(st.integers(1, 40)) :]
            case "double":
                text = text[:at] + text[max(0, at - data.draw(st.integers(1, 300))) :]
            case "swap":
                lines = text.split("\n")
                number = data.draw(st.integers(0, len(lines) - 1))
                text = "\n".join([*lines[number:], *lines[:number]])
            case "cut":
                text = text[:at]
    return text


def test_secured_is_in_no_output_log_error_or_store(site: Site) -> None:
    blobs = [_BLOB]
    for seed in sorted(REAL_SEEDS.iterdir()):
        text = seed.read_text(encoding="utf-8")
        blobs += _SECURED.findall(text)
        site.write(seed.name, text)
        site.write(f"bad-{seed.name}", text.replace("quality: ", "quality: x"))
        site.write(f"broken-{seed.name}", text.replace('secured: "', "secured: "))
    for number, (field, _) in enumerate(MISPLACED_FIELDS.values()):
        site.write(f"{number}.txt", _with(field.replace("{short}", short_lines(13))))
        site.write(
            f"{number}.md", _with("unknown: x\n---\n" + field.replace("{short}", short_lines(13)))
        )
    site.write("body.txt", _with("unknown: x\n---\n\nsecured: {blob}"))
    said = ""
    for command in ("export", "check", "explain", "list", "export --full --json"):
        name, *options = command.split()
        argument = [str(site.seeds / "000_613e5fb5d2b32426.txt")] if name == "explain" else []
        done = subprocess.run(
            [sys.executable, "-X", "dev", "-m", "feeds", name, *options, *argument],
            cwd=site.root, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        said += done.stdout + done.stderr
        assert "Traceback" not in done.stderr
    assert "quality" in said
    files = [
        path for path in site.root.rglob("*") if path.is_file() and site.seeds not in path.parents
    ]
    assert site.state in files
    assert site.out / "all.atom" in files
    for text in (said, *(path.read_bytes().decode("latin-1") for path in files)):
        for blob in blobs:
            assert not _leaked(text, blob)
