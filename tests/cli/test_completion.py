"""Completions, asked for by real shells: commands, options, values, feeds and seeds."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from feeds.cli.options import COMMANDS
from tests.support.markdown import ROOT
from tests.support.processes import PATIENCE
from tests.support.programs import need
from tests.support.site import Site

# Each shell loads what `feeds completion` prints, and says what it would offer for each line of its
# arguments. What the line editor of zsh does with it is out of reach of a script.
ASK = {
    "bash": """
        eval "$(feeds completion bash)"
        for COMP_LINE; do
            COMPREPLY=() COMP_POINT=${#COMP_LINE} COMP_TYPE=9
            _python_argcomplete feeds 2>/dev/null
            printf '%s\\n' "${COMPREPLY[@]}" .
        done
    """,
    "zsh": """
        compdef() { }
        _describe() { print -l -- ${completions%%:*} }
        eval "$(feeds completion zsh)"
        for BUFFER; do
            CURSOR=${#BUFFER} words=(feeds)
            _python_argcomplete feeds
            echo .
        done
    """,
    "fish": """
        feeds completion fish | source
        for line in $argv
            complete -C $line | string replace -r '\\t.*' ''
            echo .
        end
    """,
}
OPTIONS = {"bash": ["--norc"], "zsh": ["-f"], "fish": ["--no-config"]}


def offered(site: Site, *lines: str, shell: str = "bash") -> list[list[str]]:
    """Returns what a shell offers at the end of each line, in the folder of the site."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    name = ["sh"] if shell != "fish" else []
    done = subprocess.run(
        [need(shell, shell), *OPTIONS[shell], "-c", ASK[shell], *name, *lines],
        cwd=site.root,
        env={**os.environ, "PATH": path, "HOME": str(site.root)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE * (1 + len(lines)),  # each starts feeds
        check=False,
    )
    assert "Traceback" not in done.stderr
    answers = done.stdout.split(".\n")[:-1]
    assert len(answers) == len(lines)
    return [sorted(one.strip() for one in answer.splitlines() if one.strip()) for answer in answers]


@pytest.fixture
def published(site: Site) -> Site:
    """A site with three published feeds."""
    site.seed("first.md")
    site.publish()
    return site


OFFERED = {
    "feeds ": sorted(name for name in COMMANDS if " " not in name),
    "feeds ex": ["explain", "export"],
    "feeds export --str": ["--strict"],
    "feeds --config config.toml export --dr": ["--dry-run"],
    "feeds images f": ["fetch"],
    "feeds images fetch --dig": ["--digests"],
    "feeds check --output-format g": ["github"],
    "feeds schema c": ["config"],
    "feeds explain topics/": ["topics/ai"],
    "feeds explain seeds/f": ["seeds/first.md"],
    "feeds check seeds/f": ["seeds/first.md"],
    "feeds --config con": ["config.toml"],
}


@pytest.mark.parametrize("shell", ASK)
def test_completion_offers_what_can_be_typed(shell: str, published: Site) -> None:
    found = offered(published, *OFFERED, shell=shell)
    assert dict(zip(OFFERED, found, strict=True)) == OFFERED


def test_completion_offers_every_option_of_a_command(published: Site) -> None:
    (found,) = offered(published, "feeds list -")
    assert {"--config", "--json", "--quiet", "--verbose", "--color", "--help"} <= set(found)


def test_completion_reads_the_configuration_that_was_typed(published: Site) -> None:
    (published.root / "config.toml").rename(published.root / "other.toml")
    lines = ("feeds explain prov", "feeds explain --config other.toml prov")
    assert offered(published, *lines) == [[], ["providers/example.com"]]


@pytest.mark.parametrize("toml", ["[site", "[paths]\nstate = 'config.toml/x'"])
def test_completion_of_a_faulty_site_is_quiet(toml: str, published: Site) -> None:
    (published.root / "config.toml").write_text(toml)
    lines = ("feeds explain topics/", "feeds export --str")
    assert offered(published, *lines) == [[], ["--strict"]]


def test_completion_offers_folders_for_folders(published: Site) -> None:
    assert offered(published, "feeds export --out s") == [["seeds/"]]


@pytest.mark.parametrize("shell", ASK)
def test_completion_is_loaded_as_the_docs_say(shell: str) -> None:
    page = (ROOT / "docs/commands.md").read_text(encoding="utf-8")
    lines = [line.strip() for line in ASK[shell].splitlines() if "feeds completion" in line]
    assert [f"`{line}`" in page for line in lines] == [True]


def test_completion_knows_other_shells_not(site: Site) -> None:
    command = shlex.join([sys.executable, "-m", "feeds", "completion", "tcsh"])
    done = subprocess.run(["bash", "-c", command], cwd=site.root, capture_output=True, check=False)
    assert done.returncode == 2
    assert b"found 'tcsh', wanted bash, zsh or fish" in done.stderr
