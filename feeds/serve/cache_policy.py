"""What the configuration says about every answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from feeds.common.schedule import trigger_of
from feeds.config import Config
from feeds.serve.clients import Proxies

# With `watch` a pass may come at any moment.
_WATCHED_SECONDS = 60
_LONGEST_SECONDS = 3600
_FIRES = 200
# A Monday: what a cron line means does not depend on today.
_MONDAY = datetime(2024, 1, 1, tzinfo=UTC)


class Terms(NamedTuple):
    """How long, in seconds, answers stay fresh; where readers find us; the hubs that tell of news.

    `prefix` is the path of `site.base_url`: requests may come with it or, through a proxy, without.
    `proxies` are those that are believed who asks.
    """

    max_age: int
    base_url: str
    prefix: str
    hubs: tuple[str, ...]
    proxies: Proxies


def terms_of(config: Config) -> Terms:
    """Returns the terms."""
    base_url = config.site.base_url
    prefix = unquote(urlsplit(base_url).path)
    proxies = Proxies(config.serve.trusted_proxies)
    return Terms(max_age(config), base_url, prefix, config.site.hub, proxies)


def max_age(config: Config) -> int:
    """Returns for how many seconds a document may be taken for current: until the next pass is due.

    At most an hour; with `schedule.watch` at most a minute.
    """
    schedule = config.schedule
    seconds = _cron_gap(config) if schedule.cron else int(schedule.every.total_seconds())
    return min(seconds, _WATCHED_SECONDS if schedule.watch else _LONGEST_SECONDS)


def _cron_gap(config: Config) -> int:
    """Returns the shortest time between two passes."""
    plain = config.schedule.model_copy(update={"jitter": timedelta(0)})
    trigger = trigger_of(plain, config.site.timezone)
    shortest, before = timedelta(seconds=_LONGEST_SECONDS), None
    for _ in range(_FIRES):
        now = before + timedelta(seconds=1) if before else _MONDAY
        fire = trigger.get_next_fire_time(before, now)
        if fire is None:
            break
        if before is not None:
            shortest = min(shortest, fire - before)
        before = fire
    return max(1, int(shortest.total_seconds()))
