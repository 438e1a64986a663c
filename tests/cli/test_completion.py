"""Completions, asked for by real shells: commands, options, values, feeds and seeds."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from feeds.cli.main import COMMANDS
from tests.support.markdown import ROOT
from tests.support.programs import need
from tests.support.site import Site

# Each shell loads what `feeds completion` prints, and says what it would offer for $LINE. What the
# line editor of zsh does with it is out of reach of a script.
ASK = {
    "bash": """
        eval "$(feeds completion bash)"
        COMP_LINE=$LINE COMP_POINT=${#LINE} COMP_TYPE=9
        _python_argcomplete feeds 2>/dev/null
        printf '%s\\n' "${COMPREPLY[@]}"
    """,
    "zsh": """
        compdef() { }
        _describe() { print -l -- ${completions%%:*} }
        eval "$(feeds completion zsh)"
        BUFFER=$LINE CURSOR=${#LINE} words=(feeds)
        _python_argcomplete feeds
    """,
    "fish": """
        feeds completion fish | source
        complete -C $LINE | string replace -r '\\t.*' ''
    """,
}
OPTIONS = {"bash": ["--norc"], "zsh": ["-f"], "fish": ["--no-config"]}


def offered(site: Site, line: str, shell: str = "bash") -> list[str]:
    """Returns what a shell offers at the end of a line, in the folder of the site."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        [need(shell, shell), *OPTIONS[shell], "-c", ASK[shell]],
        cwd=site.root,
        env={**os.environ, "PATH": path, "LINE": line, "HOME": str(site.root)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return sorted(one.strip() for one in done.stdout.splitlines() if one.strip())


@pytest.fixture
def published(site: Site) -> Site:
    """A site with three published feeds."""
    site.seed("first.md")
    site.publish()
    return site


@pytest.mark.parametrize("shell", ASK)
@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("feeds ex", ["explain", "export"]),
        ("feeds export --str", ["--strict"]),
        ("feeds --config config.toml export --dr", ["--dry-run"]),
        ("feeds images f", ["fetch"]),
        ("feeds images fetch --dig", ["--digests"]),
        ("feeds check --output-format g", ["github"]),
        ("feeds schema c", ["config"]),
        ("feeds explain topics/", ["topics/ai"]),
        ("feeds explain seeds/f", ["seeds/first.md"]),
        ("feeds check seeds/f", ["seeds/first.md"]),
        ("feeds --config con", ["config.toml"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_completion_offers_what_can_be_typed(
    line: str, wanted: list[str], shell: str, published: Site
) -> None:
    assert offered(published, line, shell) == wanted


def test_completion_offers_every_command(published: Site) -> None:
    assert offered(published, "feeds ") == sorted(COMMANDS)


def test_completion_offers_every_option_of_a_command(published: Site) -> None:
    found = offered(published, "feeds list -")
    assert {"--config", "--json", "--quiet", "--verbose", "--color", "--help"} <= set(found)


def test_completion_reads_the_configuration_that_was_typed(published: Site) -> None:
    (published.root / "config.toml").rename(published.root / "other.toml")
    assert offered(published, "feeds explain prov") == []
    found = offered(published, "feeds explain --config other.toml prov")
    assert found == ["providers/example.com"]


@pytest.mark.parametrize("toml", ["[site", "[paths]\nstate = 'config.toml/x'"])
def test_completion_of_a_faulty_site_is_quiet(toml: str, published: Site) -> None:
    (published.root / "config.toml").write_text(toml)
    assert offered(published, "feeds explain topics/") == []
    assert offered(published, "feeds export --str") == ["--strict"]


def test_completion_offers_folders_for_folders(published: Site) -> None:
    assert offered(published, "feeds export --out s") == ["seeds/"]


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
