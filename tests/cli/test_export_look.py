"""How ``feeds export`` ends: where to look, and how to serve it on this machine."""

from __future__ import annotations

import io
import shlex
import sys
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from feeds.cli.main import main
from tests.support.site import Site


@pytest.mark.parametrize(
    ("base_url", "more"),
    [
        ("http://localhost:8123/", " --port 8123"),
        ("http://127.0.0.1:9/feeds/", " --port 9"),
        ("http://localhost/", " --port 80"),
        ("http://localhost:8000/", ""),
        ("http://[::1]:8000/", ""),
        ("https://feeds.example.org:8443/", ""),
        ("https://feeds.example.org/", ""),
    ],
)
def test_export_ends_with_a_command_that_fits_the_address(
    site: Site, base_url: str, more: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (site.root / "config.toml").write_text(f'[site]\nbase_url = "{base_url}"\n')
    monkeypatch.chdir(site.root)
    site.seed()
    with redirect_stdout(io.StringIO()) as said:
        assert main(["export"]) == 0
    *others, last = said.getvalue().splitlines()
    is_hinted = any("set site.base_url" in line for line in others)
    assert is_hinted is ("localhost" in base_url or "127.0.0.1" in base_url or "::1" in base_url)
    assert last == f"look at them: out/index.html; serve them here: feeds serve{more}"


@pytest.mark.parametrize("on_path", [True, False], ids=["on the PATH", "elsewhere"])
def test_export_names_the_program_as_it_was_called(
    site: Site, monkeypatch: pytest.MonkeyPatch, *, on_path: bool
) -> None:
    program = site.root / "bin/feeds"
    program.parent.mkdir()
    program.touch(0o755)
    monkeypatch.setenv("PATH", str(program.parent if on_path else site.root))
    monkeypatch.setattr(sys, "argv", [str(program), "export"])
    site.seed()
    told = site.run("export").out.splitlines()[-1]
    called = "feeds" if on_path else program
    assert f"; serve them here: {called} serve --config " in told


def test_export_names_a_folder_elsewhere_so_that_a_shell_reads_it(
    site: Site, tmp_path: Path
) -> None:
    site.seed()
    out = tmp_path / "my out's"
    told = site.run("export", "--out", str(out)).out.splitlines()[-1]
    look, _, serve = told.partition("; serve them here: ")
    assert shlex.split(look.removeprefix("look at them: ")) == [f"{out}/index.html"]
    assert Path(shlex.split(look)[-1]).is_file()
    config = str(site.root / "config.toml")
    assert shlex.split(serve) == ["feeds", "serve", "--config", config, "--out", str(out)]


def test_export_without_pages_says_how_to_serve(site: Site) -> None:
    site.configure("pages = false\n")
    site.seed()
    assert site.run("export").out.splitlines()[-1].startswith("serve them here: feeds serve ")


def test_export_says_nothing_of_looking_where_nothing_was_published(site: Site) -> None:
    site.seed()
    assert "look at" not in site.run("export", "--dry-run").out


def test_export_with_a_report_tells_people_aside(site: Site) -> None:
    site.seed()
    ran = site.run("export", "--json")
    assert ran.report()["items"] == 1
    assert ran.err.splitlines()[-1].startswith("look at them: ")
