"""``feeds config``: what holds, for people and for machines."""

from __future__ import annotations

from tests.support.site import Site


def test_config_shows_every_key_on_a_line(site: Site) -> None:
    site.configure('language = "en-GB"\n[topics.AI]\nmin_quality = 60\n')
    ran = site.run("config")
    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    path = site.root / "config.toml"
    assert lines[0] == f'site.title\t"Site"\t{path}:2'
    assert f'site.language\t"en-GB"\t{path}:4' in lines
    assert 'site.timezone\t"UTC"\tdefault' in lines
    assert "selection.max_age\t-\tdefault" in lines
    assert "site.pages\ttrue\tdefault" in lines
    assert f"topics.AI.min_quality\t60\t{path}:6" in lines


def test_config_gives_a_list_for_machines(site: Site) -> None:
    ran = site.run("config", "--json")
    path = site.root / "config.toml"
    first = {"key": "site.title", "value": "Site", "origin": "file", "place": f"{path}:2"}
    assert ran.report()[0] == first
    assert ran.err == ""
