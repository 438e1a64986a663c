"""What the daemon writes to its log, by structlog: human lines, or JSON with ``--log-json``."""

from __future__ import annotations

import logging
import sys
from collections import defaultdict
from collections.abc import Hashable, Iterable
from contextlib import suppress
from typing import Generic, TextIO, TypeVar, cast

import structlog

from feeds.common.model import Problem
from feeds.common.reports import HeldReport
from feeds.common.urls import shown_url
from feeds.daemon.processes import FetchEnd, PassResult
from feeds.publish.delivery import Delivery

T = TypeVar("T", bound=Hashable)


class News(Generic[T]):
    """Tells what is new since the last time, so that what stays the same is logged once."""

    def __init__(self) -> None:
        self._known: frozenset[T] = frozenset()

    def update(self, present: Iterable[T]) -> list[T]:
        """Takes all that holds now; returns, in order, what did not hold the last time."""
        now = dict.fromkeys(present)
        new = [one for one in now if one not in self._known]
        self._known = frozenset(now)
        return new


def start_logging(*, as_json: bool, debug: bool) -> structlog.typing.FilteringBoundLogger:
    """Returns the log, which goes to standard error."""
    renderer: structlog.typing.Processor = structlog.processors.JSONRenderer()
    if not as_json:
        renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stderr is not None and sys.stderr.isatty(), pad_event_to=0
        )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.DEBUG if debug else logging.INFO
        ),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", _Forgiving(sys.stderr))),
    )
    log: structlog.typing.FilteringBoundLogger = structlog.get_logger()
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


class FetchLog:
    """Logs fetches of images that did something; a failure only when its reason changes."""

    def __init__(self, log: structlog.typing.FilteringBoundLogger) -> None:
        self._log = log
        self._reasons = News[str]()
        self._warnings = News[str]()

    def ended(self, fetched: FetchEnd) -> None:
        """Logs how a fetch ended."""
        for warning in self._warnings.update(fetched.warnings):
            self._log.warning(warning)
        for reason in self._reasons.update(filter(None, [fetched.reason])):
            details = {"details": fetched.details} if fetched.details else {}
            self._log.error("images not fetched", reason=reason, **details)
        report = fetched.report
        if report and (report.asked or report.removed):
            self._log.info(
                "images",
                seconds=report.seconds,
                asked=report.asked,
                fetched=report.fetched,
                same=report.same,
                missing=report.missing,
                refused=report.refused,
                failed=report.failed,
                left_alone=report.left_alone,
                removed=report.removed,
            )


class PassLog:
    """Logs passes: one line each, and what is new about them.

    A failure is logged once when it begins, again only when its reason changes, and once when it is
    over; problems of seeds are logged when they are new.
    """

    def __init__(self, log: structlog.typing.FilteringBoundLogger) -> None:
        self._log = log
        self._failures = 0
        self._reason = ""
        self._problems = News[Problem]()
        self._left_out = News[tuple[str, int]]()
        self._held = News[HeldReport]()

    @property
    def failing(self) -> str:
        """Why the last pass failed, ``""`` where it did not."""
        return self._reason

    def ended(self, outcome: PassResult) -> None:
        """Logs how a pass ended."""
        if outcome.abandoned:
            self._log.warning("pass abandoned", reason=outcome.reason)
        elif outcome.report is None:
            self._failed(outcome)
        else:
            self._recovered()
            self._passed(outcome)

    def _failed(self, outcome: PassResult) -> None:
        self._failures += 1
        if outcome.reason == self._reason:
            self._log.debug("pass failed again", reason=outcome.reason, times=self._failures)
            return
        self._reason = outcome.reason
        details = {"details": outcome.details} if outcome.details else {}
        self._log.error(
            "pass failed; out/ is as it was, the next pass tries again",
            reason=outcome.reason,
            **details,
        )

    def _recovered(self) -> None:
        if self._failures:
            self._log.info("passes succeed again", after_failures=self._failures)
        self._failures, self._reason = 0, ""

    def _passed(self, outcome: PassResult) -> None:
        report = outcome.report
        if report is None:
            return
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
                "more items qualified lately than selection.max_exposed lets in",
                feed=address,
                left_out=count,
            )
        self._log.info(
            "pass",
            seconds=report.seconds,
            seeds=report.seeds,
            read=report.read,
            changed=report.changed,
            gone=report.gone,
            bad=report.bad,
            feeds=len(report.feeds),
            written=len(report.written),
            removed=len(report.removed),
        )


class DeliveryLog:
    """Logs deliveries to hubs: a failure when it begins, when its reason changes, when it is over.

    No credentials of hubs show.
    """

    def __init__(self, log: structlog.typing.FilteringBoundLogger) -> None:
        self._log = log
        self._failing: set[str] = set()
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
            log.warning("a document that the hub is not told of", loss=loss)
        if delivery.sent:
            log.info("hub told", documents=delivery.sent)
        for reason in self._reasons[hub].update(filter(None, [delivery.error])):
            details = {"details": delivery.details} if delivery.details else {}
            log.warning(
                "hub not told, to be tried again",
                reason=reason,
                pending=delivery.pending,
                **details,
            )
        if delivery.error:
            self._failing.add(hub)
        elif hub in self._failing:
            self._failing.remove(hub)
            log.info("hub is told again")
