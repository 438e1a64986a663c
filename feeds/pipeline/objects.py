"""Puts what a pass published into the bucket of `paths.out`, if that is an address of objects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from feeds.common.archives import is_part
from feeds.common.files import Fingerprint
from feeds.common.media_types import is_immutable
from feeds.common.model import Feed
from feeds.pipeline.context import Pass
from feeds.pipeline.removals import refuse_to_empty
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


@contextmanager
def beginning(run: Pass) -> Iterator[Mirror | None]:
    """Begins a publication to objects, before out/ changes; yields None if out/ is all there is.

    Raises:
        ConfigError: what objects need is not there.
        PublishError: the folder cannot be written, or the bucket fails.
    """
    address = run.config.paths.objects
    if not address or run.options.dry_run:
        yield None
        return
    # Imported on demand, as below: most sites are in folders.
    from feeds.common.objects import Objects
    from feeds.publish.caching import max_age_s
    from feeds.publish.mirror import Mirror, failures

    age = max_age_s(run.config)
    with failures(), closing(Mirror(Objects(address), run.out, age, run.now)) as mirror:
        yield mirror


def put_objects(run: Pass, mirror: Mirror, changed: Changed) -> Sent:
    """Brings the objects to out/.

    Raises:
        BusyError: another publisher has claimed the objects.
        PublishError: the bucket fails; the objects that were put are whole.
    """
    from feeds.publish.mirror import Callers, NewObjects

    ranks = {one.address: _PART if is_part(one.archive) else _FEED for one in changed.feeds}

    def rank(name: str) -> int:
        return _IMAGE if is_immutable(name) else ranks.get(name.rpartition(".")[0], _OVERVIEW)

    new = NewObjects(
        files={**dict.fromkeys(changed.others), **changed.documents},
        changed=changed.names,
        removed=changed.removed,
        rank=rank,
        items=run.store.item_count(),
        guard=lambda items: refuse_to_empty(run, Manifest(items=items)),
    )
    callbacks = run.callbacks
    callers = Callers(run.options.wait, callbacks.warn, partial(callbacks.progress, "objects"))
    return mirror.send(new, callers)


def check_objects(run: Pass, state: PassState, manifest: Manifest) -> Sent:
    """Puts right what others did to the objects, if it is time to look, in a pass without changes.

    Raises:
        BusyError: another publisher has claimed the objects.
        PublishError: the bucket fails.
    """
    address = run.config.paths.objects
    if not address or run.options.dry_run:
        return Sent([], [])
    from feeds.publish.journal import is_settled

    if is_settled(run.out, address, run.now):
        return Sent([], [])
    documents = state.files()
    others = set(manifest.files).difference(documents)
    feeds = [summary.feed for _, summary in state.feeds().values()]
    with beginning(run) as mirror:
        assert mirror is not None  # noqa: S101 (there is an address)
        return put_objects(run, mirror, Changed(documents, others, (), (), feeds))


def documents_and_images(sent: Sent) -> tuple[list[str], list[str], int, int]:
    """Returns the documents that were put and deleted, and how many images were."""
    put, deleted = ([n for n in some if not n.startswith(MEDIA_FOLDER)] for some in sent)
    return sorted(put), sorted(deleted), len(sent.put) - len(put), len(sent.deleted) - len(deleted)
