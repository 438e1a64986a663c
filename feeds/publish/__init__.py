"""out/: whole files or none, unchanged ones left alone, files of vanished feeds removed."""

from feeds.publish.manifest import Manifest, read_manifest, write_manifest
from feeds.publish.publisher import NewOutput, Publisher, Sent
from feeds.publish.writer import Place, WorkersFlusher, Written

__all__ = [
    "Manifest",
    "NewOutput",
    "Place",
    "Publisher",
    "Sent",
    "WorkersFlusher",
    "Written",
    "read_manifest",
    "write_manifest",
]
