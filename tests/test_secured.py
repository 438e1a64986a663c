"""No part of a seed's `secured` field gets anywhere, whatever else is wrong with the seed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.site import REAL_SEEDS, Site
from tests.test_read import check, good, read, written

_BLOB = "wmN1XUkAeqeLw74hJAUdxFhxipbSYo35MMIBJs1MlGyE0jZpTm1DYJO3Aw3uiOIj+/9Q==;6ktbRvPnp6Nl=="
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
    return f"{reading.data.decode(errors='replace')}{reading.card}{reading.problems}" + "".join(
        map(str, reading.problems)
    )


def _with(field: str, body: str = "") -> bytes:
    """Returns a good seed with this at the end of its front matter."""
    return good(body).replace(b"\n---\n", f"\n{field.format(blob=_BLOB)}\n---\n".encode(), 1)


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


@settings(
    deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
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
