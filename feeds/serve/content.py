"""Everything that can be asked for, and how it is kept current."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from feeds.common.callbacks import utc_now
from feeds.common.errors import PublishError
from feeds.common.files import Fingerprint
from feeds.common.media_types import kind_of
from feeds.common.model import Feed
from feeds.common.reports import PassReport
from feeds.config import Config
from feeds.render.context import up_from
from feeds.serve.body_cache import Bodies
from feeds.serve.cache_policy import terms_of
from feeds.serve.delta import Deltas
from feeds.serve.files import Stream, answer_media
from feeds.serve.health import health_of, last_report
from feeds.serve.messages import GONE, NOSNIFF, NOT_FOUND, Answer, Request, moved, plain
from feeds.serve.metrics import Gauges, Stock, take_stock
from feeds.serve.negotiation import CODINGS, IDENTITY
from feeds.serve.publication import (
    NOTHING,
    Held,
    Publication,
    ReplacedError,
    manifest_stamp,
    read_again,
    read_publication,
    read_text,
)
from feeds.serve.query import Query
from feeds.serve.query_feed import Finder
from feeds.serve.query_form import answer_form
from feeds.serve.responses import TextFile, answer_text
from feeds.store import Store
from feeds.store.search import TooLongError
from feeds.store.server_files import read_state, state_stamp
from feeds.store.versions import Versions

_TRIES = 3
# Of `serve.memory` the part for bodies of queries, lest they push those of documents out.
_RESULTS_SHARE = 8
_NO_STORE = ("cache-control", "no-store")


class Library:
    """What out/, the state file and the configuration give; `warn` tells people.

    Its methods are for threads: `configure` and `refresh` for one, `warm` and `query` for one each,
    the rest for any.
    """

    def __init__(self, config: Config, warn: Callable[[str], None]) -> None:
        self.bodies = Bodies(0)
        self.results = Bodies(0)
        self._versions = Versions(config.paths.state.with_name("versions.db"), warn)
        self._warn = warn
        self._publication = NOTHING
        self._retired: frozenset[str] = frozenset()
        self._moves: dict[str, str] = {}
        self._report: PassReport | None = None
        self._totals = (0, 0.0, 0)
        self._stock = Stock()
        self._leaving = False
        self._state: object = None
        self._manifest: Fingerprint | None = None
        self._fault = ""
        self._finder = Finder(config, self.results, self._deltas_for(config, self.results), warn)
        self.configure(config)

    def configure(self, config: Config) -> None:
        """Takes over a configuration."""
        self.config = config
        self.terms = terms_of(config)
        self.results.limit = config.serve.memory // _RESULTS_SHARE
        self.bodies.limit = config.serve.memory - self.results.limit
        self._deltas = self._deltas_for(config, self.bodies)
        self._result_deltas = self._deltas_for(config, self.results)
        self._finder.configure(config, self._result_deltas)
        self._manifest = self._state = None
        self.refresh()

    def _deltas_for(self, config: Config, bodies: Bodies) -> Deltas:
        window = int(config.serve.delta_window.total_seconds())
        return Deltas(self._versions, bodies, window)

    def leave(self) -> None:
        """Lets `warm` come to an end before it is done."""
        self._leaving = True

    def close(self) -> None:
        """Closes the files that are kept for the next start."""
        self._finder.close()
        self._versions.close()

    # Keeping current

    def refresh(self) -> bool:
        """Looks whether there is a new publication or a new state; tells whether there was."""
        return self._refresh_state() | self._refresh_publication()

    def _refresh_publication(self) -> bool:
        out, before = self.config.paths.out, self._publication
        stamp = manifest_stamp(out)
        if stamp == self._manifest:
            return False
        try:
            found = read_publication(out, before, self.bodies)
        except PublishError as error:
            if str(error) != self._fault:
                self._warn(f"{error} What was served before still is.")
            self._fault = str(error)
            return False
        if found.unfinished and before.texts:
            return False  # the pass is at it, and its last step is another manifest
        self._fault, self._manifest = "", stamp
        self._publication = found
        kept = {held.digest for held in found.texts.values()}
        self.bodies.drop({held.digest for held in before.texts.values()} - kept)
        return True

    def _refresh_state(self) -> bool:
        state = self.config.paths.state
        stamp = state_stamp(state)
        if stamp == self._state:
            return False

        def see(store: Store) -> None:
            self._retired = frozenset(store.retired())
            self._moves = store.get_meta("moves", dict[str, str]) or {}

        read_state(state, see)
        report = last_report(self.config)
        if report is not None and report != self._report:
            if self._report is not None:
                passes, seconds, written = self._totals
                self._totals = passes + 1, seconds + report.seconds, written + len(report.written)
            self._report = report
        self._state = stamp
        return True

    def warm(self) -> None:
        """Compresses what is new, and remembers what it holds for later deltas."""
        texts = dict(self._publication.texts)
        recorded = self._deltas.recorded()
        self._deltas.end({path for path, _ in recorded if path not in texts})
        for path, held in texts.items():
            kind = kind_of(path)
            if self._leaving:
                return
            try:
                if kind.feed and (path, held.digest) not in recorded:
                    data = self.bodies.get(held.digest, IDENTITY, self._reader(path, held))
                    self._deltas.record(path, _extension(path), held.digest, data)
                if self.bodies.size < self.bodies.limit // 2:
                    for coding in CODINGS:
                        self.bodies.get(held.digest, coding, self._reader(path, held))
            except ReplacedError:
                continue  # the next publication is there already
            except ValueError as error:
                self._warn(f"{self.config.paths.out / path}: not what its name says: {error}")
        self._deltas.forget()

    # Answering

    @property
    def publication(self) -> Publication:
        """What is served now."""
        return self._publication

    def moved(self, path: str) -> Answer | None:
        """Returns the answer for a document at a former address of its feed, None elsewhere."""
        alias, _, extension = path.rpartition(".")
        address = self._moves.get(alias)
        if address is None or f"{address}.{extension}" not in self._publication.texts:
            return None
        # Relative, so that it holds wherever out/ is served.
        return moved(f"{up_from(alias)}{address}.{extension}")

    def unknown(self, path: str) -> Answer:
        """Returns the answer for a path below out/ at which there is nothing."""
        return GONE if path in self._retired else NOT_FOUND

    def text(self, request: Request, path: str) -> Answer:
        """Returns the answer for a text below out/."""
        for _ in range(_TRIES):
            held = self._publication.texts.get(path)
            if held is None:
                break
            url = f"{self.terms.base_url}{path}"
            text = TextFile(path, held.digest, held.modified, url, self._reader(path, held))
            try:
                return answer_text(request, text, self.terms, self.bodies, self._deltas)
            except ReplacedError:
                fresh = read_text(self.config.paths.out, path, self.bodies)
                if fresh is None:
                    break
                self._publication.texts[path] = fresh
        return self.unknown(path)

    def media(self, request: Request, path: str) -> Answer | Stream:
        """Returns the answer for a file below out/ that is streamed."""
        return answer_media(self.config.paths.out, path, request, self.terms.max_age)

    def query(self, request: Request, extension: str, query: Query) -> Answer:
        """Returns the answer for a query in one format."""
        try:
            text = self._finder.find(query, extension)
        except TooLongError:
            return plain(503, "That search took too long.", _NO_STORE, ("retry-after", "60"))
        return answer_text(request, text, self.terms, self.results, self._result_deltas)

    def form(self, request: Request) -> Answer:
        """Returns the answer for the page that helps to write a query."""
        feeds: list[Feed] = []

        def see(store: Store) -> None:
            feeds[:] = store.published_feeds()

        read_state(self.config.paths.state, see)
        return answer_form(request, self.config, feeds, self.results, self.terms.max_age)

    def health(self) -> Answer:
        """Returns the answer to a monitor, which tells how things stand at this moment."""
        health = health_of(self.config, utc_now())
        if health.ok and not self._publication.texts:
            health = msgspec.structs.replace(health, ok=False, reason="nothing is published")
        headers = [("content-type", "application/json"), NOSNIFF, _NO_STORE]
        answer = Answer(200 if health.ok else 503, headers, msgspec.json.encode(health))
        answer.lasting = False
        return answer

    def gauges(self) -> Gauges:
        """Returns what the metrics tell of all this."""

        def see(store: Store) -> None:
            self._stock = take_stock(store, self.config.site.hub)

        read_state(self.config.paths.state, see)
        publication = self._publication
        memory = (self.bodies.size + self.results.size, self.bodies.limit + self.results.limit)
        images = sum(kind_of(path).media_type.startswith("image/") for path in publication.media)
        documents = len(publication.texts)
        return Gauges(self._report, *self._totals, documents, images, memory, self._stock)

    def _reader(self, path: str, held: Held) -> Callable[[], bytes]:
        return lambda: read_again(self.config.paths.out, path, held)


def _extension(path: str) -> str:
    return path.rpartition(".")[2]
