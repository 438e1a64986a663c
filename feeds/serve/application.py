"""The RSGI application: what granian calls for every request.

RSGI rather than ASGI, since it costs less (benchmarks/README.md).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from feeds.serve.answers import (
    BROKEN,
    BUSY,
    NOT_FOUND,
    OPTIONS,
    URI_TOO_LONG,
    WRONG_METHOD,
    Answer,
    Request,
    plain,
)
from feeds.serve.kinds import is_browser
from feeds.serve.library import Library
from feeds.serve.media import Stream
from feeds.serve.metrics import Counts
from feeds.serve.query import BadQueryError, Query
from feeds.serve.wire import HTTPProtocol, Scope, send, send_file
from feeds.slugs import QUERY

_LONGEST_TARGET = 8192
# Ready answers: how many, and of requests of at most how many characters.
_MOST_READY = 4096
_LONGEST_KEY = 2048
_MOST_WAITING = 512
_MOST_QUERIES = 64
_HEALTH_SECONDS = 1.0
_QUERIES = {f"{QUERY}.{extension}": extension for extension in ("atom", "rss", "json")}
# What stands for what; browsers look for the icon of a feed that they show in that place.
_ALIASES = {"": "index.html", "favicon.ico": "assets/icon.svg"}

Work = Callable[[], Answer | Stream]


class Application:
    """Answers requests from a library.

    `ready` holds the answers to requests that came before, by all that decides them. A publication,
    or a body that has to leave memory, replaces the whole table; so an answer is entered into the
    table that there was when its making began.
    """

    def __init__(self, library: Library, counts: Counts, failed: Callable[[str], None]) -> None:
        self.library = library
        self._counts = counts
        self._failed = failed
        self._ready: dict[Request, Answer] = {}
        self._workers = ThreadPoolExecutor(4, thread_name_prefix="answer")
        # One thread: it alone uses feedgen, which is not for several.
        self._querier = ThreadPoolExecutor(1, thread_name_prefix="query")
        self._waiting = 0
        self._queries: dict[Request, asyncio.Future[Answer | Stream]] = {}
        self._health: tuple[float, Answer] = (0.0, BUSY)
        library.bodies.on_evict = self.forget

    def forget(self) -> None:
        """Drops all ready answers; from any thread."""
        self._ready = {}

    def close(self) -> None:
        """Lets the threads end."""
        self._workers.shutdown()
        self._querier.shutdown()

    def answer_ready(self, scope: Scope, protocol: HTTPProtocol) -> bool:
        """Answers if the answer is ready; from the one thread that reads requests."""
        answer = self._ready.get(_request_of(scope))
        if answer is None:
            return False
        tally = answer.tally
        tally.requests += 1
        tally.bytes += answer.size
        send(answer, protocol)
        return True

    async def __rsgi__(self, scope: Scope, protocol: HTTPProtocol) -> None:
        request = _request_of(scope)
        answer = await self._answer(request, scope)
        size = 0 if request.method == "HEAD" else answer.size
        if isinstance(answer, Answer):
            self._counts.add(answer.status, answer.form, answer.coding, size)
            send(answer, protocol)
        else:
            self._counts.add(answer.status, "media", "", size)
            send_file(answer, request, protocol)

    async def _answer(self, request: Request, scope: Scope) -> Answer | Stream:
        ready = self._ready
        try:
            answer = await self._make(request, scope)
        except Exception as error:  # noqa: BLE001 (a fault of ours must be told, and stop only this answer)
            self._failed(f"{request.method} {request.path!r}: {type(error).__name__}: {error}")
            answer = BROKEN
        short = sum(len(part) for part in request if isinstance(part, str)) < _LONGEST_KEY
        # A ready answer to HEAD would count a body that is not sent.
        wanted = short and request.method == "GET"
        if wanted and isinstance(answer, Answer) and answer.status in _KEPT and answer.lasting:
            if len(ready) >= _MOST_READY:
                ready.clear()
            self._counts.attach(answer)
            ready[request] = answer
        return answer

    async def _make(self, request: Request, scope: Scope) -> Answer | Stream:
        if request.method not in ("GET", "HEAD"):
            return OPTIONS if request.method == "OPTIONS" else WRONG_METHOD
        if len(request.path) + len(request.query) > _LONGEST_TARGET:
            return URI_TOO_LONG
        library = self.library
        tags = scope.headers.get_all("if-none-match")
        if len(tags) > 1:
            request = request._replace(none_match=", ".join(tags))
        publication = library.publication
        for path in _paths(request.path, library.terms.prefix):
            elsewhere = library.moved(path)
            if elsewhere is not None:
                return elsewhere
            if path in publication.texts:
                return await self._work(lambda path=path: library.text(request, path))  # type: ignore[misc]
            if path in publication.media:
                ranges = scope.headers.get("range"), scope.headers.get("if-range")
                return library.media(request, path, ranges)
            if path == "healthz":
                return await self._healthz()
            if path == QUERY and library.config.serve.query:
                return await self._work(lambda: library.form(request))
            if path in _QUERIES and library.config.serve.query:
                return await self._query(request, _QUERIES[path])
        return next(
            (
                found
                for path in _paths(request.path, library.terms.prefix)
                if (found := library.unknown(path)) is not NOT_FOUND
            ),
            NOT_FOUND,
        )

    async def _work(self, work: Work) -> Answer | Stream:
        if self._waiting >= _MOST_WAITING:
            return BUSY
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._workers, work)
        finally:
            self._waiting -= 1

    async def _query(self, request: Request, extension: str) -> Answer | Stream:
        """Answers a query; all who ask the same at the same time wait for one answer."""
        try:
            query = Query.parse(request.query)
        except BadQueryError as error:
            return plain(400, str(error), ("access-control-allow-origin", "*"))
        same = request._replace(method="GET", path=extension, query=query.canonical())
        future = self._queries.get(same)
        if future is None:
            if len(self._queries) >= _MOST_QUERIES:
                return BUSY
            library = self.library
            future = asyncio.get_running_loop().run_in_executor(
                self._querier, lambda: library.query(request, extension, query)
            )
            self._queries[same] = future
            future.add_done_callback(lambda _: self._queries.pop(same, None))
        return await asyncio.shield(future)

    async def _healthz(self) -> Answer:
        until, answer = self._health
        if time.monotonic() >= until:
            loop = asyncio.get_running_loop()
            answer = await loop.run_in_executor(self._workers, self.library.health)
            self._health = time.monotonic() + _HEALTH_SECONDS, answer
        return answer


# What is worth to be kept ready: the rest costs little, or must not grow a table.
_KEPT = {200, 226, 304}


def _paths(path: str, prefix: str) -> list[str]:
    """Returns what a path may mean below out/: with the path of `site.base_url`, or without."""
    if not path.startswith("/"):
        return [path]  # "*" (RFC 9112, section 3.2.4), which names no file
    found = [path[1:]]
    if prefix != "/" and path.startswith(prefix):
        found.append(path[len(prefix) :])
    return [_ALIASES.get(one, one) for one in found]


def _request_of(scope: Scope) -> Request:
    get = scope.headers.get
    return Request(
        scope.method,
        scope.path,
        scope.query_string,
        get("accept-encoding"),
        get("if-none-match"),
        get("if-modified-since"),
        get("a-im"),
        is_browser(get("accept")),
    )
