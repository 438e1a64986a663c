"""The daemon's log, by structlog: lines for people, or JSON with ``--log-json``."""

from __future__ import annotations

import logging
import sys
from collections import defaultdict
from collections.abc import Hashable, Iterable
from contextlib import suppress
from typing import Generic, TextIO, TypeVar, cast

import structlog

from feeds.common.model import Problem
from feeds.common.reports import FetchReport, HeldReport, PassReport
from feeds.common.urls import shown_url
from feeds.daemon.processes import Outcome
from feeds.publish.delivery import Delivery

Log = structlog.typing.FilteringBoundLogger

T = TypeVar("T", bound=Hashable)


# The values of a report that its line in the log shows; of lists, how long they are.
_OF_A_PASS = ("seconds", "seeds", "read", "changed", "gone", "bad", "feeds", "written", "removed")
_OF_A_FETCH = (
    *("seconds", "asked", "fetched", "same", "missing"),
    *("refused", "failed", "left_alone", "removed"),
)


class News(Generic[T]):
    """Finds what is new since the last time, so that nothing unchanged is logged twice.

    `known` is all that held the last time, `times` how often in a row something did.
    """

    def __init__(self) -> None:
        self.known: tuple[T, ...] = ()
        self.times = 0

    def update(self, present: Iterable[T]) -> list[T]:
        """Takes all that holds now; returns, in order, what did not hold the last time."""
        before, self.known = set(self.known), tuple(dict.fromkeys(present))
        self.times = self.times + 1 if self.known else 0
        return [one for one in self.known if one not in before]


def start_logging(*, as_json: bool, debug: bool, quiet: bool = False, colors: bool = False) -> Log:
    """Returns the log, which goes to standard error; a quiet one begins with warnings."""
    renderer: structlog.typing.Processor = structlog.processors.JSONRenderer()
    if not as_json:
        renderer = structlog.dev.ConsoleRenderer(colors=colors, pad_event_to=0)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.DEBUG if debug else logging.WARNING if quiet else logging.INFO
        ),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", _Forgiving(sys.stderr))),
    )
    log: Log = structlog.get_logger()
    return log


class _Forgiving:
    """A stream that loses what cannot be written: no full disk or closed pipe stops the daemon."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        """Writes, or does not."""
        with suppress(OSError, ValueError, AttributeError):
            cast("TextIO", self._stream).write(text)

    def flush(self) -> None:
        """Flushes, or does not."""
        with suppress(OSError, ValueError, AttributeError):
            cast("TextIO", self._stream).flush()


def _values(report: PassReport | FetchReport, names: Iterable[str]) -> dict[str, float]:
    values = {name: getattr(report, name) for name in names}
    return {name: len(one) if isinstance(one, list) else one for name, one in values.items()}


def _details(of: Outcome[PassReport] | Outcome[FetchReport] | Delivery) -> dict[str, str]:
    return {"details": of.details} if of.details else {}


class FetchLog:
    """Logs fetches of images that did something; a failure only when its reason changes."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._reasons = News[str]()
        self._warnings = News[str]()

    def ended(self, outcome: Outcome[FetchReport]) -> None:
        """Logs how a fetch ended."""
        for warning in self._warnings.update(outcome.warnings):
            self._log.warning(warning)
        for reason in self._reasons.update(filter(None, [outcome.reason])):
            self._log.error("images not fetched", reason=reason, **_details(outcome))
        report = outcome.report
        if report and (report.asked or report.removed):
            self._log.info("images", **_values(report, _OF_A_FETCH))


class PassLog:
    """Logs passes: one line each, and what is new about them.

    A failure is logged once when it begins, again only when its reason changes, and once when it is
    over; problems of seeds are logged when they are new.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._reasons = News[str]()
        self._problems = News[Problem]()
        self._left_out = News[tuple[str, int]]()
        self._held = News[HeldReport]()

    @property
    def failing(self) -> str:
        """Why the last pass failed, ``""`` if it did not."""
        return next(iter(self._reasons.known), "")

    def ended(self, outcome: Outcome[PassReport]) -> None:
        """Logs how a pass ended."""
        reason, report = outcome.reason, outcome.report
        if outcome.abandoned:
            self._log.warning("pass abandoned", reason=reason)
            return
        failures = self._reasons.times
        is_new = self._reasons.update([] if report else [reason])
        if report:
            if failures:
                self._log.info("passes succeed again", after_failures=failures)
            self._passed(report)
        elif is_new:
            self._log.error(
                "pass failed; out/ is as it was, the next pass tries again",
                reason=reason,
                **_details(outcome),
            )
        else:
            self._log.debug("pass failed again", reason=reason, times=self._reasons.times)

    def _passed(self, report: PassReport) -> None:
        for problem in self._problems.update(report.problems):
            self._log.warning("problem", where=str(problem))
        for held in self._held.update(report.held):
            self._log.warning(
                "removal pending", folder=held.folder, stories=held.stories, reason=str(held)
            )
        for path in report.written:
            self._log.debug("written", path=path)
        for path in report.removed:
            self._log.debug("removed", path=path)
        left_out = ((feed.address, feed.left_out) for feed in report.feeds if feed.left_out)
        for address, count in self._left_out.update(left_out):
            self._log.warning(
                "recently qualified items were left out (selection.max_exposed)",
                feed=address,
                left_out=count,
            )
        for kind, done in report.workers.items():
            self._log.info("workers", did=kind, workers=len(done), each=done)
        self._log.info("pass", **_values(report, _OF_A_PASS))


class HookLog:
    """Logs commands of `hooks.after_publish` that failed, each once until its reason changes."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._failures = News[str]()

    def ended(self, failures: list[str]) -> None:
        """Logs how a run of the commands ended."""
        before = self._failures.times
        for failure in self._failures.update(failures):
            self._log.error("hook failed", reason=failure)
        if before and not failures:
            self._log.info("hooks succeed again")


class DeliveryLog:
    """Logs deliveries to hubs: a failure when it begins, when its reason changes, when it is over.

    No credentials of hubs show.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._reasons: defaultdict[str, News[str]] = defaultdict(News)
        self._moves: defaultdict[str, News[str]] = defaultdict(News)

    def ended(self, delivery: Delivery) -> None:
        """Logs how a delivery ended."""
        hub = delivery.hub
        log = self._log.bind(hub=shown_url(hub))
        if delivery.moved:
            for place in self._moves[hub].update([delivery.moved]):
                log.warning("the hub has moved, change site.hub", to=place)
        for loss in delivery.losses:
            log.warning("the hub will not be told of a document", loss=loss)
        if delivery.sent:
            log.info("hub told", documents=delivery.sent)
        failures = self._reasons[hub].times
        for reason in self._reasons[hub].update(filter(None, [delivery.error])):
            log.warning(
                "hub not told, will be tried again",
                reason=reason,
                pending=delivery.pending,
                **_details(delivery),
            )
        if failures and not delivery.error:
            log.info("hub takes pings again")
