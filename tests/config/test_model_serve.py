"""The table [serve] of the configuration."""

from __future__ import annotations

import pytest

from feeds.common.errors import ConfigError
from tests.support.site import Site, config_of


@pytest.mark.parametrize(
    "line",
    [
        "port = 0",
        "port = 65536",
        'metrics = "9464"',
        'metrics = "localhost:0"',
        'metrics = "::1:80"',
        'memory = "1 GB"',
        "memory = 0",
        'delta_window = "week"',
        'query = "perhaps"',
    ],
)
def test_configuration_that_is_wrong_is_refused(site: Site, line: str) -> None:
    site.configure(f"[serve]\n{line}\n")
    with pytest.raises(ConfigError, match=f"serve.{line.split()[0]}"):
        site.load()


@pytest.mark.parametrize(
    ("text", "size"), [("1B", 1), ("2KiB", 2048), ("3 mib", 3 << 20), ("4GiB", 4 << 30)]
)
def test_configuration_of_sizes(text: str, size: int) -> None:
    assert config_of(f'[serve]\nmemory = "{text}"').serve.memory == size
