"""Holds all that is served; keeps it up to date with out/, the state file and the configuration."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from feeds.common.archives import Archive
from feeds.common.errors import PublishError
from feeds.common.files import Fingerprint
from feeds.common.media import kind_of
from feeds.common.reports import PassReport
from feeds.common.store_protocols import ARCHIVES, MOVES, NOINDEX, REPORT
from feeds.config import Config
from feeds.publish.manifest import MANIFEST
from feeds.render.context import up_from
from feeds.serve import messages, publication
from feeds.serve.messages import IDENTITY, NO_STORE, Answer, BodyCache, Request
from feeds.serve.negotiation import CODINGS
from feeds.serve.publication import NOTHING, Deltas, Publication, PublishedText, ReplacedError
from feeds.serve.query import BadQueryError, Query
from feeds.serve.responses import ROBOTS, CachePolicy, TextFile, answer_text
from feeds.store import Store
from feeds.store.search import TooLongError
from feeds.store.server_files import Versions, state_fingerprint, with_state

if TYPE_CHECKING:
    from feeds.serve.query_feeds import QueryFeeds

_TRIES = 3
# The part of `serve.memory` that queries may use, so that they never evict documents.
_RESULTS_SHARE = 8
_LOST = "404.html"


class Content:
    """All that the server serves; calls `warn` with messages for the operator.

    `configure` and `refresh` belong to one thread, `warm` to one, `query` and `faulty_query` to
    one; all other methods may be called from any thread.
    """

    def __init__(self, config: Config, warn: Callable[[str], None]) -> None:
        self.bodies = BodyCache(0)
        self.results = BodyCache(0)
        self._versions = Versions(config.paths.state.with_name("versions.db"), warn)
        self._deltas = Deltas(self._versions, self.bodies)
        self._result_deltas = Deltas(self._versions, self.results)
        self._queries: QueryFeeds | None = None
        self._warn = warn
        self.publication: Publication = NOTHING
        # Where documents were that are not published any more.
        self.retired: frozenset[str] = frozenset()
        self._moves: dict[str, str] = {}
        self._noindex = (False, frozenset[str]())
        self._archives: dict[str, Archive] = {}
        # The last pass; and how many this server saw, their seconds, and the documents they wrote.
        self.report: PassReport | None = None
        self.totals = (0, 0.0, 0)
        # Makes `warm` stop early when the server ends.
        self.leaving = False
        self._fault = ""
        self.configure(config)

    def configure(self, config: Config) -> None:
        """Uses another configuration from now on."""
        self.config = config
        self.policy = CachePolicy(config)
        self.results.limit = config.serve.memory // _RESULTS_SHARE
        self.bodies.limit = config.serve.memory - self.results.limit
        window_s = int(config.serve.delta_window.total_seconds())
        self._deltas.window_s = self._result_deltas.window_s = window_s
        self._manifest: Fingerprint | None = None
        self._state: object = None
        self.refresh()

    def close(self) -> None:
        """Closes the search index and the versions."""
        if self._queries is not None:
            self._queries.close()
        self._versions.close()

    def refresh(self) -> bool:
        """Reads out/ and the state file if they changed; tells whether one of them did."""
        return self._refresh_state() | self._refresh_publication()

    def _refresh_publication(self) -> bool:
        out, before = self.config.paths.out, self.publication
        # Every pass that publishes replaces the manifest.
        fingerprint = Fingerprint.of(out / MANIFEST)
        if fingerprint == self._manifest:
            return False
        try:
            found = publication.read_publication(out, before, self.bodies)
        except PublishError as error:
            if str(error) != self._fault:
                self._warn(f"{error} The files of before are still served.")
            self._fault = str(error)
            return False
        if found.unfinished and before.texts:
            return False  # a pass is writing, and will end with another manifest
        if self._queries is not None:
            self._queries.read_templates()
        self._fault, self._manifest = "", fingerprint
        self.publication = found
        kept = {text.digest for text in found.texts.values()}
        self.bodies.drop({text.digest for text in before.texts.values()} - kept)
        return True

    def _refresh_state(self) -> bool:
        state, report = self.config.paths.state, self.report
        fingerprint = state_fingerprint(state)
        if fingerprint == self._state:
            return False

        def read(store: Store) -> None:
            nonlocal report
            self.retired = frozenset(store.retired())
            self._moves = store.get_meta(MOVES) or {}
            noindex, others = store.get_meta(NOINDEX) or (False, [])
            self._noindex = noindex, frozenset(others)
            self._archives = store.get_meta(ARCHIVES) or {}
            report = store.get_meta(REPORT) or report

        with_state(state, read)
        if report is not None and self.report is not None and report != self.report:
            passes, seconds, written = self.totals
            self.totals = passes + 1, seconds + report.seconds, written + len(report.written)
        self.report, self._state = report, fingerprint
        return True

    def warm(self) -> None:
        """Compresses new texts, and records the entries of new documents for later deltas."""
        texts = dict(self.publication.texts)
        recorded = self._deltas.recorded(texts)
        for path, text in texts.items():
            kind = kind_of(path)
            if self.leaving:
                return
            try:
                if kind.feed and (path, text.digest) not in recorded:
                    data = self.bodies.get(text.digest, IDENTITY, self._reader(path, text))
                    self._deltas.record(path, text.digest, data)
                if self.bodies.size < self.bodies.limit // 2:
                    for coding in CODINGS:
                        self.bodies.get(text.digest, coding, self._reader(path, text))
            except ReplacedError:
                continue  # the next publication is there already
            except ValueError as error:
                self._warn(
                    f"{self.config.paths.out / path}: its content does not fit its name: {error}"
                )
        self._deltas.forget()

    def moved(self, path: str) -> Answer | None:
        """Returns the redirect from a former address of a feed; None for all other paths."""
        alias, _, extension = path.rpartition(".")
        address = self._moves.get(alias)
        if address is None or f"{address}.{extension}" not in self.publication.texts:
            return None
        # Relative, so that it is right wherever out/ is served.
        return messages.moved(f"{up_from(alias)}{address}.{extension}")

    def text(self, request: Request, path: str) -> Answer:
        """Returns the answer for a text below out/."""
        for _ in range(_TRIES):
            published = self.publication.texts.get(path)
            if published is None:
                break
            try:
                text = self._text_file(path, published)
                return answer_text(request, text, self.policy, self._deltas)
            except ReplacedError:
                found = publication.read_text(self.config.paths.out, path)
                if found is None:
                    break
                self.publication.texts[path] = found[0]
        return messages.GONE if path in self.retired else self.lost(request)

    def _text_file(self, path: str, text: PublishedText) -> TextFile:
        address, _, extension = path.rpartition(".")
        archive, base_url = self._archives.get(address), self.config.site.base_url
        # Archives are linked (RFC 5005, section 4), and search engines treat them as their feed.
        relations = archive.relations() if archive else ()
        noindex, others = self._noindex
        is_unlisted = noindex != (((archive and archive.current) or address) in others)
        return TextFile(
            *(path, text.digest, text.modified_unix, f"{base_url}{path}"),
            read=self._reader(path, text),
            headers=ROBOTS if is_unlisted else (),
            links=tuple((rel, f"{base_url}{place}.{extension}") for rel, place in relations),
        )

    def lost(self, request: Request) -> Answer:
        """Returns the answer where there is nothing: to browsers with a page, if there is one."""
        text = self.publication.texts.get(_LOST) if request.browser else None
        with suppress(ReplacedError):  # the next publication is there already
            if text is not None:
                body = self.bodies.get(text.digest, IDENTITY, self._reader(_LOST, text))
                return messages.lost(body)
        return messages.NOT_FOUND

    def query(self, request: Request, extension: str, query: Query) -> Answer:
        """Returns the answer for a query in one format."""
        try:
            text = self._query_feeds().find(query, extension)
        except TooLongError:
            return messages.TOO_LONG
        return answer_text(request, text, self.policy, self._result_deltas)

    def faulty_query(self, request: Request, error: BadQueryError) -> Answer:
        """Returns the answer for a query with faults: to browsers a page."""
        if not (request.browser and self.config.site.pages):
            return messages.text_answer(400, str(error), messages.ANYONE)
        return messages.page(400, self._query_feeds().faulty_page(error.faults), NO_STORE)

    def _query_feeds(self) -> QueryFeeds:
        from feeds.serve.query_feeds import QueryFeeds

        if self._queries is None:
            self._queries = QueryFeeds(self.config, self._result_deltas, self._warn)
        if self._queries.config is not self.config:
            self._queries.configure(self.config)
        return self._queries

    def _reader(self, path: str, text: PublishedText) -> Callable[[], bytes]:
        return lambda: publication.read_version(self.config.paths.out, path, text.digest)
