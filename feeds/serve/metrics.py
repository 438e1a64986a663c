"""The metrics of the server and of passes, in the format of Prometheus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from feeds.common.reports import PassReport
from feeds.common.totals import IMAGE_FETCHES, pings_to, totals
from feeds.common.urls import shown_url
from feeds.serve.messages import Answer, Tally
from feeds.store import Store

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
        sort = _sort(answer.status, answer.format_name, answer.coding)
        answer.tally = self._ready.setdefault(sort, answer.tally)

    def add(self, status: int, format_name: str, coding: str, size: int) -> None:
        """Counts an answer that was not ready, of `size` bytes."""
        tally = self._made.setdefault(_sort(status, format_name, coding), Tally())
        tally.requests += 1
        tally.bytes += size

    def items(self) -> list[tuple[tuple[int, str, str], Tally]]:
        """Returns all tallies with their status, format and coding, which may occur twice."""
        return [*self._ready.items(), *self._made.items()]


def _sort(status: int, format_name: str, coding: str) -> tuple[int, str, str]:
    return status, format_name or "other", coding or "identity"


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

    `report` is of the last pass; `passes`, `pass_s` and `written` are totals over all passes that
    this server saw the report of. `memory` holds the bytes of bodies, and their limit.
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

    def __init__(self, counts: Counts, gauges: Callable[[], Gauges]) -> None:
        self._counts = counts
        self._gauges = gauges

    def collect(self) -> Iterator[Metric]:
        """Yields all metrics."""
        gauges = self._gauges()
        yield from _requests(self._counts.items())
        yield from _passes(gauges)
        yield from _images(gauges.state)
        yield from _pings(gauges.state)


def start_metrics(host: str, port: int, counts: Counts, gauges: Callable[[], Gauges]) -> None:
    """Serves ``http://host:port/metrics`` in a thread of its own, until the process ends.

    Raises:
        OSError: the address cannot be used.
    """
    registry = CollectorRegistry()
    registry.register(FeedsCollector(counts, gauges))
    start_http_server(port, addr=host, registry=registry)


def _requests(tallies: list[tuple[tuple[int, str, str], Tally]]) -> Iterator[Metric]:
    requests = CounterMetricFamily(
        "feeds_http_requests", "Requests answered.", labels=["status", "format"]
    )
    sent = CounterMetricFamily(
        "feeds_http_body_bytes",
        "Bytes of bodies sent, in their content coding.",
        labels=["encoding"],
    )
    by_sort: dict[tuple[str, str], int] = {}
    by_coding: dict[str, int] = {}
    for (status, format_name, coding), tally in tallies:
        sort = (str(status), format_name)
        by_sort[sort] = by_sort.get(sort, 0) + tally.requests
        by_coding[coding] = by_coding.get(coding, 0) + tally.bytes
    for sort, count in sorted(by_sort.items()):
        requests.add_metric(sort, count)
    for coding, count in sorted(by_coding.items()):
        sent.add_metric([coding], count)
    yield requests
    yield sent
    total = sum(by_sort.values())
    unmodified = sum(
        count for (status, _), count in by_sort.items() if status == str(_NOT_MODIFIED)
    )
    yield GaugeMetricFamily(
        "feeds_http_not_modified_ratio",
        "Share of 304 among all answers, from 0 to 1.",
        value=unmodified / total if total else 0,
    )


def _images(counted: StateCounts) -> Iterator[Metric]:
    images = GaugeMetricFamily("feeds_images", "Images that seeds name.", labels=["state"])
    for state in _IMAGE_STATES:
        images.add_metric([state], counted.images.get(state, (0, 0))[0])
    yield images
    size = sum(length for _, length in counted.images.values())
    yield _gauge("feeds_image_copies_bytes", "Size of the copies in the image cache.", size)
    fetches = CounterMetricFamily("feeds_image_fetches", "Fetches of images.", labels=["result"])
    for result in _FETCH_RESULTS:
        fetches.add_metric([result], counted.fetches.get(result, 0))
    yield fetches


def _pings(counted: StateCounts) -> Iterator[Metric]:
    pings = CounterMetricFamily(
        "feeds_hub_pings", "Pings to hubs; a failed one is sent again.", labels=["hub", "result"]
    )
    pending = GaugeMetricFamily(
        "feeds_hub_pings_pending", "Documents that hubs have not been told of yet.", labels=["hub"]
    )
    for hub, results in counted.pings.items():
        pending.add_metric([hub], counted.pending.get(hub, 0))
        for result in _PING_RESULTS:
            pings.add_metric([hub, result], results.get(result, 0))
    yield pings
    yield pending


def _passes(gauges: Gauges) -> Iterator[Metric]:
    yield CounterMetricFamily(
        "feeds_passes", "Passes that this server saw the report of.", value=gauges.passes
    )
    yield CounterMetricFamily(
        "feeds_pass_duration_seconds", "Wall time of these passes.", value=gauges.pass_s
    )
    yield CounterMetricFamily(
        "feeds_documents_written", "Documents that these passes wrote.", value=gauges.written
    )
    yield _gauge("feeds_documents", "Documents and pages being served.", gauges.documents)
    yield _gauge("feeds_images_served", "Images being served.", gauges.images)
    held, limit = gauges.memory
    yield _gauge("feeds_memory_bodies_bytes", "Memory taken by bodies.", held)
    yield _gauge("feeds_memory_bodies_limit_bytes", "serve.memory.", limit)
    report = gauges.report
    if report is None:
        return
    begun = report.started.timestamp()
    yield _gauge("feeds_last_pass_timestamp_seconds", "When the last pass began.", begun)
    yield _gauge("feeds_last_pass_duration_seconds", "How long it took.", report.seconds)
    seeds = GaugeMetricFamily("feeds_seeds", "Seeds found by the last pass.", labels=["state"])
    seeds.add_metric(["good"], report.seeds - report.bad)
    seeds.add_metric(["bad"], report.bad)
    yield seeds
    problems = GaugeMetricFamily("feeds_problems", "Problems of seeds.", labels=["severity"])
    problems.add_metric(["error"], len(report.problems) - report.warnings)
    problems.add_metric(["warning"], report.warnings)
    yield problems
    yield _gauge("feeds_items", "Items in use.", report.items)
    yield _gauge("feeds_feeds", "Feeds published.", len(report.feeds))
    yield _gauge("feeds_last_pass_written", "Documents it wrote.", len(report.written))
    yield _gauge("feeds_last_pass_removed", "Documents it removed.", len(report.removed))


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)
