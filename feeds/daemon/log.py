"""The log of the daemon, by structlog: what passes, fetches, hooks and deliveries did."""

from __future__ import annotations

import logging
import sys
from collections import defaultdict
from collections.abc import Hashable, Iterable
from contextlib import suppress
from typing import Any, TextIO, TypeVar, cast

import structlog

from feeds.common.reports import FetchReport, PassReport
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

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        """Writes, or does not."""
        with suppress(OSError, ValueError, AttributeError):  # there may be no stream at all
            self._stream.write(text)

    def flush(self) -> None:
        """Flushes, or does not."""
        with suppress(OSError, ValueError, AttributeError):
            self._stream.flush()


class DaemonLog:
    """Logs what passes, fetches, hooks and deliveries did.

    Problems are logged when they are new; a failure when it begins, when its reason changes, and
    when it is over. No credentials of hubs show.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._known: dict[str, tuple[Any, ...]] = {}
        self._failures: defaultdict[str, int] = defaultdict(int)

    @property
    def failing(self) -> str:
        """Why the last pass failed, ``""`` if it did not."""
        return next(iter(self._known.get("pass", ())), "")

    def _new(self, kind: str, present: Iterable[T]) -> list[T]:
        """Takes all that holds now; returns, in order, what did not hold the last time."""
        before, self._known[kind] = self._known.get(kind, ()), tuple(dict.fromkeys(present))
        self._failures[kind] = self._failures[kind] + 1 if self._known[kind] else 0
        return [one for one in self._known[kind] if one not in set(before)]

    def passed(self, outcome: Outcome[PassReport]) -> None:
        """Logs how a pass ended."""
        reason, report = outcome.reason, outcome.report
        if outcome.abandoned:
            self._log.warning("pass abandoned", reason=reason)
            return
        failures = self._failures["pass"]
        is_new = self._new("pass", [] if report else [reason])
        if report:
            if failures:
                self._log.info("passes succeed again", after_failures=failures)
            self._published(report)
        elif is_new:
            text = "pass failed; out/ is as it was, the next pass tries again"
            self._log.error(text, reason=reason, **_details(outcome))
        else:
            self._log.debug("pass failed again", reason=reason, times=self._failures["pass"])

    def _published(self, report: PassReport) -> None:
        warn = self._log.warning
        for problem in self._new("problem", report.problems):
            warn("problem", where=str(problem))
        for held in self._new("held", report.held):
            warn("removal pending", folder=held.folder, stories=held.stories, reason=str(held))
        for path in report.written:
            self._log.debug("written", path=path)
        for path in report.removed:
            self._log.debug("removed", path=path)
        left_out = ((feed.address, feed.left_out) for feed in report.feeds if feed.left_out)
        for address, count in self._new("left out", left_out):
            text = "recently qualified items were left out (selection.max_exposed)"
            warn(text, feed=address, left_out=count)
        for kind, done in report.workers.items():
            self._log.info("workers", did=kind, workers=len(done), each=done)
        self._log.info("pass", **_values(report, _OF_A_PASS))

    def fetched(self, outcome: Outcome[FetchReport]) -> None:
        """Logs how a fetch of images ended, if it did something."""
        for warning in self._new("fetch warning", outcome.warnings):
            self._log.warning(warning)
        for reason in self._new("fetch", filter(None, [outcome.reason])):
            self._log.error("images not fetched", reason=reason, **_details(outcome))
        report = outcome.report
        if report and (report.asked or report.removed):
            self._log.info("images", **_values(report, _OF_A_FETCH))

    def hooked(self, failures: list[str]) -> None:
        """Logs how a run of the commands of `hooks.after_publish` ended."""
        before = self._failures["hook"]
        for failure in self._new("hook", failures):
            self._log.error("hook failed", reason=failure)
        if before and not failures:
            self._log.info("hooks succeed again")

    def delivered(self, delivery: Delivery) -> None:
        """Logs how a delivery to a hub ended."""
        hub = delivery.hub
        log = self._log.bind(hub=shown_url(hub))
        if delivery.moved:
            for place in self._new(f"moved {hub}", [delivery.moved]):
                log.warning("the hub has moved, change site.hub", to=place)
        for loss in delivery.losses:
            log.warning("the hub will not be told of a document", loss=loss)
        if delivery.sent:
            log.info("hub told", documents=delivery.sent)
        failures, text = self._failures[f"hub {hub}"], "hub not told, will be tried again"
        for reason in self._new(f"hub {hub}", filter(None, [delivery.error])):
            log.warning(text, reason=reason, pending=delivery.pending, **_details(delivery))
        if failures and not delivery.error:
            log.info("hub takes pings again")


def _values(report: PassReport | FetchReport, names: Iterable[str]) -> dict[str, float]:
    values = {name: getattr(report, name) for name in names}
    return {name: len(one) if isinstance(one, list) else one for name, one in values.items()}


def _details(of: Outcome[PassReport] | Outcome[FetchReport] | Delivery) -> dict[str, str]:
    return {"details": of.details} if of.details else {}
