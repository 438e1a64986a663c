"""One pass in a process of its own, watched over from outside."""

from __future__ import annotations

import signal
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import NamedTuple

import msgspec

from feeds.config import Loaded
from feeds.errors import FeedsError
from feeds.passes import Ears, Options
from feeds.pipeline import publish_pass
from feeds.processes import begin_worker, fork_context
from feeds.push.jobs import PRELOAD
from feeds.report import PassReport

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


class _Message(msgspec.Struct):
    warning: str = ""
    report: PassReport | None = None
    reason: str = ""
    details: str = ""


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
    preload = [__name__, "feeds.render.documents", "ftfy"]
    context = fork_context([*preload, *(PRELOAD if loaded.config.site.hub else ())])
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(loaded, there), name="feeds pass")
    try:
        process.start()
    except (EOFError, OSError) as error:  # the server that processes come from was killed
        here.close()
        there.close()
        return Outcome(reason=f"could not be started: {error!r}")
    there.close()
    deadline = time.monotonic() + timeout
    try:
        while True:
            if here.poll(_TICK_SECONDS):
                try:
                    message = msgspec.msgpack.decode(here.recv_bytes(), type=_Message)
                except EOFError:
                    process.join()
                    return Outcome(reason=_death(process.exitcode))
                if not message.warning:
                    return Outcome(message.report, message.reason, message.details)
                warn(message.warning)
            moment = leave()
            if moment is not None and time.monotonic() >= moment:
                process.kill()
                return Outcome(reason="stopped before it came to its end", abandoned=True)
            if time.monotonic() >= deadline:
                process.kill()
                reason = f"hung for {timeout:.0f} s (schedule.timeout) and was killed"
                return Outcome(reason=reason)
    finally:
        here.close()
        if process.is_alive():
            process.join(timeout=1)
        if process.is_alive():
            process.kill()
        process.join()
        process.close()


def _death(code: int | None) -> str:
    if code is not None and code < 0:
        known = {one.value: one.name for one in signal.Signals}
        return f"was killed by {known.get(-code, f'signal {-code}')}"
    return f"died with exit code {code}"


def _work(loaded: Loaded, there: Connection) -> None:
    begin_worker()

    def send(message: _Message) -> None:
        there.send_bytes(msgspec.msgpack.encode(message))

    try:
        ears = Ears(warn=lambda text: send(_Message(warning=text)))
        send(_Message(report=publish_pass(loaded, Options(), ears)))
    except FeedsError as error:
        send(_Message(reason=str(error)))
    except Exception as error:  # noqa: BLE001 (a fault of ours must be told, and stop only this pass)
        send(_Message(reason=f"{type(error).__name__}: {error}", details=traceback.format_exc()))
