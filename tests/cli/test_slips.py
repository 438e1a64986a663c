"""Slips of newcomers, each with the message that it gives: tests/cli/slips/ holds the sessions.

To add one, write its commands there, after an empty line and a line with ``#`` that says what was
meant.
``python -m tests.cli.test_slips`` writes the answers; read them as whoever made the slip would.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.site import Site

SESSIONS = Path(__file__).with_name("slips")
KINDS = ["commands", "options", "keys", "values", "seeds", "files"]
HOME = "/home/ada/site"
# What a shell does something about.
SPECIAL = set("|<>&*?$`;")


class Slip(NamedTuple):
    """What was meant, the commands that were typed, and the answers: all as in the session."""

    meant: str
    commands: list[str]
    text: str


def slips(kind: str) -> list[Slip]:
    """Returns the slips of a session."""
    texts = (SESSIONS / f"{kind}.txt").read_text(encoding="utf-8").strip().split("\n\n# ")
    return [
        Slip(
            text.partition("\n")[0],
            [line[2:] for line in text.splitlines() if line.startswith("$ ")],
            text,
        )
        for text in (f"# {text.removeprefix('# ')}" for text in texts)
    ]


def session(slip: Slip, site: Site) -> str:
    """Types the commands of a slip in the folder of a site; returns them with the answers."""
    site.write("hello.md", SEED)
    said = [slip.meant]
    for command in slip.commands:
        code, answer = typed(command, site)
        said += [f"$ {command}", answer.rstrip()]
        if code:
            said.append(f"(exit code {code})")
    return "\n".join(filter(None, said)).replace(str(site.root), HOME)


def typed(command: str, site: Site) -> tuple[int, str]:
    """Runs a line of a shell; a last command that is feeds alone runs in this process."""
    before, _, last = command.rpartition("; ")
    if not last.startswith("feeds") or SPECIAL.intersection(last):
        return in_shell(command, site)
    answer = in_shell(before, site)[1] if before else ""
    ran = site.type(*shlex.split(last)[1:])
    return ran.code, answer + ran.err + ran.out


def in_shell(command: str, site: Site) -> tuple[int, str]:
    """Runs a line of a shell in the folder of a site; returns its exit code and what it said."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("FEEDS_")}
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=site.root,
        env={**clean, "PATH": path, "COLUMNS": "80", "LC_ALL": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout


SEED = """\
---
title: Hello
publishedDateTime: 2026-02-01T08:00:00Z
originalUrl: https://example.com/hello
quality: 80
published: true
provider:
  domain: example.com
topics:
  - AI
---
"""
SLIPS = [(kind, slip) for kind in KINDS for slip in slips(kind)]


@pytest.mark.parametrize(
    ("kind", "slip"), SLIPS, ids=[f"{kind} {slip.meant[2:]}" for kind, slip in SLIPS]
)
def test_slip_gets_the_answer_that_was_read(kind: str, slip: Slip, site: Site) -> None:
    said = session(slip, site)
    assert said == slip.text
    assert "Traceback" not in said
    assert "feeds: " in said or ": error: " in said or ": warning: " in said


def test_slips_are_many_and_of_every_kind() -> None:
    assert len(SLIPS) >= 60
    assert len({slip.text for _, slip in SLIPS}) == len(SLIPS)
    assert {path.stem for path in SESSIONS.iterdir()} == set(KINDS)


def write() -> None:
    """Writes the answers into the sessions."""
    for kind in KINDS:
        texts = []
        for slip in slips(kind):
            with tempfile.TemporaryDirectory() as folder:
                texts.append(session(slip, Site(Path(folder) / "site")))
        (SESSIONS / f"{kind}.txt").write_text("\n\n".join(texts) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write()
