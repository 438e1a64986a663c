"""A manifest that is damaged, made anew from what the state file knows of out/."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from feeds.common.errors import DamagedManifestError, PublishError
from feeds.pipeline.state import read_state
from feeds.publish import Manifest, read_manifest, write_manifest
from feeds.store import Store


def recover_manifest(store: Store, out: Path, warn: Callable[[str], None], *, write: bool) -> None:
    """Replaces a manifest that cannot be read, and says so; the pass then looks at every file.

    Without `write`, or where the state file is of another out/, it stays as it is.

    Raises:
        DamagedManifestError: it stays, so nobody knows which files are ours.
        PublishError: out/ cannot be read or written.
    """
    try:
        read_manifest(out)
    except DamagedManifestError as error:
        if not read_state(store).is_of(out):
            raise
        path = error.path
        if not write:
            raise DamagedManifestError(
                path, f"{path} is damaged; 'feeds export' makes it anew from the state file"
            ) from None
        files = set(store.stamps()).union(*store.feed_images().values())
        # A run may have been killed since: what it left half written is swept up by these names.
        manifest = Manifest(items=store.item_count(), unfinished=True, files=tuple(sorted(files)))
        try:
            write_manifest(out, manifest)
        except OSError as fault:
            raise PublishError(f"cannot write {path}: {fault.strerror or fault}") from None
        warn(f"{path} was damaged. It is made anew from the state file, which knows our files.")
