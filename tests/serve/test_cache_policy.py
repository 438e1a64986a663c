"""How long answers may be cached, by the configuration."""

from __future__ import annotations

import pytest

from feeds.serve.cache_policy import cache_control, max_age_s, policy_of
from tests.support.site import config_of


@pytest.mark.parametrize(
    ("toml", "seconds"),
    [
        ("", 900),
        ('every = "30s"', 30),
        ('every = "2d"', 3600),
        ('every = "15m"\nwatch = true', 60),
        ('cron = "*/10 6-22 * * mon-fri"', 600),
        ('cron = "0 6 * * *"\njitter = "1h"', 3600),
        ('cron = "0,1 6 * * *"', 60),
    ],
)
def test_max_age_follows_the_schedule(toml: str, seconds: int) -> None:
    assert max_age_s(config_of(f"[schedule]\n{toml}")) == seconds


@pytest.mark.parametrize(
    ("path", "header"),
    [
        ("all.atom", "public, max-age=900"),
        ("topics/media/x.atom", "public, max-age=900"),
        ("media/ab/cd.png", "public, max-age=31536000, immutable"),
    ],
)
def test_cache_control_of_images_is_without_end(path: str, header: str) -> None:
    assert cache_control(path, 900) == header


def test_policy_is_what_the_configuration_says() -> None:
    site = 'base_url = "https://example.org/a%20b/"\nhub = "https://hub.example.org/"'
    policy = policy_of(config_of(f"[site]\n{site}\n"))
    assert policy.prefix == "/a b/"
    assert policy.hubs == ("https://hub.example.org/",)
    assert policy.max_age_s == 900
