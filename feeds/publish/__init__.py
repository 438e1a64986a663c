"""out/: whole files or none, unchanged ones left alone, files of vanished feeds removed."""

from feeds.publish.manifest import Manifest, read_manifest, write_manifest
from feeds.publish.publisher import NewOutput, Publisher, Sent
from feeds.publish.writer import Place, Writer, Written

__all__ = [
    "Manifest",
    "NewOutput",
    "Place",
    "Publisher",
    "Sent",
    "Writer",
    "Written",
    "read_manifest",
    "write_manifest",
]
