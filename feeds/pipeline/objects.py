"""Puts what a pass published into the bucket of `paths.out`, if that is an address of objects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

from feeds.common.archives import is_part
from feeds.common.files import Fingerprint
from feeds.common.media_types import is_immutable
from feeds.common.model import Feed
from feeds.pipeline.context import Pass
from feeds.pipeline.removals import refuse_to_empty
from feeds.pipeline.state import MEDIA_FOLDER, PassState
from feeds.publish import Manifest, Sent

# What is named by others comes before them: images, parts of archives, feeds, overviews.
_IMAGE, _PART, _FEED, _OVERVIEW = range(4)


def put_objects(
    run: Pass, documents: Mapping[str, Fingerprint], others: Iterable[str], feeds: Iterable[Feed]
) -> Sent:
    """Brings the objects to out/.

    Args:
        run: this pass.
        documents: the documents in out/ that this pass has looked at.
        others: the names of all other files there: images, and parts of archives.
        feeds: all feeds, and the parts of archives among the documents.

    Raises:
        BusyError: another publisher has claimed the objects.
        PublishError: the bucket fails; the objects that were put are whole.
    """
    # Imported on demand, as below: most sites are in folders.
    from feeds.common.objects import Objects
    from feeds.publish.caching import max_age_s
    from feeds.publish.mirror import Callers, NewObjects, send

    ranks = {one.address: _PART if is_part(one.archive) else _FEED for one in feeds}

    def rank(name: str) -> int:
        return _IMAGE if is_immutable(name) else ranks.get(name.rpartition(".")[0], _OVERVIEW)

    new = NewObjects(
        files={**dict.fromkeys(others), **documents},
        rank=rank,
        items=run.store.item_count(),
        max_age_s=max_age_s(run.config),
        now=run.now,
        guard=lambda items: refuse_to_empty(run, Manifest(items=items)),
    )
    callbacks = run.callbacks
    callers = Callers(run.options.wait, callbacks.warn, partial(callbacks.progress, "objects"))
    return send(Objects(run.config.paths.objects), run.out, new, callers)


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
    return put_objects(run, documents, others, feeds)


def documents_and_images(sent: Sent) -> tuple[list[str], list[str], int, int]:
    """Returns the documents that were put and deleted, and how many images were."""
    put, deleted = ([n for n in some if not n.startswith(MEDIA_FOLDER)] for some in sent)
    return sorted(put), sorted(deleted), len(sent.put) - len(put), len(sent.deleted) - len(deleted)
