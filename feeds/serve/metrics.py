"""The metrics of the server, of passes, images and hubs, for Prometheus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import NamedTuple

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from feeds.common.protocols import IMAGE_FETCHES, pings_to, totals
from feeds.common.reports import PassReport
from feeds.common.urls import shown_url
from feeds.serve.messages import Answer, Stream, Tally
from feeds.serve.reach import FeedReach, Reach
from feeds.store import Store

Labels = tuple[str, ...]
Values = float | Mapping[Labels, float]

_NOT_MODIFIED = 304
# All values, so that every series exists from the start.
_IMAGE_STATES = ("copy", "missing", "failed", "waiting")
_FETCH_RESULTS = ("fetched", "same", "missing", "refused", "failed")
_PING_RESULTS = ("sent", "failed", "lost")


class Counts:
    """Tallies of answers, one per status, format and content coding.

    Ready answers have tallies of their own, since they are sent in another thread, and two threads
    that count in one tally would lose some.
    """

    def __init__(self) -> None:
        self._ready: dict[tuple[int, str, str], Tally] = {}
        self._made: dict[tuple[int, str, str], Tally] = {}

    def attach(self, answer: Answer) -> None:
        """Gives a ready answer the tally of its status, format and coding."""
        answer.tally = self._ready.setdefault(_series(answer), answer.tally)

    def add(self, answer: Answer | Stream, size: int) -> None:
        """Counts an answer that was not ready, of which `size` bytes are sent."""
        self._made.setdefault(_series(answer), Tally()).add(size)

    def items(self) -> list[tuple[tuple[int, str, str], Tally]]:
        """Returns all tallies with their status, format and coding, which may occur twice."""
        return [*self._ready.items(), *self._made.items()]


def _series(answer: Answer | Stream) -> tuple[int, str, str]:
    return answer.status, answer.format_name or "other", answer.coding or "identity"


class StateCounts(NamedTuple):
    """The counts in the state file, of all processes.

    `images` holds by state the number of images and the bytes of their copies, `fetches` by result
    the number of fetches; `pings` holds by hub and result the number of pings, `pending` by hub the
    pings that are still to be sent.
    """

    images: Mapping[str, tuple[int, int]] = {}
    fetches: Mapping[str, int] = {}
    pings: Mapping[str, Mapping[str, int]] = {}
    pending: Mapping[str, int] = {}


def state_counts(store: Store, hubs: Sequence[str]) -> StateCounts:
    """Returns the counts in the state file of images and of these hubs."""
    # Metrics must not show credentials, so hubs that differ in their credentials only count as one.
    names: dict[str, list[str]] = {}
    for hub in dict.fromkeys(hubs):
        names.setdefault(shown_url(hub), []).append(hub)
    return StateCounts(
        store.image_counts(),
        totals(store, IMAGE_FETCHES),
        {name: _sum(totals(store, pings_to(hub)) for hub in one) for name, one in names.items()},
        _sum({shown_url(one.hub): one.pending} for one in store.hub_reports()),
    )


def _sum(counts: Iterable[Mapping[str, int]]) -> Mapping[str, int]:
    total: Counter[str] = Counter()
    for one in counts:
        total.update(one)
    return total


class Gauges(NamedTuple):
    """The values of a moment.

    `report` is of the last pass; `passes`, `pass_s` and `written` are totals over all passes whose
    reports this server saw. `memory` holds the bytes of bodies, and their limit.
    """

    report: PassReport | None
    passes: int
    pass_s: float
    written: int
    documents: int
    images: int
    memory: tuple[int, int]
    state: StateCounts


class FeedsCollector(Collector):
    """Collects the metrics whenever somebody reads them."""

    def __init__(
        self, counts: Counts, gauges: Callable[[], Gauges], reach: Reach | None = None
    ) -> None:
        self._counts = counts
        self._gauges = gauges
        self._reach = reach

    def collect(self) -> Iterator[Metric]:
        """Yields all metrics."""
        gauges = self._gauges()
        yield from _requests(self._counts.items())
        if self._reach is not None:
            yield from _reached(self._reach.report())
        yield from _passes(gauges)
        if gauges.report is not None:
            yield from _last_pass(gauges.report)
        yield from _images(gauges.state)
        yield from _pings(gauges.state)


def start_metrics(host: str, port: int, collector: FeedsCollector) -> None:
    """Serves ``http://host:port/metrics`` in a thread of its own, until the process ends.

    Raises:
        OSError: the address cannot be used.
    """
    registry = CollectorRegistry()
    registry.register(collector)
    start_http_server(port, addr=host, registry=registry)


def _requests(tallies: list[tuple[tuple[int, str, str], Tally]]) -> Iterator[Metric]:
    requests: Counter[Labels] = Counter()
    sent: Counter[Labels] = Counter()
    unmodified = 0
    for (status, format_name, coding), tally in sorted(tallies, key=itemgetter(0)):
        requests[str(status), format_name] += tally.requests
        sent[(coding,)] += tally.bytes
        unmodified += tally.requests if status == _NOT_MODIFIED else 0
    yield _counter("feeds_http_requests", "Requests answered.", requests, "status", "format")
    text = "Bytes of bodies sent, in their content coding."
    yield _counter("feeds_http_body_bytes", text, sent, "encoding")
    text = "Share of 304 among all answers, from 0 to 1."
    share = unmodified / requests.total() if unmodified else 0
    yield _gauge("feeds_http_not_modified_ratio", text, share)


def _reached(feeds: Sequence[FeedReach]) -> Iterator[Metric]:
    """Yields the sums over all feeds of what the access log tells (see `feeds.serve.reach`)."""
    services: Counter[Labels] = Counter()
    programs: Counter[Labels] = Counter()
    for feed in feeds:
        services.update({(name,): count for name, count in feed.services.items()})
        programs.update({(name,): count for name, count in feed.programs.items()})
    text = "Subscribers of all feeds, as feed services report them."
    yield _gauge("feeds_reach_subscribers", text, services, "service")
    text = "Readers of all feeds that poll by themselves, each feed on the day with most of them."
    yield _gauge("feeds_reach_readers", text, programs, "program")
    unchanged, deltas = (
        sum(getattr(one, name) for one in feeds) for name in ("unchanged", "deltas")
    )
    whole = sum(feed.polls for feed in feeds) - unchanged - deltas
    polls: Values = {("whole",): whole, ("unchanged",): unchanged, ("delta",): deltas}
    yield _counter("feeds_reach_polls", "Polls of feeds by both.", polls, "answer")


def _images(counted: StateCounts) -> Iterator[Metric]:
    images: Values = {(state,): counted.images.get(state, (0, 0))[0] for state in _IMAGE_STATES}
    yield _gauge("feeds_images", "Images that seeds name.", images, "state")
    size = sum(length for _, length in counted.images.values())
    yield _gauge("feeds_image_copies_bytes", "Size of the copies in the image cache.", size)
    fetches: Values = {(result,): counted.fetches.get(result, 0) for result in _FETCH_RESULTS}
    yield _counter("feeds_image_fetches", "Fetches of images.", fetches, "result")


def _pings(counted: StateCounts) -> Iterator[Metric]:
    pings: Values = {
        (hub, result): results.get(result, 0)
        for hub, results in counted.pings.items()
        for result in _PING_RESULTS
    }
    text = "Pings to hubs; a failed one is sent again."
    yield _counter("feeds_hub_pings", text, pings, "hub", "result")
    pending: Values = {(hub,): counted.pending.get(hub, 0) for hub in counted.pings}
    text = "Documents that hubs have not been told of yet."
    yield _gauge("feeds_hub_pings_pending", text, pending, "hub")


def _passes(gauges: Gauges) -> Iterator[Metric]:
    text = "Passes whose reports this server saw."
    yield _counter("feeds_passes", text, gauges.passes)
    yield _counter("feeds_pass_duration_seconds", "Wall time of these passes.", gauges.pass_s)
    text = "Documents that these passes wrote."
    yield _counter("feeds_documents_written", text, gauges.written)
    yield _gauge("feeds_documents", "Documents and pages being served.", gauges.documents)
    yield _gauge("feeds_images_served", "Images being served.", gauges.images)
    held, limit = gauges.memory
    yield _gauge("feeds_memory_bodies_bytes", "Memory taken by bodies.", held)
    yield _gauge("feeds_memory_bodies_limit_bytes", "serve.memory.", limit)


def _last_pass(report: PassReport) -> Iterator[Metric]:
    begun = report.started.timestamp()
    yield _gauge("feeds_last_pass_timestamp_seconds", "When the last pass began.", begun)
    yield _gauge("feeds_last_pass_duration_seconds", "How long it took.", report.seconds)
    seeds: Values = {("good",): report.seeds - report.bad, ("bad",): report.bad}
    yield _gauge("feeds_seeds", "Seeds found by the last pass.", seeds, "state")
    errors = len(report.problems) - report.warnings
    problems: Values = {("error",): errors, ("warning",): report.warnings}
    yield _gauge("feeds_problems", "Problems of seeds.", problems, "severity")
    yield _gauge("feeds_items", "Items in use.", report.items)
    yield _gauge("feeds_feeds", "Feeds published.", len(report.feeds))
    yield _gauge("feeds_last_pass_written", "Documents it wrote.", len(report.written))
    yield _gauge("feeds_last_pass_removed", "Documents it removed.", len(report.removed))


def _counter(name: str, text: str, values: Values, *labels: str) -> Metric:
    return _filled(CounterMetricFamily(name, text, labels=labels), values)


def _gauge(name: str, text: str, values: Values, *labels: str) -> Metric:
    return _filled(GaugeMetricFamily(name, text, labels=labels), values)


def _filled(metric: CounterMetricFamily | GaugeMetricFamily, values: Values) -> Metric:
    for labels, value in (values if isinstance(values, Mapping) else {(): values}).items():
        metric.add_metric(labels, value)
    return metric
