"""All that is served, kept up to date with out/, the state file and the configuration."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from feeds.common.archives import Archive
from feeds.common.errors import PublishError
from feeds.common.files import Fingerprint
from feeds.common.media import kind_of
from feeds.common.protocols import ARCHIVES, MOVES, NOINDEX, REPORT
from feeds.common.reports import PassReport
from feeds.config import Config
from feeds.publish.manifest import MANIFEST
from feeds.render.context import up_from
from feeds.serve.messages import (
    GONE,
    IDENTITY,
    NO_STORE,
    NOT_FOUND,
    Answer,
    BodyCache,
    Request,
    lost,
    moved,
    page,
    text_answer,
)
from feeds.serve.negotiation import CODINGS
from feeds.serve.publication import (
    NOTHING,
    Deltas,
    Publication,
    PublishedText,
    ReplacedError,
    read_publication,
    read_text,
    read_version,
)
from feeds.serve.query import BadQueryError, Query
from feeds.serve.responses import ROBOTS, TextFile, answer_text, policy_of
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
        self._retired: frozenset[str] = frozenset()
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
        self.policy = policy_of(config)
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

    # Keeping up to date

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
            found = read_publication(out, before, self.bodies)
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
            self._retired = frozenset(store.retired())
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

    # Answering

    def moved(self, path: str) -> Answer | None:
        """Returns the redirect from a former address of a feed; None for all other paths."""
        alias, _, extension = path.rpartition(".")
        address = self._moves.get(alias)
        if address is None or f"{address}.{extension}" not in self.publication.texts:
            return None
        # Relative, so that it is right wherever out/ is served.
        return moved(f"{up_from(alias)}{address}.{extension}")

    def is_gone(self, path: str) -> bool:
        """Tells whether a document that is not published any more was at this path."""
        return path in self._retired

    def text(self, request: Request, path: str) -> Answer:
        """Returns the answer for a text below out/."""
        for _ in range(_TRIES):
            published = self.publication.texts.get(path)
            if published is None:
                break
            url = f"{self.config.site.base_url}{path}"
            read = self._reader(path, published)
            text = TextFile(
                *(path, published.digest, published.modified_unix, url, read),
                headers=ROBOTS if self._is_unlisted(path) else (),
                links=self._archive_links(path),
            )
            try:
                return answer_text(request, text, self.policy, self._deltas)
            except ReplacedError:
                found = read_text(self.config.paths.out, path)
                if found is None:
                    break
                self.publication.texts[path] = found[0]
        return GONE if self.is_gone(path) else self.lost(request)

    def _archive_links(self, path: str) -> tuple[tuple[str, str], ...]:
        """Returns relation and URL of the archives beside a document (RFC 5005, section 4)."""
        address, _, extension = path.rpartition(".")
        archive = self._archives.get(address)
        if archive is None:
            return ()
        base = self.config.site.base_url
        return tuple((rel, f"{base}{place}.{extension}") for rel, place in archive.relations())

    def lost(self, request: Request) -> Answer:
        """Returns the answer where there is nothing: to browsers with a page, if there is one."""
        published = self.publication.texts.get(_LOST) if request.browser else None
        if published is None:
            return NOT_FOUND
        try:
            return lost(self.bodies.get(published.digest, IDENTITY, self._reader(_LOST, published)))
        except ReplacedError:  # the next publication is there already
            return NOT_FOUND

    def query(self, request: Request, extension: str, query: Query) -> Answer:
        """Returns the answer for a query in one format."""
        try:
            text = self._query_feeds().find(query, extension)
        except TooLongError:
            return text_answer(503, "That search took too long.", NO_STORE, ("retry-after", "60"))
        return answer_text(request, text, self.policy, self._result_deltas)

    def faulty_query(self, request: Request, error: BadQueryError) -> Answer:
        """Returns the answer for a query with faults: to browsers a page."""
        if not (request.browser and self.config.site.pages):
            return text_answer(400, str(error), ("access-control-allow-origin", "*"))
        return page(400, self._query_feeds().faulty_page(error.faults), NO_STORE)

    def _query_feeds(self) -> QueryFeeds:
        from feeds.serve.query_feeds import QueryFeeds

        if self._queries is None:
            self._queries = QueryFeeds(self.config, self._result_deltas, self._warn)
        if self._queries.config is not self.config:
            self._queries.configure(self.config)
        return self._queries

    def _is_unlisted(self, path: str) -> bool:
        """Tells whether search engines are to leave a document out."""
        noindex, others = self._noindex
        address = path.rpartition(".")[0]
        archive = self._archives.get(address)
        return noindex != (((archive and archive.current) or address) in others)

    def _reader(self, path: str, text: PublishedText) -> Callable[[], bytes]:
        return lambda: read_version(self.config.paths.out, path, text.digest)
