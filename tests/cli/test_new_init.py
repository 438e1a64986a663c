"""``feeds init``: a new site that can be published at once."""

from __future__ import annotations

import io
import os
import re
import resource
import signal
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from feeds.cli.main import main
from feeds.config import Config, load_config
from feeds.config.feed_tables import CustomFeed
from feeds.config.schema import Table, fields_of
from tests.support.permissions import closed, open_folder
from tests.support.site import Ran, documents_in, made

WRITTEN = {".gitignore", "config.toml", "seeds/hello.md"}


def feeds(folder: Path, *arguments: str) -> Ran:
    """Runs ``feeds`` in a folder, as a process of its own without anything to read."""
    command = [sys.executable, "-m", "feeds", *arguments]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("FEEDS_")}
    ran = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return Ran(ran.returncode, ran.stdout, ran.stderr)


def files(folder: Path) -> set[str]:
    """Returns the paths of all files below a folder."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", [None, "a/new site"], ids=["here", "there"])
def test_init_makes_a_site_that_works_at_once(tmp_path: Path, name: str | None) -> None:
    made = feeds(tmp_path, "init", *([name] if name else []))
    folder = tmp_path / (name or ".")
    assert (made.code, made.err, files(folder)) == (0, "", WRITTEN)
    assert made.out.splitlines()[-1] == (
        "next: cd 'a/new site' && feeds export" if name else "next: feeds export"
    )
    checked = feeds(folder, "check")
    assert checked.code == 0
    assert checked.err.count("\n") == 1
    assert "site.base_url is not set" in checked.err
    exported = feeds(folder, "export", "--strict")
    assert (exported.code, exported.err) == (0, "")
    assert exported.out.splitlines()[-2].startswith("hint: the feeds say that they are at http://l")
    assert exported.out.splitlines()[-1] == (
        "look at them: out/index.html; serve them here: feeds serve"
    )
    documents = documents_in(folder / "out")
    assert b"Hello from your new feeds" in documents["topics/getting-started.html"]
    ignored = {line for line in (folder / ".gitignore").read_text().splitlines() if "/" in line}
    made_since = {f"/{path.partition('/')[0]}/" for path in files(folder) - WRITTEN}
    assert ignored == made_since == {"/out/", "/.feeds/"}


def test_init_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("mine")
    (tmp_path / ".gitignore").symlink_to("nowhere")
    ran = feeds(tmp_path, "init")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines()[:2] == ["kept  config.toml", "kept  .gitignore"]
    assert [path.name for path in tmp_path.iterdir()] in (
        ["config.toml", ".gitignore"],
        [".gitignore", "config.toml"],
    )
    assert (tmp_path / "config.toml").read_text() == "mine"


def test_init_adds_no_story_to_seeds_that_are_there(tmp_path: Path) -> None:
    (tmp_path / "seeds").mkdir()
    assert feeds(tmp_path, "init").code == 0
    assert files(tmp_path) == WRITTEN - {"seeds/hello.md"}


def test_init_says_why_it_cannot() -> None:
    with open_folder() as folder:
        (folder / "file").touch()
        ran = feeds(folder, "init", "file")
        assert (ran.code, ran.err.count("\n")) == (2, 1)
        assert ran.err.startswith("feeds: cannot make a site in file: file: File exists")


def test_init_leaves_nothing_where_it_may_not_write() -> None:
    with open_folder() as folder, closed(folder, 0o555):
        assert main(["init", str(folder)]) == 2
        assert files(folder) == set()


def test_init_leaves_no_half_of_a_file_on_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    monkeypatch.setattr(sys, "stderr", said := io.StringIO())
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        code = main(["init", str(tmp_path)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert code == 2
    assert said.getvalue() == (
        f"feeds: cannot make a site in {tmp_path}: {tmp_path / 'config.toml'}: File too large\n"
    )
    assert files(tmp_path) == set()


def _keys(text: str) -> dict[str, Any]:
    """Returns what config.toml says once its comments are taken for keys."""
    return tomllib.loads(re.sub(r'^#(?=[\["\w.]+( = |"?\]))', "", text, flags=re.MULTILINE))


def test_init_comments_tell_true_defaults(tmp_path: Path) -> None:
    feeds(tmp_path, "init")
    path = tmp_path / "config.toml"
    text = path.read_text(encoding="utf-8")
    assert load_config(path, {}).config.site.title == "My site"
    every = made(Config, _keys(text))
    assert len(_keys(text)) > len(tomllib.loads(text))
    chosen = {"title", "base_url"}
    for name in ("site", "paths", "selection", "schedule"):
        section: Table = getattr(every, name)
        for key in _keys(text)[name].keys() - chosen:
            value, default = getattr(section, key), fields_of(type(section))[key].default
            assert value == default, key
    assert every.feeds[0] == CustomFeed(name="Best of all", min_quality=80)
    assert set(every.topics) == {"Culture"}
    assert set(every.providers) == {"example.com"}
