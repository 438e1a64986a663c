"""Folders and addresses in config.toml: of seeds and of documents, and what is never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from feeds.cli.main import main
from feeds.common.errors import ConfigError
from feeds.config.load import settings
from tests.support.site import Site


def test_sources_are_folders_and_addresses_side_by_side(site: Site) -> None:
    site.configure('[paths]\nseeds = ["a/../b", "s3://news/desk", "file:///srv/x", "gs://n/"]\n')
    paths = site.load().config.paths
    assert paths.folders == [site.root / "b", Path("/srv/x")]
    assert paths.prefixes == ["s3://news/desk/", "gs://n/"]


@pytest.mark.parametrize(
    "text",
    [
        "s3://user:pass-word@news/desk/",
        "https://user:pass-word@news/desk/",
        "s3://news/desk?key=pass-word",
    ],
)
@pytest.mark.parametrize("around", ["[{}]", "{}"])
def test_sources_with_credentials_are_refused_and_not_shown(
    site: Site, text: str, around: str
) -> None:
    site.configure(f"[paths]\nseeds = {around.format(repr(text))}\n")
    with pytest.raises(ConfigError, match="wanted a") as caught:
        site.load()
    assert "pass-word" not in str(caught.value)


def test_place_is_a_folder_or_an_address_with_a_folder_of_its_own(site: Site) -> None:
    site.configure('[paths]\nout = "file:///srv/x%20y"\n')
    paths = site.load().config.paths
    assert (paths.out, paths.objects, paths.published_to) == (Path("/srv/x y"), "", "/srv/x y")
    site.configure('[paths]\nout = "s3://news/site"\nstate = "var/state.db"\n')
    loaded = site.load()
    paths = loaded.config.paths
    assert (paths.out, paths.objects) == (site.root / "var/out", "s3://news/site/")
    assert paths.published_to == "s3://news/site/"
    paths = loaded.with_out(site.root / "other").config.paths
    assert (paths.out, paths.objects) == (site.root / "other", "")
    found = {one.key: one.value for one in settings(loaded.path, {})}
    assert found["paths.out"] == "s3://news/site/"
    assert "paths.objects" not in found


def test_place_with_credentials_is_refused_and_not_shown(site: Site) -> None:
    site.configure('[paths]\nout = "s3://user:pass-word@news/site/"\n')
    with pytest.raises(ConfigError, match="wanted an address such as") as caught:
        site.load()
    assert "pass-word" not in str(caught.value)


def test_place_in_a_bucket_does_not_go_with_what_only_a_server_can_do(site: Site) -> None:
    site.configure(
        '[paths]\nout = "s3://news/site/"\nseeds = ["s3://news/site/seeds/", "s3://news/seeds/"]\n'
        "[publish]\nprecompress = true\n[schedule]\nwatch = true\n[serve]\nport = 80\n"
    )
    with pytest.raises(ConfigError) as caught:
        site.load()
    file = site.root / "config.toml"
    assert [fault.partition(", ")[0].partition(": with")[0] for fault in caught.value.faults] == [
        f"{file}:8: publish.precompress",
        f"{file}:10: schedule.watch: not with s3://news/site/ as paths.out: use schedule.every",
        f"{file}:6: paths.seeds: s3://news/site/seeds/ and s3://news/site/",
        f"{file}:12: serve.port",
    ]
    site.configure('[paths]\nobjects = "s3://news/site/"\n')
    with pytest.raises(ConfigError, match=r"paths\.objects: unknown key"):
        site.load()


@pytest.mark.parametrize("command", [["serve"], ["run", "--serve"]], ids=" ".join)
def test_place_in_a_bucket_is_not_served(site: Site, command: list[str]) -> None:
    site.configure('[paths]\nout = "s3://news/site/"\n')
    done = site.run(*command)
    assert done.code == 2
    assert "config.toml:5: paths.out: s3://news/site/ is served by its bucket" in done.err


def test_place_of_an_option_is_a_folder(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["export", "--out", "s3://user:pass-word@news/site/"])
    error = capsys.readouterr().err
    assert "--out: wanted a folder" in error
    assert "pass-word" not in error
