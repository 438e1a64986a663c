"""The effective configuration: each key, its value, and where it comes from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from feeds.common.errors import ConfigError
from feeds.config.load import Setting, settings
from tests.config.test_schema import LEAVES

TOML = """\
[site]
title = "Site"
author = { name = "Ada" }
hub = ["https://hub.example.org/?token=secret"]

[paths]
out = "public"

[selection]
exposure = "2d"

[topics." Culture "]
min_quality = 60

[providers."Sky.COM"]
exclude = true

[[feeds]]
name = "First"

[[feeds]]
name = "Best: of all"
topics = ["AI", "Law"]

[hooks]
after_publish = [["purge", "https://ada:secret@cdn.example.org/all"]]
"""


def found(tmp_path: Path, toml: str = TOML, **variables: str) -> dict[str, Setting]:
    """Returns the settings of a configuration by key."""
    (tmp_path / "config.toml").write_text(toml, encoding="utf-8")
    environment = {f"FEEDS_{name}": value for name, value in variables.items()}
    return {one.key: one for one in settings(tmp_path / "config.toml", environment)}


@pytest.mark.parametrize(
    ("key", "value", "origin", "line"),
    [
        ("site.title", "Site", "file", 2),
        ("site.author.name", "Ada", "file", 3),
        ("site.author.email", "", "default", 0),
        ("site.base_url", "http://localhost:8000/", "default", 0),
        ("site.hub", ["https://hub.example.org/?…"], "file", 4),
        ("selection.exposure", "2d", "file", 10),
        ("selection.max_age", None, "default", 0),
        ("schedule.every", "15m", "default", 0),
        ('topics." Culture ".min_quality', 60, "file", 13),
        ('topics." Culture ".title', "", "default", 0),
        ('providers."Sky.COM".exclude', True, "file", 16),
        ("feeds.1.name", "Best: of all", "file", 22),
        ("feeds.1.topics", ["AI", "Law"], "file", 23),
        ("feeds.0.topics", [], "default", 0),
        ("hooks.after_publish", [["purge", "https://cdn.example.org/all"]], "file", 26),
    ],
)
def test_setting_has_its_value_and_its_place(
    key: str, value: Any, origin: str, line: int, tmp_path: Path
) -> None:
    place = f"{tmp_path / 'config.toml'}:{line}" if line else ""
    assert found(tmp_path)[key] == Setting(key, value, origin, place)


def test_settings_show_no_credentials(tmp_path: Path) -> None:
    assert "secret" not in str(found(tmp_path))


def test_settings_have_absolute_paths(tmp_path: Path) -> None:
    every = found(tmp_path)
    assert every["paths.out"].value == str(tmp_path / "public")
    assert every["paths.seeds"] == Setting("paths.seeds", [str(tmp_path / "seeds")], "default", "")


@pytest.mark.parametrize(
    ("variable", "value", "key", "shown"),
    [
        ("SITE__TITLE", "Elsewhere", "site.title", "Elsewhere"),
        ("SELECTION__MIN_QUALITY", "7", "selection.min_quality", 7),
        ("PATHS__SEEDS", '["/a"]', "paths.seeds", ["/a"]),
        ("TOPICS__AI", "{ min_quality = 3 }", "topics.ai.min_quality", 3),
    ],
)
def test_setting_of_a_variable_names_it(
    variable: str, value: str, key: str, shown: object, tmp_path: Path
) -> None:
    setting = found(tmp_path, **{variable: value})[key]
    place = f"environment variable FEEDS_{variable}"
    assert setting == Setting(key, shown, "environment", place)


def test_settings_have_every_key_of_the_model(tmp_path: Path) -> None:
    toml = '[topics.T]\n[providers."p.org"]\n[[feeds]]\nname = "F"\n[[digests]]\nname = "D"\n'
    toml += "[[rules]]\ntopic = 'T'\nprovider = 'p.org'\nexclude = true\n"
    toml += "[[site.readers]]\nname = 'R'\n"
    names = {"topics": "T", "providers": '"p.org"'}
    wanted = {
        ".".join(path).replace("*", names.get(path[0], "")).replace("[]", "0") for path in LEAVES
    }
    assert set(found(tmp_path, toml)) == wanted


def test_settings_of_a_faulty_file_are_its_faults(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown key"):
        found(tmp_path, "[site]\ntitel = 1\n")
