"""What monitors ask a server: whether passes come and succeed (/healthz), and its metrics."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from threading import Lock

import msgspec
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from feeds.common.daemon_status import running_daemon
from feeds.common.errors import ServeError
from feeds.common.media import kind_of
from feeds.common.reports import PassReport, utc_now
from feeds.common.schedule import trigger_of
from feeds.common.store_protocols import IMAGE_FETCHES, REPORT, pings_to, totals
from feeds.common.times import show_time
from feeds.common.urls import shown_url
from feeds.config import Config
from feeds.serve.content import Content
from feeds.serve.messages import NO_STORE, NOSNIFF, Answer, Stream
from feeds.serve.reach import FeedReach, Reach
from feeds.store import Store, open_state
from feeds.store.server_files import with_state

Series = tuple[int, str, str]
Values = float | Mapping[str, float] | Mapping[tuple[str, str], float]

# A pass may be so late, because it or the machine is slow.
_GRACE = timedelta(minutes=1)
# All values, so that every series exists from the start.
_IMAGE_STATES = ("copy", "missing", "failed", "waiting")
_FETCH_RESULTS = ("fetched", "same", "missing", "refused", "failed")
_PING_RESULTS = ("sent", "failed", "lost")


# Health


class Health(msgspec.Struct, frozen=True):
    """`reason` says what is wrong, ``""`` if nothing is."""

    ok: bool
    reason: str
    last_pass: datetime | None


def health_of(config: Config, now: datetime) -> Health:
    """Tells whether there was a pass, at most one was missed since, and none fails now."""
    with open_state(config.paths.state, "serve") as store:
        report = store.get_meta(REPORT) if store else None
    daemon = running_daemon(config.paths.out)
    last, reason = report.started if report else None, ""
    if daemon is not None and daemon.failing:
        reason = f"passes fail: {daemon.failing}"
    elif last is None:
        reason = "there was no pass yet"
    elif now > too_old_after(config, last):
        reason = f"the last pass was at {show_time(last)}, and two should have followed"
    return Health(ok=not reason, reason=reason, last_pass=last)


def too_old_after(config: Config, last: datetime) -> datetime:
    """Returns when two passes will have been missed since the one that began at `last`."""
    times = config.schedule
    late = times.jitter + _GRACE
    if not times.cron:
        return last + 2 * times.every + late
    trigger = trigger_of(times.cron, times.every, times.jitter, config.site.timezone)
    fire = last
    for _ in range(2):
        fire = trigger.get_next_fire_time(fire, fire + timedelta(seconds=1)) or fire
    return fire + late


def health_answer(content: Content) -> Answer:
    """Returns the answer to a monitor, as JSON: 200, or 503 if something is wrong."""
    health = health_of(content.config, utc_now())
    if health.ok and not content.publication.texts:
        health = msgspec.structs.replace(health, ok=False, reason="nothing is published")
    headers = [("content-type", "application/json"), NOSNIFF, NO_STORE]
    body, status = msgspec.json.encode(health), 200 if health.ok else 503
    return Answer(status, headers, body, lasting=False)


# Metrics


class Counts:
    """Counts answers, and the bytes of their bodies, by status, format and content coding.

    May be used from several threads: ready answers are sent in another than those that are made.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._found: defaultdict[Series, list[int]] = defaultdict(lambda: [0, 0])

    def add(self, answer: Answer | Stream, size: int) -> None:
        """Counts an answer of which `size` bytes are sent."""
        with self._lock:
            found = self._found[answer.status, answer.format_name, answer.coding]
            found[0] += 1
            found[1] += size

    def items(self) -> list[tuple[Series, tuple[int, ...]]]:
        """Returns the number of answers of each status, format and coding, and their bytes."""
        with self._lock:
            return [
                ((status, format_name or "other", coding or "identity"), tuple(found))
                for (status, format_name, coding), found in sorted(self._found.items())
            ]


class FeedsCollector(Collector):
    """Collects the metrics whenever somebody reads them."""

    def __init__(self, counts: Counts, content: Content, reach: Reach | None = None) -> None:
        self._counts = counts
        self._content = content
        self._reach = reach
        self._state = list(_images({}, {}))

    def collect(self) -> Iterator[Metric]:
        """Yields all metrics."""
        config = self._content.config

        def read(store: Store) -> None:
            images = _images(store.image_counts(), totals(store, IMAGE_FETCHES))
            self._state = [*images, *_pings(store, config.site.hub)]

        with_state(config.paths.state, read)
        yield from _requests(self._counts.items())
        if self._reach is not None:
            yield from _reached(self._reach.report())
        yield from _served(self._content)
        if self._content.report is not None:
            yield from _last_pass(self._content.report)
        yield from self._state


def start_metrics(address: str, collector: FeedsCollector) -> None:
    """Serves ``http://address/metrics`` in a thread of its own; raises ServeError if it cannot."""
    registry = CollectorRegistry()
    registry.register(collector)
    host, _, port = address.rpartition(":")
    try:
        start_http_server(int(port), addr=host.strip("[]"), registry=registry)
    except OSError as error:
        reason = error.strerror or error
        raise ServeError(f"cannot serve metrics at {address}: {reason} (serve.metrics)") from None


def _requests(counted: list[tuple[Series, tuple[int, ...]]]) -> Iterator[Metric]:
    requests: Counter[tuple[str, str]] = Counter()
    sent: Counter[str] = Counter()
    for (status, format_name, coding), (count, size) in counted:
        requests[str(status), format_name] += count
        sent[coding] += size
    unmodified = sum(count for (status, _), count in requests.items() if status == "304")
    yield _counter("feeds_http_requests", "Requests answered.", requests, "status", "format")
    text = "Bytes of bodies sent, in their content coding."
    yield _counter("feeds_http_body_bytes", text, sent, "encoding")
    text = "Share of 304 among all answers, from 0 to 1."
    share = unmodified / requests.total() if unmodified else 0
    yield _gauge("feeds_http_not_modified_ratio", text, share)


def _reached(feeds: Sequence[FeedReach]) -> Iterator[Metric]:
    """Yields the sums over all feeds of what the access log tells (see `feeds.serve.reach`)."""
    services: Counter[str] = Counter()
    programs: Counter[str] = Counter()
    polls = Counter(whole=0, unchanged=0, delta=0)
    for feed in feeds:
        services.update(feed.services)
        programs.update(feed.programs)
        whole = feed.polls - feed.unchanged - feed.deltas
        polls.update(whole=whole, unchanged=feed.unchanged, delta=feed.deltas)
    text = "Subscribers of all feeds, as feed services report them."
    yield _gauge("feeds_reach_subscribers", text, services, "service")
    text = "Readers of all feeds that poll by themselves, each feed on the day with most of them."
    yield _gauge("feeds_reach_readers", text, programs, "program")
    yield _counter("feeds_reach_polls", "Polls of feeds by both.", polls, "answer")


def _served(content: Content) -> Iterator[Metric]:
    passes, seconds, written = content.totals
    yield _counter("feeds_passes", "Passes whose reports this server saw.", passes)
    yield _counter("feeds_pass_duration_seconds", "Wall time of these passes.", seconds)
    yield _counter("feeds_documents_written", "Documents that these passes wrote.", written)
    texts, media = content.publication.texts, content.publication.media
    images = sum(kind_of(path).media_type.startswith("image/") for path in media)
    yield _gauge("feeds_documents", "Documents and pages being served.", len(texts))
    yield _gauge("feeds_images_served", "Images being served.", images)
    caches = content.bodies, content.results
    held, limit = sum(one.size for one in caches), sum(one.limit for one in caches)
    yield _gauge("feeds_memory_bodies_bytes", "Memory taken by bodies.", held)
    yield _gauge("feeds_memory_bodies_limit_bytes", "serve.memory.", limit)


def _last_pass(report: PassReport) -> Iterator[Metric]:
    begun = report.started.timestamp()
    yield _gauge("feeds_last_pass_timestamp_seconds", "When the last pass began.", begun)
    yield _gauge("feeds_last_pass_duration_seconds", "How long it took.", report.seconds)
    seeds = {"good": report.seeds - report.bad, "bad": report.bad}
    yield _gauge("feeds_seeds", "Seeds found by the last pass.", seeds, "state")
    problems = {"error": len(report.problems) - report.warnings, "warning": report.warnings}
    yield _gauge("feeds_problems", "Problems of seeds.", problems, "severity")
    yield _gauge("feeds_items", "Items in use.", report.items)
    yield _gauge("feeds_feeds", "Feeds published.", len(report.feeds))
    yield _gauge("feeds_last_pass_written", "Documents it wrote.", len(report.written))
    yield _gauge("feeds_last_pass_removed", "Documents it removed.", len(report.removed))


def _images(counted: Mapping[str, tuple[int, int]], fetched: Mapping[str, int]) -> Iterator[Metric]:
    """Yields how many images there are by state, with the bytes of their copies, and of fetches."""
    images = {state: counted.get(state, (0, 0))[0] for state in _IMAGE_STATES}
    yield _gauge("feeds_images", "Images that seeds name.", images, "state")
    size = sum(length for _, length in counted.values())
    yield _gauge("feeds_image_copies_bytes", "Size of the copies in the image cache.", size)
    fetches = {result: fetched.get(result, 0) for result in _FETCH_RESULTS}
    yield _counter("feeds_image_fetches", "Fetches of images.", fetches, "result")


def _pings(store: Store, hubs: Sequence[str]) -> Iterator[Metric]:
    # Metrics must not show credentials, so hubs that differ in their credentials only count as one.
    names = {hub: shown_url(hub) for hub in hubs}
    pings = Counter({(name, one): 0 for name in names.values() for one in _PING_RESULTS})
    pending = Counter(dict.fromkeys(names.values(), 0))
    for hub, name in names.items():
        pings.update({(name, one): count for one, count in totals(store, pings_to(hub)).items()})
    for report in store.hub_reports():
        if (name := shown_url(report.hub)) in pending:
            pending[name] += report.pending
    text = "Pings to hubs; a failed one is sent again."
    yield _counter("feeds_hub_pings", text, pings, "hub", "result")
    text = "Documents that hubs have not been told of yet."
    yield _gauge("feeds_hub_pings_pending", text, pending, "hub")


def _metric(
    kind: type[CounterMetricFamily | GaugeMetricFamily],
    name: str,
    text: str,
    values: Values,
    *labels: str,
) -> Metric:
    metric = kind(name, text, labels=labels)
    for one, value in (values if isinstance(values, Mapping) else {(): values}).items():
        metric.add_metric((one,) if isinstance(one, str) else one, value)
    return metric


_counter = partial(_metric, CounterMetricFamily)
_gauge = partial(_metric, GaugeMetricFamily)
