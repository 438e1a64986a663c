"""How ``feeds export`` ends: where to look, and how to serve it on this machine."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.site import Site


@pytest.mark.parametrize(
    ("base_url", "port"),
    [
        ("http://localhost:8123/", 8123),
        ("http://127.0.0.1:9/feeds/", 9),
        ("http://localhost/", 80),
        ("https://feeds.example.org:8443/", 8000),
        ("https://feeds.example.org/", 8000),
    ],
)
def test_export_ends_with_a_command_that_fits_the_address(
    site: Site, base_url: str, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    (site.root / "config.toml").write_text(f'[site]\nbase_url = "{base_url}"\n')
    monkeypatch.chdir(site.root)
    site.seed()
    last = site.run("export").out.splitlines()[-1]
    assert last == (
        "look at them: out/index.html; "
        f"serve them here: python3 -m http.server -b 127.0.0.1 -d out {port}"
    )


def test_export_names_a_folder_elsewhere_so_that_a_shell_reads_it(
    site: Site, tmp_path: Path
) -> None:
    site.seed()
    out = tmp_path / "my out's"
    told = site.run("export", "--out", str(out)).out.splitlines()[-1]
    look, _, serve = told.partition("; serve them here: ")
    assert shlex.split(look.removeprefix("look at them: ")) == [f"{out}/index.html"]
    assert Path(shlex.split(look)[-1]).is_file()
    assert shlex.split(serve)[-3:] == ["-d", str(out), "8000"]


def test_export_without_pages_says_how_to_serve(site: Site) -> None:
    site.configure("pages = false\n")
    site.seed()
    assert site.run("export").out.splitlines()[-1].startswith("serve them here: python3 ")


def test_export_says_nothing_of_looking_where_nothing_was_published(site: Site) -> None:
    site.seed()
    assert "look at" not in site.run("export", "--dry-run").out


def test_export_with_a_report_tells_people_aside(site: Site) -> None:
    site.seed()
    ran = site.run("export", "--json")
    assert ran.report()["items"] == 1
    assert ran.err.splitlines()[-1].startswith("look at them: ")
