"""Spreads work over the workers of a Dask cluster; no other module imports `distributed`.

The scheduler hands on pickles that neither it nor a worker's own threads open. An error of the work
is part of an answer, so what Dask itself raises tells of the cluster. Lost chunks go out again.
"""

from __future__ import annotations

import pickle
import re
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import CancelledError, Future, wait
from contextlib import suppress
from functools import cache, partial
from importlib.util import find_spec
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from feeds import __version__
from feeds.common.errors import ConfigError, WorkerError
from feeds.common.interrupts import uninterrupted
from feeds.common.workers import WORKER_KILLED, Engine, answer

if TYPE_CHECKING:
    from distributed import Client

T = TypeVar("T")

# So many chunks wait for each thread of a worker, or have results that wait.
_AHEAD = 4
# The scheduler gives up a chunk after its worker died four times, though another chunk may have
# killed it. A chunk that was given up this often is taken to be the cause.
_ATTEMPTS = 4
_LOOK_SECONDS = 0.1
# How often to ask which workers there are, and how long the scheduler may take to say so.
_ASK_SECONDS, _ANSWER_SECONDS = 1.0, 5.0
_NAME = re.compile(r"[\w.-]+", re.ASCII)
# Rapidyaml wants no other thread beside it (`feeds.seeds.quick_reader`).
_one_at_a_time = threading.Lock()


class ClusterAddress(NamedTuple):
    """Where a scheduler is, and how it is spoken to.

    For `no_workers_s` seconds there may be no scheduler or no worker. The files, in PEM, are those
    of the authority, of our certificate and of its key; empty without TLS.
    """

    address: str
    no_workers_s: float
    ca: str = ""
    certificate: str = ""
    key: str = ""


class ChunkDone(NamedTuple):
    """What a worker made of a chunk: a result, an error, or the versions that it has instead."""

    worker: str
    result: bytes | None = None
    error: Exception | None = None
    versions: dict[str, str] | None = None


class Owed(NamedTuple):
    """A chunk that was handed out to the workers of a client."""

    client: Client
    payload: bytes
    size: int
    future: Future[ChunkDone]


@cache
def cluster_at(address: ClusterAddress) -> Cluster:
    """Returns the cluster at an address; this process has one client of each.

    Raises:
        ConfigError: distributed is not installed.
    """
    if find_spec("distributed") is None:
        needs = 'needs distributed: install it with pip install "feeds[dask]"'
        raise ConfigError([f'engine.kind = "dask" {needs}'])
    return Cluster(address)


class Cluster:
    """A Dask cluster, and the client that stays connected to it from the first work on.

    `counts` says how many members each worker did, by its name, of each kind of work.
    """

    def __init__(self, address: ClusterAddress) -> None:
        self._address = address
        self._client: Client | None = None
        self._threads = 1
        self._alive_s = self._asked_s = 0.0
        self.counts: dict[str, Counter[str]] = {}

    def doing(self, kind: str) -> Engine:
        """Returns the engine for one kind of work, and counts from zero."""
        self.counts[kind] = Counter()
        return partial(self._spread, kind)

    def done(self) -> dict[str, dict[str, int]]:
        """Returns the counts, without kinds of work that were not spread."""
        return {kind: dict(sorted(one.items())) for kind, one in self.counts.items() if one}

    def _spread(
        self, kind: str, work: Callable[[list[T]], bytes], source: Iterator[T], chunk: int
    ) -> Generator[bytes]:
        owed: deque[Owed] = deque()
        self._alive_s = time.monotonic()
        try:
            while True:
                while len(owed) <= _AHEAD * self._threads and (part := list(islice(source, chunk))):
                    owed.append(self._hand_out(pickle.dumps(Call(work, part)), len(part)))
                if not owed:
                    return
                done = self._answer(owed)
                self.counts[kind][done.worker] += owed.popleft().size
                if done.error:
                    raise done.error
                yield done.result or b""
        finally:
            if owed:  # the scheduler forgets all that this client wanted
                self.close()

    def close(self) -> None:
        """Ends the connection; the next work makes another one."""
        client, self._client = self._client, None
        if client:
            with uninterrupted(), suppress(OSError, RuntimeError, TimeoutError):
                client.close(timeout=_ANSWER_SECONDS)

    def _answer(self, owed: deque[Owed]) -> ChunkDone:
        """Waits for the answer to the first chunk, which is handed out again if it was lost."""
        killed = 0
        while True:
            first = owed[0]
            with uninterrupted():
                is_done = bool(wait([first.future], _LOOK_SECONDS).done)
            if not is_done and first.client is self._client:
                self._ask(first.client)
                continue
            done = self._taken(first) if is_done else None
            if isinstance(done, ChunkDone):
                return done
            killed += done is not None
            if killed == _ATTEMPTS:
                raise WorkerError(WORKER_KILLED.format("a Dask worker"))
            owed[0] = self._hand_out(first.payload, first.size)

    def _taken(self, owed: Owed) -> ChunkDone | Exception | None:
        """Returns an answer, the error if it killed workers, None if it was lost on the way."""
        from distributed import KilledWorker

        try:
            done = owed.future.result()
        except KilledWorker as error:
            return error
        except (CancelledError, OSError):  # of the connection: TimeoutError is one of these
            return None
        except Exception as error:  # noqa: BLE001 (whatever a worker without our modules raises)
            raise WorkerError(
                f"the Dask cluster at {self._address.address} cannot do the work of feeds "
                f"{__version__} ({type(error).__name__}: {error}): have all workers run the same "
                "version of feeds as this machine. Nothing was published."
            ) from None
        self._alive_s = time.monotonic()
        if done.versions is not None:
            what = f"the Dask worker {done.worker} has {differences(done.versions)}"
            advice = "have all workers run what this machine runs. Nothing was published."
            raise WorkerError(f"{what}: {advice}")
        return done

    def _hand_out(self, payload: bytes, size: int) -> Owed:
        while True:
            client = self._connected()
            with uninterrupted(), suppress(OSError, RuntimeError):
                future = client.submit(pickle.loads, payload, pure=False)
                return Owed(client, payload, size, _result_of(client, future))
            self.close()

    def _connected(self) -> Client:
        """Returns a client that is connected, to the scheduler that is there now."""
        while not self._client or self._client.status != "running":
            self.close()
            rest = self._alive_s + self._address.no_workers_s - time.monotonic()
            try:
                with uninterrupted():
                    self._client = _connect(self._address, max(1, min(rest, _ANSWER_SECONDS)))
                    return self._client
            except OSError as error:  # TimeoutError is one of these
                cause = error.__cause__ or error
                reason = str(cause) or type(cause).__name__
                self._give_up_in_time(f"no Dask scheduler answers at {{}} ({reason})")
                time.sleep(_LOOK_SECONDS)
        return self._client

    def _ask(self, client: Client) -> None:
        """Asks now and then which workers there are."""
        if time.monotonic() < self._asked_s + _ASK_SECONDS:
            return
        threads = 0
        with uninterrupted(), suppress(OSError, RuntimeError, TimeoutError):
            threads = sum(client.nthreads(callback_timeout=_ANSWER_SECONDS).values())
        self._asked_s = time.monotonic()
        if threads:
            self._threads, self._alive_s = threads, self._asked_s
        else:
            self._give_up_in_time("the Dask scheduler at {} has no workers")

    def _give_up_in_time(self, reason: str) -> None:
        limit = self._address.no_workers_s
        if time.monotonic() - self._alive_s >= limit:
            raise WorkerError(
                f"{reason.format(self._address.address)}, for {limit:.0f} s (engine.no_workers); "
                "nothing was published. Start some and try again."
            )


def _result_of(client: Client, future: Any) -> Future[ChunkDone]:
    """Returns a future of Python's own kind that ends whatever happens to the connection.

    Those of `client.get_executor` do not: one that is lost in the midst of its answer never ends.
    """
    import asyncio  # on demand, as distributed: most passes have no work for a cluster

    loop: Any = client.loop

    async def result() -> ChunkDone:
        done: ChunkDone = await client.gather(future, asynchronous=True)
        return done

    return asyncio.run_coroutine_threadsafe(result(), loop.asyncio_loop)


def _connect(address: ClusterAddress, timeout_s: float) -> Client:
    import logging

    from distributed import Client
    from distributed.security import Security

    # What Dask has to say of lost connections and workers is found out, and said, here.
    for name in ("distributed", "distributed.client", "distributed.core", "distributed.comm"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    pem = {"ca_file": address.ca, "client_cert": address.certificate, "client_key": address.key}
    files = {f"tls_{name}": file for name, file in pem.items()}
    security = Security(require_encryption=True, **files) if address.ca else None
    named = {"name": "feeds", "security": security}
    return Client(address.address, timeout=timeout_s, set_as_default=False, **named)


@cache
def versions() -> dict[str, str]:
    """Returns the versions of all that decides bytes: of feeds, Python and what feeds needs."""
    from importlib import metadata  # on demand: most passes have no work for a cluster

    found = {"feeds": __version__, "Python": f"{sys.version_info[0]}.{sys.version_info[1]}"}
    with suppress(metadata.PackageNotFoundError):
        for wanted in metadata.requires("feeds") or ():
            if (name := _NAME.match(wanted)) and "extra ==" not in wanted:
                found[name[0]] = metadata.version(name[0])
    return found


class Call:
    """Work on a chunk, which is done when its pickle is read; that returns a `ChunkDone`.

    So a worker without our modules fails at this chunk only: it dies of functions that it lacks.
    """

    def __init__(self, work: Callable[[list[Any]], bytes], part: list[Any]) -> None:
        self._payload = pickle.dumps((work, part), pickle.HIGHEST_PROTOCOL)

    def __reduce__(self) -> tuple[Callable[..., ChunkDone], tuple[dict[str, str], bytes]]:
        return _do_chunk, (versions(), self._payload)


def _do_chunk(wanted: dict[str, str], payload: bytes) -> ChunkDone:
    """Does the work on a chunk; this runs on a worker."""
    from distributed import get_worker

    worker = str(get_worker().name)
    if versions() != wanted:
        return ChunkDone(worker, versions=versions())
    with _one_at_a_time:
        return ChunkDone(worker, *answer(*pickle.loads(payload)))  # noqa: S301 (the coordinator's)


def differences(theirs: dict[str, str]) -> str:
    """Returns what of these versions is not as here, for people."""
    ours, none = versions(), "not installed"
    pairs = ((name, theirs.get(name, none), ours.get(name, none)) for name in {**ours, **theirs})
    return ", ".join([f"{name} {one} (here {two})" for name, one, two in pairs if one != two][:3])
