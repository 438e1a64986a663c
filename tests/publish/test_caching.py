"""For how long what is published stays fresh."""

from __future__ import annotations

import pytest

from feeds.publish.caching import cache_control, max_age_s
from tests.support.site import config_of


@pytest.mark.parametrize(
    ("path", "is_kept"),
    [
        ("assets/style.0123abcd.css", True),
        ("assets/icon.0123abcd.png", True),
        ("assets/style.css", False),
        ("assets/style.0123abc.css", False),
        ("topics/style.0123abcd.html", False),
    ],
)
def test_asset_named_by_its_content_is_kept_for_a_year(path: str, *, is_kept: bool) -> None:
    wanted = "public, max-age=31536000, immutable" if is_kept else "public, max-age=60"
    assert cache_control(path, 60) == wanted


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
        ('cron = "0 0 30 2 *"', 3600),  # never
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
