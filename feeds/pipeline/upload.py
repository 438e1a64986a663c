"""Puts what a pass published into the bucket of `paths.out`, if that is an address of objects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from feeds.common.files import Fingerprint
from feeds.common.media import is_immutable
from feeds.common.model import Feed
from feeds.pipeline.context import Pass
from feeds.pipeline.guards import refuse_to_empty
from feeds.pipeline.state import MEDIA_FOLDER, PassState
from feeds.publish import Manifest, Sent

if TYPE_CHECKING:
    from feeds.publish.mirror import Mirror

# What is named by others comes before them: images, parts of archives, feeds, overviews.
_IMAGE, _PART, _FEED, _OVERVIEW = range(4)


class Changed(NamedTuple):
    """What a pass did to out/.

    Attributes:
        documents: the documents that it has looked at.
        others: the names of all other files there: images, and parts of archives.
        names: those of files that are new or may have changed; `removed` those that are gone.
        feeds: all feeds, and the parts of archives among the documents.
    """

    documents: Mapping[str, Fingerprint]
    others: Iterable[str]
    names: Iterable[str]
    removed: Iterable[str]
    feeds: Iterable[Feed]


class Upload:
    """What a pass puts into the bucket of `paths.out`; nothing if that is a folder.

    It is put after the transaction of the store, in which nobody else can write to the state file:
    a first upload may take hours. `changed` is None if there is nothing to put.
    """

    def __init__(self, run: Pass) -> None:
        self._run = run
        self._address = "" if run.options.dry_run else run.config.paths.objects
        self._mirror: Mirror | None = None
        self.changed: Changed | None = None

    def begin(self) -> None:
        """Notes that out/ is about to change.

        Raises:
            ConfigError: what objects need is not there.
            PublishError: the folder cannot be written.
        """
        if not self._address:
            return
        # Imported on demand, as below: most sites are in folders.
        from feeds.common.buckets import Objects
        from feeds.publish.caching import max_age_s
        from feeds.publish.mirror import Mirror, failures

        run = self._run
        with failures():
            age_s = max_age_s(run.config)
            self._mirror = Mirror(Objects(self._address), run.out, age_s, run.now)

    def plan(self, changed: Changed) -> None:
        """Takes what the pass did to out/."""
        if self._address:
            self.changed = changed

    def check(self, state: PassState, manifest: Manifest) -> None:
        """Plans a look at all objects after a pass without changes, if it is time for one.

        Raises:
            ConfigError, PublishError: as `begin`.
        """
        if not self._address:
            return
        from feeds.publish.journal import is_settled

        if is_settled(self._run.out, self._address, self._run.now):
            return
        documents = state.files()
        others = manifest.images.union(manifest.files).difference(documents)
        feeds = [summary.feed for _, summary in state.feeds().values()]
        self.begin()
        self.changed = Changed(documents, others, (), (), feeds)

    def send(self, changed: Changed) -> Sent:
        """Brings the objects to out/.

        Raises:
            BusyError: another publisher has claimed the objects.
            PublishError: the bucket fails; the objects that were put are whole.
        """
        from feeds.publish.mirror import Callers, NewObjects, failures

        ranks = {one.address: _PART if one.part else _FEED for one in changed.feeds}

        def rank(name: str) -> int:
            return _IMAGE if is_immutable(name) else ranks.get(name.rpartition(".")[0], _OVERVIEW)

        run = self._run
        new = NewObjects(
            files={**dict.fromkeys(changed.others), **changed.documents},
            changed=changed.names,
            removed=changed.removed,
            rank=rank,
            items=run.store.item_count(),
            guard=lambda items, is_new: refuse_to_empty(run, items, is_new=is_new),
        )
        callbacks = run.callbacks
        callers = Callers(run.options.wait, callbacks.warn, partial(callbacks.progress, "objects"))
        assert self._mirror is not None  # noqa: S101 (what changed follows on `begin`)
        with failures():
            return self._mirror.send(new, callers)

    def close(self) -> None:
        """Ends the publication, whether anything was put or not."""
        if self._mirror:
            self._mirror.close()


def documents_and_images(sent: Sent) -> tuple[list[str], list[str], int, int]:
    """Returns the documents that were put and deleted, and how many images were."""
    put, deleted = ([n for n in some if not n.startswith(MEDIA_FOLDER)] for some in sent)
    return sorted(put), sorted(deleted), len(sent.put) - len(put), len(sent.deleted) - len(deleted)
