"""out/: whole files or none, unchanged ones left alone, files of vanished feeds removed."""

from feeds.publish.manifest import Manifest, read_manifest, write_manifest
from feeds.publish.publisher import NewOutput, Publisher

__all__ = [
    "Manifest",
    "NewOutput",
    "Publisher",
    "read_manifest",
    "write_manifest",
]
