"""The report of a pass."""

from __future__ import annotations

import os
import time

from feeds.common.model import Problem
from feeds.common.protocols import REPORT
from feeds.common.reports import HeldReport, PassReport, feed_report
from feeds.pipeline.context import Pass
from feeds.pipeline.fetch import next_fetch
from feeds.pipeline.output import Output
from feeds.pipeline.rescan import Changes
from feeds.seeds.scan import display_path
from feeds.store import Store


def problems_of(store: Store, changes: Changes) -> list[Problem]:
    """Returns the problems of all paths and seeds; of a path that is no file only that."""
    paths = {problem.path for problem in changes.problems}
    of_seeds = (problem for problem in store.seed_problems() if problem.path not in paths)
    return sorted([*changes.problems, *of_seeds])


def keep_report(run: Pass, changes: Changes, output: Output) -> PassReport:
    """Returns the report of a pass, and keeps it in the store."""
    store, config = run.store, run.config
    problems = problems_of(store, changes)
    report = PassReport(
        started=run.started,
        seconds=round(time.monotonic() - run.began_s, 3),
        out=os.fsencode(run.out).decode(errors="backslashreplace"),
        dry_run=run.options.dry_run,
        seeds=changes.seeds,
        read=changes.read,
        changed=changes.changed,
        gone=changes.gone,
        bad=len({problem.path for problem in problems if problem.severity == "error"}),
        items=store.item_count(),
        unchanged=output.unchanged,
        written=list(output.written),
        removed=list(output.removed),
        feeds=[feed_report(one, config.site.base_url) for one in output.feeds],
        problems=sorted([*problems, *output.duplicates]),
        images_added=output.images_added,
        images_removed=output.images_removed,
        next_fetch=next_fetch(store, config),
        pings=store.ping_count(),
        held=[
            HeldReport(display_path(folder, str(run.base)), count)
            for folder, count in store.held_stories()
        ],
    )
    store.set_meta(REPORT, report)
    return report
