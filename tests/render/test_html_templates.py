"""The site's own templates: which are used, when they are read, and what their faults cost."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from feeds.common.errors import TemplateError
from feeds.common.files import read_templates
from tests.support.permissions import closed, open_folder
from tests.support.site import Site

SHORT = "<!DOCTYPE html><title>{{ feed.title }}</title>{% for one in entries %}{{ one.title }};"


@pytest.fixture
def templates(site: Site) -> Path:
    site.configure('[paths]\ntemplates = "mine"\n')
    site.seed(title="One & only")
    folder = site.root / "mine"
    folder.mkdir()
    return folder


def test_template_replaces_ours_alone(site: Site, templates: Path) -> None:
    (templates / "feed.html").write_text(SHORT + "{% endfor %}", encoding="utf-8")
    site.publish()
    assert site.read("topics/ai.html") == b"<!DOCTYPE html><title>Site: AI</title>One &amp; only;"
    assert b"<h1" in site.read("index.html")


def test_template_may_extend_ours_and_include_its_own(site: Site, templates: Path) -> None:
    (templates / "layout.html").write_text(
        '{% extends "feeds/layout.html" %}{% block footer %}{% include "foot.html" %}{% endblock %}'
    )
    (templates / "foot.html").write_text("\ufeff<p>Grüße aus {{ site.title }}</p>", "utf-8")
    site.publish()
    for name in ("index.html", "feeds.html", "404.html", "all.html"):
        page = site.read(name).decode()
        assert "<p>Grüße aus Site</p>" in page
        assert "All times are UTC" not in page
        assert "<h1" in page


def test_asset_replaces_ours_alone(site: Site, templates: Path) -> None:
    (templates / "style.css").write_text("p { color: red }")
    (templates / "unknown.css").write_text("")
    site.publish()
    assert site.read("assets/style.css") == b"p { color: red }"
    assert b"web feed" in site.read("assets/feed.css")
    assert not (site.out / "assets/unknown.css").exists()


def test_template_that_changed_renders_all_again(site: Site, templates: Path) -> None:
    site.publish()
    path = templates / "feed.html"
    for text in ("one", "two"):
        path.write_text(text)
        assert site.publish().written == [
            "all.html",
            "providers/example.com.html",
            "topics/ai.html",
        ]
        assert site.read("all.html") == text.encode()
        assert site.publish().written == []
    path.unlink()
    assert len(site.publish().written) == 3
    assert b"One &amp; only" in site.read("all.html")


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        pytest.param("feed.html", "\n{% if %}", "feed.html, line 2: ", id="syntax"),
        pytest.param("feed.html", "a\nb\n{{ entires }}", "line 3: 'entires' is undef", id="name"),
        pytest.param("feed.html", "{{ feed.tite }}", "line 1: .*no attribute 'tite'", id="field"),
        pytest.param("feed.html", '\n{% include "a.html" %}', "line 2: .*a.html", id="include"),
        pytest.param("index.html", "{{ 1 / 0 }}", "index.html, line 1: division", id="arithmetic"),
        pytest.param("entry.html", "\n{% macro", "entry.html, line 2", id="in what ours imports"),
        pytest.param("feed.html", '{% extends "feed.html" %}', "feed.html", id="endless"),
    ],
)
def test_template_with_a_fault_stops_the_pass_and_out_stays(
    site: Site, templates: Path, name: str, text: str, reason: str
) -> None:
    site.publish()
    before = site.tree()
    (templates / name).write_text(text)
    ran = site.run("export")
    assert (ran.code, ran.err.count("\n"), site.tree()) == (2, 1, before)
    assert re.search(f"^feeds: template .*{reason}.*paths.templates", ran.err)
    (templates / name).unlink()
    assert site.publish().written == []


def test_template_with_a_fault_stops_a_pass_in_processes_too(site: Site, templates: Path) -> None:
    for number in range(45):
        site.seed(f"{number}.txt", number=number, topics=[f"Topic {number}"])
    (templates / "feed.html").write_text("{{ entires }}")
    ran = site.run("export")
    assert (ran.code, site.documents()) == (2, {})
    assert "template feed.html, line 1: 'entires' is undefined" in ran.err


@pytest.mark.parametrize("name", ["feed.html", "unused.html"])
def test_check_finds_a_template_that_is_none(site: Site, templates: Path, name: str) -> None:
    assert site.run("check").code == 0
    (templates / name).write_text("{% endif %}")
    ran = site.run("check")
    assert (ran.code, f"template {name}, line 1" in ran.err) == (2, True)


def test_templates_of_no_name_are_ours(site: Site) -> None:
    site.configure('[paths]\ntemplates = ""\n')
    (site.root / "feed.html").write_text("mine")
    assert site.load().config.paths.templates is None


def test_templates_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match=r"missing: No such file.*leave the key out"):
        read_templates(tmp_path / "missing")
    (tmp_path / "feed.html").write_bytes(b"ab\xff")
    with pytest.raises(TemplateError, match=r"feed\.html: not UTF-8 at byte 3"):
        read_templates(tmp_path)
    with open_folder() as folder:
        (folder / "feed.html").write_text("x")
        with closed(folder / "feed.html"), pytest.raises(TemplateError, match="Permission denied"):
            read_templates(folder)


def test_templates_are_the_plain_files_with_their_endings(tmp_path: Path) -> None:
    for name in ("b.html", "a.css", "c.js", "d.svg", ".e.html", "f.html~", "g.md"):
        (tmp_path / name).write_text(name)
    (tmp_path / "folder.html").mkdir()
    names = ("a.css", "b.html", "c.js", "d.svg")
    assert read_templates(tmp_path) == tuple((name, name) for name in names)
    assert read_templates(None) == ()
