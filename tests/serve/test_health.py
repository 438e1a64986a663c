"""When /healthz says that something is wrong, without a socket."""

from __future__ import annotations

from datetime import timedelta

import pytest

from feeds.serve.health import too_old_after
from tests.support.site import NOW, config_of


@pytest.mark.parametrize(
    ("toml", "later"),
    [
        ("", timedelta(minutes=31)),
        ('every = "1s"\njitter = "10s"', timedelta(seconds=72)),
        ('cron = "0 * * * *"', timedelta(hours=2, minutes=1)),
        ('cron = "0 12 * * *"', timedelta(days=2, minutes=1)),
    ],
)
def test_health_wants_a_pass_by_the_schedule(toml: str, later: timedelta) -> None:
    assert too_old_after(config_of(f"[schedule]\n{toml}"), NOW) == NOW + later
