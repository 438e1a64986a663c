"""The daemon's fetch of images: beside the passes, in a process of its own."""

from __future__ import annotations

import traceback
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

import msgspec

from feeds.config import Loaded
from feeds.errors import FeedsError
from feeds.fetching import FetchOptions, fetch_images
from feeds.passes import Ears
from feeds.processes import begin_worker, fork_context
from feeds.report import FetchReport

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerProcess


class Fetched(msgspec.Struct, frozen=True):
    """How a fetch ended: with a report, or with the reason why there is none.

    `details` is a traceback where the reason is a fault of ours.
    """

    report: FetchReport | None = None
    warnings: tuple[str, ...] = ()
    reason: str = ""
    details: str = ""


class FetchJob:
    """One fetch at a time, which is started, asked for its end, and stopped at any moment.

    It is stopped by a kill: the cache and the store are safe against that (see `feeds.fetching`).
    """

    def __init__(self) -> None:
        self._process: ForkServerProcess | None = None
        self._here: Connection | None = None

    @property
    def running(self) -> bool:
        """Whether a fetch is under way."""
        return self._process is not None

    def start(self, loaded: Loaded) -> None:
        """Starts a fetch; does nothing while one is under way, or where no process can be made."""
        if self._process:
            return
        context = fork_context([__name__])
        here, there = context.Pipe(duplex=False)
        process = context.Process(target=_work, args=(loaded, there), name="feeds fetch")
        try:
            process.start()
        except (EOFError, OSError):  # the server that processes come from was killed: next time
            here.close()
        else:
            self._process, self._here = process, here
        finally:
            there.close()

    def ended(self) -> Fetched | None:
        """Returns how the fetch ended, once; None while it goes on, or where there is none."""
        if self._here is None or not self._here.poll():
            return None
        try:
            fetched = msgspec.msgpack.decode(self._here.recv_bytes(), type=Fetched)
        except EOFError:
            fetched = Fetched(reason="the process died")
        self.stop()
        return fetched

    def stop(self) -> None:
        """Ends the fetch, if there is one."""
        if self._process is None or self._here is None:
            return
        self._here.close()
        self._process.kill()
        self._process.join()
        self._process.close()
        self._process = self._here = None


def _work(loaded: Loaded, there: Connection) -> None:
    begin_worker()
    warnings: list[str] = []
    try:
        # Whoever fetches already does the same work; what is left is for the next time.
        report = fetch_images(loaded, FetchOptions(wait=0), Ears(warn=warnings.append))
        fetched = Fetched(report, tuple(warnings))
    except FeedsError as error:
        fetched = Fetched(warnings=tuple(warnings), reason=str(error))
    except Exception as error:  # noqa: BLE001 (a fault of ours must be told, and stop only this fetch)
        reason = f"{type(error).__name__}: {error}"
        fetched = Fetched(warnings=tuple(warnings), reason=reason, details=traceback.format_exc())
    there.send_bytes(msgspec.msgpack.encode(fetched))
