"""The RSGI application: what granian calls for every request, and the turns of queries.

RSGI rather than ASGI, since it costs less (benchmarks/README.md).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from granian._granian import RSGIHTTPProtocol
from granian.rsgi import Scope

from feeds.common.slugs import QUERY
from feeds.serve import messages
from feeds.serve.access_log import AccessLog
from feeds.serve.content import Content
from feeds.serve.messages import BUSY, Answer, Request, Stream, redirect, send
from feeds.serve.monitoring import Counts, health_answer
from feeds.serve.negotiation import header_lines, request_of
from feeds.serve.query import BadQueryError, Query, format_of
from feeds.serve.responses import answer_media

_LONGEST_TARGET = 8192
# The limits of a table of ready answers: how many, and how many characters a request may have.
_MOST_READY = 4096
_LONGEST_KEY = 2048
# Answers with these statuses are kept ready; others cost little, or would fill the table.
_KEPT = {200, 226, 304}
_MOST_WAITING = 512
_MOST_QUERIES = 128
# Subscribers of a query are noted when its answer is made, so a ready one must be made again.
_READY_QUERIES_S = 600
# All monitors that ask within this time get one answer, so that many of them cost little.
_HEALTH_S = 1.0
# The formats by path; at /query itself the client chooses.
_QUERIES = {QUERY: "", **{f"{QUERY}.{name}": name for name in ("atom", "rss", "json")}}
# Browsers ask for /favicon.ico when they show a feed itself.
_ALIASES = {"": "index.html", "favicon.ico": "assets/icon.svg"}


class Application:
    """Answers requests with content; `failed` is called with a message for each fault of ours.

    `_ready` holds the answers to earlier requests. A new publication, or a body that memory has
    no room for, replaces the whole table; so an answer is put into the table that was there when
    the request came. Queries have a table of their own, so that many of them never drop documents.
    """

    def __init__(self, content: Content, counts: Counts, failed: Callable[[str], None]) -> None:
        self.content = content
        self.log: AccessLog | None = None
        self._counts = counts
        self._failed = failed
        self._queries_until = self._health_until = 0.0
        self._workers = ThreadPoolExecutor(4, thread_name_prefix="answer")
        self._turns = Turns(_MOST_QUERIES)
        self._waiting = 0
        self._health: asyncio.Future[Answer] | None = None
        content.bodies.on_evict = self._forget_documents
        content.results.on_evict = self._forget_queries
        self.forget()

    def forget(self) -> None:
        """Drops all ready answers; may be called from any thread."""
        self._forget_documents()
        self._forget_queries()

    def _forget_documents(self) -> None:
        self._ready: dict[Request, Answer] = {}

    def _forget_queries(self) -> None:
        self._ready_queries: dict[Request, Answer] = {}

    def close(self) -> None:
        """Ends the threads after the work that they are doing; writes what is left of the log."""
        self._workers.shutdown()
        self._turns.close()
        if self.log is not None:
            self.log.close()

    def answer_ready(self, scope: Scope, protocol: RSGIHTTPProtocol) -> bool:
        """Sends the answer if it is ready, and tells whether it was; for the thread that reads."""
        request = request_of(scope)
        answer = self._ready.get(request)
        if answer is None and time.monotonic() < self._queries_until:
            answer = self._ready_queries.get(request)
        if answer is None:
            return False
        self._send(answer, request, scope, protocol)
        return True

    async def __rsgi__(self, scope: Scope, protocol: RSGIHTTPProtocol) -> None:
        request = request_of(scope)
        self._send(await self._answer(request, scope), request, scope, protocol)

    def _send(
        self, answer: Answer | Stream, request: Request, scope: Scope, protocol: RSGIHTTPProtocol
    ) -> None:
        size = 0 if request.method == "HEAD" else answer.size
        self._counts.add(answer, size)
        send(answer, request, protocol)
        if self.log is not None:
            self.log.note(scope, request, answer.status, size)

    async def _answer(self, request: Request, scope: Scope) -> Answer | Stream:
        """Returns the answer to a request, and keeps it ready if it may be sent again."""
        paths, ready = _paths(request.path, self.content.policy.prefix), self._ready
        if not _QUERIES.keys().isdisjoint(paths):
            if time.monotonic() >= self._queries_until:
                self._forget_queries()
                self._queries_until = time.monotonic() + _READY_QUERIES_S
            ready = self._ready_queries
        try:
            answer = await self._make(request, paths, scope)
        except Exception as error:  # noqa: BLE001 (a fault of ours is logged, and costs this answer only)
            self._failed(f"{request.method} {request.path!r}: {type(error).__name__}: {error}")
            return messages.BROKEN
        short = sum(len(part) for part in request if isinstance(part, str)) < _LONGEST_KEY
        wanted = short and request.method == "GET"
        if wanted and isinstance(answer, Answer) and answer.status in _KEPT and answer.lasting:
            if len(ready) >= _MOST_READY:
                ready.clear()
            ready[request] = answer
        return answer

    async def _make(self, request: Request, paths: list[str], scope: Scope) -> Answer | Stream:
        if not request.host:
            return messages.BAD_HOST
        if request.method not in ("GET", "HEAD"):
            return messages.OPTIONS if request.method == "OPTIONS" else messages.WRONG_METHOD
        if len(request.path) + len(request.query) > _LONGEST_TARGET:
            return messages.URI_TOO_LONG
        content = self.content
        publication = content.publication
        for path in paths:
            elsewhere = content.moved(path)
            if elsewhere is not None:
                return elsewhere
            if path in publication.texts:
                return await self._text(request, path)
            if path in publication.media:
                out, max_age_s = content.config.paths.out, content.policy.max_age_s
                return answer_media(out, path, request, max_age_s)
            if path == "healthz":
                return await self._shared_health()
            if path in _QUERIES and content.config.serve.query:
                return await self._query(request, _QUERIES[path], scope)
        is_gone = not content.retired.isdisjoint(paths)
        return messages.GONE if is_gone else content.lost(request)

    async def _text(self, request: Request, path: str) -> Answer:
        if self._waiting >= _MOST_WAITING:
            return BUSY
        self._waiting += 1
        try:
            work = partial(self.content.text, request, path)
            return await asyncio.get_running_loop().run_in_executor(self._workers, work)
        finally:
            self._waiting -= 1

    async def _shared_health(self) -> Answer:
        now, last = time.monotonic(), self._health
        if last is None or (last.done() and (now >= self._health_until or last.exception())):
            loop = asyncio.get_running_loop()
            self._health = last = loop.run_in_executor(self._workers, health_answer, self.content)
            self._health_until = now + _HEALTH_S
        return await asyncio.shield(last)

    async def _query(self, request: Request, extension: str, scope: Scope) -> Answer:
        """Answers with a query feed or the page of a search, when the client's turn comes."""
        text, pages = request.query, self.content.config.site.pages
        if not extension:
            extension, text = format_of(text, browser=request.browser)
            if extension == "html" and not pages:
                extension = "atom"
        try:
            query = Query.parse(text)
        except BadQueryError as error:
            work, canonical = partial(self.content.faulty_query, request, error), text
        else:
            # A form sends its empty fields, too, and people copy the address that they see.
            if extension == "html" and text == request.query and not query.is_address(text):
                return redirect(f"{QUERY}?{query.address()}".rstrip("?"))
            work = partial(self.content.query, request, extension, query)
            canonical = query.canonical()
        same = request._replace(method="GET", path=extension, query=canonical)
        forwarded = header_lines(scope, "x-forwarded-for")
        client = self.content.policy.proxies.client_of(scope.client, forwarded)
        return await self._turns.take(client, same, work)


def _paths(path: str, prefix: str) -> list[str]:
    """Returns the paths below out/ that a request may mean, since a proxy may cut `prefix`."""
    if not path.startswith("/"):
        return [path]  # "*" (RFC 9112, section 3.2.4), which names no file
    found = [path[1:]]
    if prefix != "/" and path.startswith(prefix):
        found.append(path[len(prefix) :])
    return [_ALIASES.get(one, one) for one in found]


class Turns:
    """A queue of work per client, done in turns by one thread.

    So a client that asks for much delays only itself. At most `most` pieces of work wait. When they
    are too many, the last of the client with the longest queue makes room for a client with a
    shorter one, and is answered with 503. Use it from the thread of the event loop only.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        # One thread, since feedgen may be used by one only.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="query")
        # What waits, by client in the order of their turns; and the answers to all of it.
        self._queues: dict[str, dict[Request, Callable[[], Answer]]] = {}
        self._answers: dict[Request, asyncio.Future[Answer]] = {}
        self._serving: asyncio.Task[None] | None = None

    async def take(self, client: str, key: Request, work: Callable[[], Answer]) -> Answer:
        """Does work in the thread when the client's turn comes; returns `BUSY` without room.

        Clients that ask with the same key, that of all requests with one answer, while the work
        waits or is done share it: it is done at the first turn of any of them.
        """
        loop = asyncio.get_running_loop()
        is_begun = key in self._answers and not self._is_waiting(key)
        if not is_begun and key not in self._queues.get(client, {}):
            if self._make_room(client):
                self._queues.setdefault(client, {})[key] = work
            elif key not in self._answers:
                return BUSY
        answer = self._answers.setdefault(key, loop.create_future())
        if self._serving is None:
            self._serving = loop.create_task(self._serve())
        return await asyncio.shield(answer)

    def close(self) -> None:
        """Ends the thread after the work that it is doing."""
        self._thread.shutdown()

    def _is_waiting(self, key: Request) -> bool:
        return any(key in queue for queue in self._queues.values())

    def _make_room(self, client: str) -> bool:
        if sum(map(len, self._queues.values())) < self._most:
            return True
        name, longest = max(self._queues.items(), key=lambda item: len(item[1]))
        if len(longest) <= len(self._queues.get(client, ())) + 1:
            return False
        last = next(reversed(longest))
        self._remove(name, last)
        if not self._is_waiting(last):
            self._answers.pop(last).set_result(BUSY)
        return True

    def _remove(self, client: str, key: Request) -> None:
        self._queues[client].pop(key, None)
        if not self._queues[client]:
            del self._queues[client]

    async def _serve(self) -> None:
        """Does work, one piece of each client in turn, until none waits."""
        loop = asyncio.get_running_loop()
        while self._queues:
            client, queue = next(iter(self._queues.items()))
            self._queues[client] = self._queues.pop(client)  # its next turn is the last
            key, work = next(iter(queue.items()))
            for one in tuple(self._queues):
                self._remove(one, key)
            try:
                self._answers[key].set_result(await loop.run_in_executor(self._thread, work))
            except Exception as error:  # noqa: BLE001 (raised in who awaits the answer)
                self._answers[key].set_exception(error)
            del self._answers[key]
        self._serving = None
