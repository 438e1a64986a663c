"""Templates are compiled once, and kept as Python keeps compiled modules."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from jinja2 import Environment
from msgspec.structs import replace

from feeds.common.errors import TemplateError
from feeds.render import environment
from feeds.render.context import Pages
from feeds.render.environment import check_templates, render
from tests.support.rendering import RENDER_SITE


@pytest.fixture
def compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of compiled templates, empty at first."""
    folder = tmp_path / "__pycache__"
    monkeypatch.setattr(environment, "_COMPILED", folder)
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    environment._environment.cache_clear()
    yield folder
    environment._environment.cache_clear()


def refuse(*_: object, **__: object) -> object:
    pytest.fail("a template was compiled")


def test_environment_compiles_a_template_once(
    compiled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = environment._environment((), "en").get_template("subscribe.html")
    assert len(list(compiled.iterdir())) == 1
    monkeypatch.setattr(Environment, "compile", refuse)
    environment._environment.cache_clear()
    assert environment._environment((), "en").get_template("subscribe.html").name == source.name


@pytest.mark.parametrize("damage", [b"", b"no code", "cut"])
def test_environment_compiles_again_what_is_damaged(compiled: Path, damage: bytes | str) -> None:
    environment._environment((), "en").get_template("subscribe.html")
    (kept,) = compiled.iterdir()
    whole = kept.read_bytes()
    kept.write_bytes(whole[:-20] if isinstance(damage, str) else damage)
    environment._environment.cache_clear()
    environment._environment((), "en").get_template("subscribe.html")
    assert kept.read_bytes() == whole


def test_environment_does_without_a_folder_that_cannot_be_written(compiled: Path) -> None:
    compiled.write_bytes(b"in the way")
    environment._environment((), "en").get_template("subscribe.html")
    assert compiled.read_bytes() == b"in the way"


def test_environment_keeps_no_template_of_the_site(compiled: Path) -> None:
    site = replace(RENDER_SITE, pages=Pages(templates=(("subscribe.html", "mine"),)))
    assert render(site, "a.html", "subscribe.html", {}).data == b"mine"
    assert not compiled.exists()


def test_check_compiles_all_templates_and_names_the_one_that_is_none() -> None:
    good = [
        ("style.css", "body {{"),
        ("_entry.html", "{{ x }}"),
        ("page.html", "{% if x %}y{% endif %}"),
    ]
    check_templates(tuple(good))
    with pytest.raises(TemplateError, match=r"index\.html"):
        check_templates((*good, ("index.html", "{% if x %}")))
