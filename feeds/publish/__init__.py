"""out/: whole files or none, unchanged ones left alone, files of vanished feeds removed."""

from feeds.publish.copies import is_copy, recipe
from feeds.publish.lock import DAEMON_LOCK, hold, holder_of
from feeds.publish.manifest import Manifest, read_manifest
from feeds.publish.publisher import Publisher, stamp_of

__all__ = [
    "DAEMON_LOCK",
    "Manifest",
    "Publisher",
    "hold",
    "holder_of",
    "is_copy",
    "read_manifest",
    "recipe",
    "stamp_of",
]
