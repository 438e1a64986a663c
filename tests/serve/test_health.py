"""When /healthz says that something is wrong, without a socket."""

from __future__ import annotations

import os
from datetime import timedelta

import msgspec
import pytest

from feeds.common.lock import DAEMON_LOCK, acquire_lock
from feeds.common.schedule import DaemonState
from feeds.serve.health import health_of, too_old_after
from tests.support.site import NOW, Site, config_of


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


def test_health_is_bad_while_the_daemon_fails(site: Site) -> None:
    site.seed()
    site.publish()
    config = site.load().config
    assert health_of(config, NOW).ok
    state = DaemonState(os.getpid(), NOW, failing="no space left")
    holder = msgspec.json.encode(state).decode()
    with acquire_lock(site.out, holder, wait=0, on_wait=pytest.fail, name=DAEMON_LOCK):
        health = health_of(config, NOW)
    assert (health.ok, health.reason) == (False, "passes fail: no space left")
    assert health.last_pass == NOW
