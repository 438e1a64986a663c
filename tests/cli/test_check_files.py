"""``feeds check FILE``: some seeds alone, before a commit or in an editor."""

from __future__ import annotations

import io
import re
import shlex
import sys
from pathlib import Path

import pytest
import yaml

from feeds.seeds.scan import SUFFIXES
from tests.support.markdown import ROOT
from tests.support.site import Ran, Site, front_matter, seed_text


@pytest.fixture
def here(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A site whose folder is the current one."""
    monkeypatch.chdir(site.root)
    return site


def piped(site: Site, data: bytes, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Ran:
    """Runs a check of standard input."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    return site.run("check", "-", *arguments)


def test_check_of_files_judges_just_these(here: Site) -> None:
    here.seed()
    here.seed("b.txt", number=2, quality=500)
    here.seed("c.txt", number=3, quality=501)
    assert here.run("check", "seeds/a.txt") == (0, "1 seeds, 1 usable: 0 errors, 0 warnings\n", "")
    ran = here.run("check", "seeds/a.txt", "seeds/c.txt")
    assert (ran.code, ran.out) == (1, "2 seeds, 1 usable: 1 errors, 0 warnings\n")
    assert ran.err == (
        "seeds/c.txt:6:10: error: quality: found '501', wanted an integer from 0 to 100\n"
    )


def test_check_of_files_names_them_from_here(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.seed(quality=500)
    monkeypatch.chdir(site.seeds)
    assert site.run("check", "a.txt").err.startswith("a.txt:6:10: error")
    assert site.run("check", str(site.seeds / "a.txt")).err.startswith("a.txt:6:10: error")
    monkeypatch.chdir(site.root.parent)
    assert site.run("check", "site/seeds").err.startswith("site/seeds/a.txt:6:10: error")


def test_check_of_files_takes_the_configuration_as_read(here: Site) -> None:
    assert here.run("check", "config.toml") == (0, "0 seeds, 0 usable: 0 errors, 0 warnings\n", "")
    here.configure("[sight]\n")
    assert here.run("check", "config.toml").code == 2


def test_check_judges_standard_input_by_another_name(
    here: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.seed("draft.md", quality=500)
    text = seed_text(front_matter(heat="hot")).encode()
    ran = piped(here, text, monkeypatch, "--as", "seeds/draft.md")
    assert ran.code == 1
    assert ran.err.startswith("seeds/draft.md:7:7: warning: heat: found 'hot'")
    assert piped(here, b"title: a", monkeypatch, "--as", "seeds/new.yaml").err.startswith(
        "seeds/new.yaml:1:1: error: originalUrl: missing"
    )
    assert "larger than" in piped(here, b"-" * (2 << 20), monkeypatch, "--as", "seeds/a.md").err
    assert "not a seed" in piped(here, text, monkeypatch, "--as", "seeds/a.png").err


@pytest.mark.parametrize("arguments", [["-"], ["--as", "a.md"], ["a.md", "--as", "b.md"]])
def test_check_wants_a_name_with_standard_input(arguments: list[str], here: Site) -> None:
    ran = here.run("check", *arguments)
    assert ran.code == 2
    assert "- (standard input) and --as PATH say together what to judge" in ran.err


def test_check_of_files_gives_the_same_report_for_machines(here: Site) -> None:
    here.configure("[topics.AI]\n")
    here.seed(quality=500)
    whole = here.run("check", "--json").report()
    assert here.run("check", "seeds/a.txt", "--json").report()["problems"] == whole["problems"]
    assert here.run("check", "--output-format", "json").report() == whole


def test_check_annotates_lines_for_github(here: Site) -> None:
    here.configure("[topics.Robotix]\n")
    here.seed("a,b.txt", quality="50%", title="")
    ran = here.run("check", "--output-format", "github")
    assert ran.code == 1
    assert ran.err == ""
    *lines, last = ran.out.splitlines()
    assert lines == [
        "::error file=seeds/a%2Cb.txt,line=2,col=8,title=title::missing, wanted text",
        (
            "::error file=seeds/a%2Cb.txt,line=6,col=10,title=quality"
            "::found '50%25', wanted an integer from 0 to 100"
        ),
        f"::notice file={here.root / 'config.toml'}::no seed has the topic 'Robotix'",
    ]
    assert last == "1 seeds, 0 usable: 2 errors, 0 warnings"
    assert here.run("check", "--output-format", "github", "-q").out.splitlines() == lines


def test_hook_for_commits_judges_seeds(here: Site) -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    files = ["seeds/a.txt", "seeds/2026/b.md", "seeds/picture.png", "config.toml", "seeds.md"]
    staged = [name for name in files if re.search(hook["files"], name)]
    assert staged == ["seeds/a.txt", "seeds/2026/b.md"]
    here.seed("a.txt")
    here.seed("2026/b.md", number=2, quality=500)
    program, *arguments = shlex.split(hook["entry"])
    assert program == "feeds"
    assert here.run(*arguments, *staged).code == 1
    assert here.run(*arguments, staged[0]).code == 0


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_hook_for_commits_knows_every_suffix(suffix: str) -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert re.search(hook["files"], f"seeds/a{suffix}")
    assert Path(f"a{suffix}").suffix == suffix
