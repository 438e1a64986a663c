"""trigger_of() by a fake clock, and the timer that APScheduler runs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from apscheduler.triggers.base import BaseTrigger

from feeds.common.schedule import Timer, trigger_of
from feeds.config import Config
from tests.support.processes import PATIENCE, wait_until
from tests.support.site import config_of

LONDON, NEW_YORK = ZoneInfo("Europe/London"), ZoneInfo("America/New_York")
# Both zones set their clocks back on the first of these days and forward on the second.
BACK = {LONDON: datetime(2026, 10, 25, tzinfo=UTC), NEW_YORK: datetime(2026, 11, 1, tzinfo=UTC)}
FORWARD = {LONDON: datetime(2026, 3, 29, tzinfo=UTC), NEW_YORK: datetime(2026, 3, 8, tzinfo=UTC)}


def trigger_for(config: Config) -> BaseTrigger:
    times, ends = config.schedule, [(one.at, one.weekday) for one in config.digests]
    return trigger_of(times.cron, times.every, times.jitter, config.site.timezone, ends)


def fires(
    schedule: str, start: datetime, count: int, zone: str = "UTC", late: float = 0.003
) -> list[datetime]:
    """Returns when passes are due, in UTC; each begins `late` seconds after that."""
    toml = f'[site]\ntimezone = "{zone}"\n[schedule]\n{schedule}\n'
    trigger, previous, now = trigger_for(config_of(toml)), None, start
    times: list[datetime] = []
    for _ in range(count):
        previous = trigger.get_next_fire_time(previous, now)
        assert previous is not None
        # In UTC: within one zone Python reckons as if clocks were never set.
        times.append(previous.astimezone(UTC))
        now = max(now, times[-1]) + timedelta(seconds=late)
    return times


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


@pytest.mark.parametrize("zone", ["UTC", "Europe/London", "Asia/Kathmandu", "Australia/Lord_Howe"])
@pytest.mark.parametrize(("every", "seconds"), [("1s", 1), ("15m", 900), ("36h", 129_600)])
def test_trigger_every_keeps_its_distance_in_every_zone(
    every: str, seconds: int, zone: str
) -> None:
    trigger = trigger_for(config_of(f'[site]\ntimezone="{zone}"\n[schedule]\nevery = "{every}"'))
    # The hour that Europe sees twice.
    previous = utc(2026, 10, 25, 0, 30)
    for _ in range(8):
        following = trigger.get_next_fire_time(previous, previous)
        assert following.astimezone(UTC) - previous.astimezone(UTC) == timedelta(seconds=seconds)
        previous = following


def test_trigger_without_schedule_is_due_first_after_fifteen_minutes() -> None:
    before = datetime.now(UTC)
    first = trigger_for(config_of()).get_next_fire_time(None, before)
    assert timedelta(minutes=15) <= first - before < timedelta(minutes=15, seconds=PATIENCE)


@pytest.mark.parametrize("every", ["520w", "99999w", "999999w"])
def test_trigger_takes_every_duration_that_the_configuration_takes(every: str) -> None:
    try:
        config = config_of(f'[schedule]\nevery = "{every}"')
    except ValueError:
        return
    trigger_for(config).get_next_fire_time(None, utc(2026, 1, 1))


def test_trigger_cron_of_the_issue_runs_at_office_hours_of_working_days() -> None:
    friday = utc(2026, 7, 3, 20, 45)  # 21:45 in London
    times = fires('cron = "*/10 6-22 * * mon-fri"', friday, 9, "Europe/London")
    local = [time.astimezone(LONDON) for time in times]
    assert [f"{time:%a %H:%M}" for time in local] == [
        *("Fri 21:50", "Fri 22:00", "Fri 22:10", "Fri 22:20", "Fri 22:30", "Fri 22:40"),
        *("Fri 22:50", "Mon 06:00", "Mon 06:10"),
    ]


def test_trigger_is_due_when_the_period_of_a_digest_ends_too() -> None:
    digests = '[[digests]]\nname = "D"\nat = "07:00"\n[[digests]]\nname = "W"\nevery = "week"\n'
    schedule = f'cron = "0 12 * * *"\n{digests}on = "sun"\nat = "23:30"\n'
    # Clocks are set forward in the first night.
    assert fires(schedule, utc(2026, 3, 28, 12), 4, "Europe/London", late=1) == [
        utc(2026, 3, 28, 12),
        utc(2026, 3, 29, 6),
        utc(2026, 3, 29, 11),
        utc(2026, 3, 29, 22, 30),
    ]


@pytest.mark.parametrize(
    ("days", "wanted"),
    [
        ("mon", "Mon"),
        ("sun", "Sun"),
        # crontab(5): 0 and 7 are Sunday.
        ("0", "Sun"),
        ("7", "Sun"),
        ("1", "Mon"),
        ("6", "Sat"),
        ("1-5", "Mon Tue Wed Thu Fri"),
        ("0,3", "Wed Sun"),
        ("sat,sun", "Sat Sun"),
        ("*", "Mon Tue Wed Thu Fri Sat Sun"),
    ],
)
def test_trigger_cron_counts_weekdays_as_crontab_does(days: str, wanted: str) -> None:
    monday = utc(2026, 6, 1)
    times = fires(f'cron = "0 12 * * {days}"', monday, len(wanted.split()))
    assert " ".join(f"{time:%a}" for time in times) == wanted
    assert max(times) < monday + timedelta(days=7)


@pytest.mark.parametrize(
    ("zone", "hours"),
    [("UTC", [8, 8, 8]), ("Europe/London", [8, 7, 7]), ("America/New_York", [12, 12, 12])],
)
def test_trigger_cron_reads_the_clock_on_the_wall_of_its_zone(zone: str, hours: list[int]) -> None:
    times = fires('cron = "0 8 * * *"', utc(2026, 3, 28), 3, zone)
    assert [time.hour for time in times] == hours


@pytest.mark.parametrize("late", [0.0, 0.003], ids=["punctual", "late"])
@pytest.mark.parametrize("days", [BACK, FORWARD], ids=["back", "forward"])
@pytest.mark.parametrize("zone", [LONDON, NEW_YORK], ids=str)
@pytest.mark.parametrize(
    ("cron", "count"),
    [("*/3 * * * *", 200), ("30 1 * * *", 5), ("59 0-2 * * *", 12), ("*/7 1 * * sun", 20)],
)
def test_trigger_cron_never_goes_back_when_clocks_are_set(
    cron: str, count: int, zone: ZoneInfo, days: dict[ZoneInfo, datetime], late: float
) -> None:
    start = days[zone] - timedelta(hours=1)
    times = fires(f'cron = "{cron}"', start, count, zone.key, late)
    assert all(later - earlier > timedelta() for earlier, later in pairwise(times))


@pytest.mark.parametrize("minutes", range(0, 300, 20))
@pytest.mark.parametrize("days", [BACK, FORWARD], ids=["back", "forward"])
@pytest.mark.parametrize("zone", [LONDON, NEW_YORK], ids=str)
def test_trigger_cron_of_a_daemon_started_while_clocks_are_set_is_due_next_and_not_before(
    zone: ZoneInfo, days: dict[ZoneInfo, datetime], minutes: int
) -> None:
    now = days[zone] + timedelta(hours=4 * (zone is NEW_YORK), minutes=minutes, milliseconds=500)
    (first,) = fires('cron = "*/20 * * * *"', now, 1, zone.key)
    assert timedelta() < first - now <= timedelta(minutes=20)


@pytest.mark.parametrize("days", [BACK, FORWARD], ids=["back", "forward"])
@pytest.mark.parametrize("zone", [LONDON, NEW_YORK], ids=str)
def test_trigger_cron_leaves_no_hour_out_when_clocks_are_set(
    zone: ZoneInfo, days: dict[ZoneInfo, datetime]
) -> None:
    times = fires('cron = "*/20 * * * *"', days[zone], 30, zone.key)
    assert {later - earlier for earlier, later in pairwise(times)} == {timedelta(minutes=20)}


@pytest.mark.parametrize(
    ("schedule", "period"),
    [('every = "15m"', 900), ('cron = "*/15 * * * *"', 900), ('every = "1s"', 1)],
    ids=["every", "cron", "shorter than the jitter"],
)
def test_trigger_jitter_delays_by_at_most_itself_and_spreads(schedule: str, period: int) -> None:
    start = utc(2026, 1, 1, 0, 7)
    trigger = trigger_for(config_of(f'[schedule]\n{schedule}\njitter = "30s"'))
    delays = []
    for _ in range(200):
        following = trigger.get_next_fire_time(start, start)
        due = start + timedelta(seconds=period)
        if "cron" in schedule:
            due = utc(2026, 1, 1, 0, 15)
        delays.append((following - due).total_seconds())
    assert 0 <= min(delays) <= 5
    assert 25 <= max(delays) <= 30


def test_trigger_jitter_of_cron_makes_no_pass_twice() -> None:
    times = fires('cron = "0 * * * *"\njitter = "59s"', utc(2026, 1, 1, 0, 30), 50)
    assert [time.replace(minute=0, second=0, microsecond=0) for time in times] == [
        utc(2026, 1, 1, 1) + timedelta(hours=hour) for hour in range(50)
    ]


def test_trigger_cron_that_never_comes_is_never_due() -> None:
    trigger = trigger_for(config_of('[schedule]\ncron = "0 0 30 2 *"'))
    assert trigger.get_next_fire_time(None, utc(2026, 1, 1)) is None


class Calls:
    """Counts the calls of a timer."""

    def __init__(self) -> None:
        self.count = 0
        self._called = threading.Semaphore(0)

    def __call__(self) -> None:
        self.count += 1
        self._called.release()

    def wait(self, seconds: float) -> bool:
        return self._called.acquire(timeout=seconds)


@pytest.fixture
def calls() -> Calls:
    return Calls()


@pytest.fixture
def timer(calls: Calls) -> Iterator[Timer]:
    timer = Timer(calls)
    yield timer
    timer.stop()


def test_timer_calls_again_and_again(timer: Timer, calls: Calls) -> None:
    timer.start(trigger_for(config_of('[schedule]\nevery = "1s"')))
    assert calls.wait(PATIENCE)
    assert calls.wait(PATIENCE)


@pytest.mark.parametrize("ago", [timedelta(seconds=5), timedelta(hours=3), timedelta(days=90)])
def test_timer_makes_one_call_of_all_that_were_missed(
    timer: Timer, calls: Calls, ago: timedelta
) -> None:
    timer.start(trigger_for(config_of('[schedule]\nevery = "30m"')))
    timer._scheduler.modify_job("pass", next_run_time=datetime.now(UTC) - ago)
    assert calls.wait(PATIENCE)
    # All that were missed are called for before the next time is set.
    wait_until(lambda: timer.next_due and timer.next_due > datetime.now(UTC))
    timer._scheduler.shutdown(wait=True)
    assert calls.count == 1


def test_timer_started_anew_follows_the_new_configuration_alone(timer: Timer, calls: Calls) -> None:
    timer.start(trigger_for(config_of('[schedule]\nevery = "1h"')))
    timer.start(trigger_for(config_of('[schedule]\ncron = "0 0 1 1 *"')))
    assert timer.next_due is not None
    assert f"{timer.next_due:%m-%d %H:%M %Z}" == "01-01 00:00 UTC"
    assert len(timer._scheduler.get_jobs()) == 1
    timer._scheduler.shutdown(wait=True)
    assert calls.count == 0


def test_timer_whose_cron_never_comes_is_never_due(timer: Timer) -> None:
    timer.start(trigger_for(config_of('[schedule]\ncron = "0 0 30 2 *"')))
    assert timer.next_due is None


@pytest.mark.parametrize("starts", [0, 2])
def test_timer_stopped_calls_no_more_however_often_it_is_stopped(
    timer: Timer, calls: Calls, starts: int
) -> None:
    for _ in range(starts):
        timer.start(trigger_for(config_of('[schedule]\nevery = "1h"')))
    threads = threading.active_count()
    timer.stop()
    timer.stop()
    # There is nobody left who could call.
    wait_until(lambda: threading.active_count() <= threads - bool(starts))
    assert not timer._scheduler.running
    assert calls.count == 0
