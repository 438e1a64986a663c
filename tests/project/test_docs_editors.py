"""The page about editors and commits: its files and commands work as they stand there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from tests.support.markdown import ROOT, Page, blocks
from tests.support.site import Site

PAGE = Page("docs/editors.md").text
TOML, (SEED, COMMITS) = blocks(PAGE, "toml")[0], blocks(PAGE, "yaml")
(SETTINGS,) = blocks(PAGE, "json")
SCHEMAS, LINTER, HOOK, GITHUB = blocks(PAGE, "sh")


@pytest.fixture
def newsroom(site: Site) -> Site:
    """A site with the files of the page, in a git repository."""
    (site.root / "config.toml").write_text(TOML, encoding="utf-8")
    site.write("hello.yaml", SEED)
    site.seed("hello.md", number=2)
    shell(site, "git init -q && git config user.email a@b.c && git config user.name Ada")
    return site


def shell(site: Site, script: str) -> subprocess.CompletedProcess[str]:
    """Runs a script in the folder of the site, with feeds on the PATH."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-c", script],
        cwd=site.root,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def test_schemas_of_the_page_accept_its_files(newsroom: Site) -> None:
    assert shell(newsroom, SCHEMAS).returncode == 0
    named = SEED.splitlines()[0].partition("$schema=")[2]
    schema = json.loads((newsroom.seeds / named).read_text(encoding="utf-8"))
    assert Draft202012Validator(schema).is_valid(yaml.load(SEED, yaml.BaseLoader))  # noqa: S506
    named = TOML.splitlines()[0].partition(":schema ")[2]
    assert "site" in json.loads((newsroom.root / named).read_text(encoding="utf-8"))["properties"]
    (named,) = json.loads(SETTINGS)["yaml.schemas"]
    assert (newsroom.root / named).is_file()
    assert newsroom.run("check").code == 0


@pytest.mark.parametrize(
    ("script", "where"),
    [(LINTER, "seeds/hello.md:6:10: error: "), (GITHUB, "::error file=seeds/hello.md,line=6,")],
    ids=["linter", "github"],
)
def test_commands_of_the_page_find_a_mistake(script: str, where: str, newsroom: Site) -> None:
    assert shell(newsroom, script).returncode == 0
    newsroom.seed("hello.md", number=2, quality=500)
    ran = shell(newsroom, script)
    assert ran.returncode == 1
    assert where in ran.stdout + ran.stderr


def test_git_hook_of_the_page_stops_a_commit(newsroom: Site) -> None:
    hook = newsroom.root / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(HOOK, encoding="utf-8")
    hook.chmod(0o755)
    commit = "git add -A && git commit -qm x"
    assert shell(newsroom, commit).returncode == 0
    (newsroom.seeds / "hello.yaml").unlink()
    assert shell(newsroom, commit).returncode == 0  # nothing is left to judge
    newsroom.seed("hello.md", number=2, quality=500)
    ran = shell(newsroom, commit)
    assert ran.returncode == 1
    assert "seeds/hello.md:6:10: error: quality" in ran.stderr


def test_hook_of_the_page_is_one_that_there_is() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    (repository,) = yaml.safe_load(COMMITS)["repos"]
    assert {one["id"] for one in repository["hooks"]} == {one["id"] for one in hooks}
