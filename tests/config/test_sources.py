"""Sources of seeds in config.toml: folders and addresses, and what is never shown of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from feeds.common.errors import ConfigError
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
