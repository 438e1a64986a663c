"""out/: whole files or none, unchanged ones left alone, files of vanished feeds removed."""

from feeds.common.lock import DAEMON_LOCK, Held, acquire_lock, lock_owner
from feeds.publish.compressed import is_copy, recipe
from feeds.publish.manifest import Manifest, read_manifest, write_manifest
from feeds.publish.publisher import Publisher, stamp_of

__all__ = [
    "DAEMON_LOCK",
    "Held",
    "Manifest",
    "Publisher",
    "acquire_lock",
    "is_copy",
    "lock_owner",
    "read_manifest",
    "recipe",
    "stamp_of",
    "write_manifest",
]
