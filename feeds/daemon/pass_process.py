"""One pass in a process of its own, watched over from outside."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from feeds.common.callbacks import Callbacks, Options
from feeds.common.reports import PassReport
from feeds.common.task import Ended, Say, Task
from feeds.config import Loaded
from feeds.pipeline.hubs import PRELOAD
from feeds.pipeline.run import publish_pass

_TICK_SECONDS = 0.1


class Outcome(NamedTuple):
    """How a pass ended: with a report, or with the reason why there is none.

    `details` is a traceback where the reason is a fault of ours. `abandoned` passes were stopped on
    purpose.
    """

    report: PassReport | None = None
    reason: str = ""
    details: str = ""
    abandoned: bool = False


def run_pass(
    loaded: Loaded,
    warn: Callable[[str], None],
    *,
    timeout: float,
    leave: Callable[[], float | None],
) -> Outcome:
    """Runs a pass and waits for it.

    After `timeout` seconds it is taken to hang, and killed. `leave` is asked all the time: once it
    gives a moment (by `time.monotonic`), the pass has until then to come to its end.
    """
    # Also what is imported on demand elsewhere, or each pass would do that again.
    preload = ("feeds.render.documents", "ftfy", *(PRELOAD if loaded.config.site.hub else ()))
    task = Task(_work, (loaded,), name="feeds pass", timeout=timeout, preload=preload)
    try:
        while True:
            word = task.poll(_TICK_SECONDS)
            if isinstance(word, Ended):
                return _outcome(word, timeout)
            if word:
                warn(word.decode())
            moment = leave()
            if moment is not None and time.monotonic() >= moment:
                return Outcome(reason="stopped before it came to its end", abandoned=True)
    finally:
        task.stop()


def _outcome(ended: Ended, timeout: float) -> Outcome:
    if ended.result is not None:
        return Outcome(msgspec.msgpack.decode(ended.result, type=PassReport))
    if ended.timed_out:
        return Outcome(reason=f"hung for {timeout:.0f} s (schedule.timeout) and was killed")
    return Outcome(reason=ended.reason, details=ended.details)


def _work(say: Say, loaded: Loaded) -> bytes:
    callbacks = Callbacks(warn=lambda text: say(text.encode(errors="backslashreplace")))
    return msgspec.msgpack.encode(publish_pass(loaded, Options(), callbacks))
