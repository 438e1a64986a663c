"""The files of out/ that are served: those of its manifest, whatever the path of a request."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from feeds.common.files import Fingerprint
from feeds.common.media_types import is_served, kind_of
from feeds.common.slugs import QUERY, QUERY_MARK
from feeds.publish.manifest import read_manifest
from feeds.serve.body_cache import BodyCache, digest_of
from feeds.serve.negotiation import IDENTITY

_NANOSECONDS = 1_000_000_000
_INDEX = "index.html"
# Replaces the mark in the index, since a server has a form for queries.
_LINK = f'><a href="{QUERY}">Make a feed of your own</a> '.encode()


class PublishedText(NamedTuple):
    """A text in out/: its file, the digest of its bytes, and its mtime in Unix seconds."""

    fingerprint: Fingerprint
    digest: str
    modified_unix: int


class Publication(NamedTuple):
    """The files of one publication by their paths below out/; `media` stay on the disk.

    `unfinished` says that a pass is writing files, or was killed while it did.
    """

    texts: dict[str, PublishedText]
    media: frozenset[str]
    unfinished: bool = False


class ReplacedError(Exception):
    """A file has changed since the publication was read."""


NOTHING = Publication({}, frozenset())


def read_publication(out: Path, before: Publication, bodies: BodyCache) -> Publication:
    """Reads a publication; only files that changed are read.

    Args:
        out: The folder.
        before: The publication that was read before, or `NOTHING`.
        bodies: Takes the bytes of the texts that are read.

    Raises:
        PublishError: the manifest cannot be read.
    """
    manifest = read_manifest(out)
    texts: dict[str, PublishedText] = {}
    media: set[str] = set()
    for path in filter(is_served, manifest.files):
        if not kind_of(path).text:
            media.add(path)
            continue
        known = before.texts.get(path)
        if known is not None and known.fingerprint == Fingerprint.of(f"{out}/{path}"):
            texts[path] = known
        elif found := read_text(out, path):
            texts[path], data = found
            bodies.put(texts[path].digest, IDENTITY, data)
    return Publication(texts, frozenset(media), manifest.unfinished)


def read_text(out: Path, path: str) -> tuple[PublishedText, bytes] | None:
    """Reads a text and its bytes; None if it is missing: a pass may just have removed it."""
    try:
        # Not through a link: it may lead to a file that is not ours.
        descriptor = os.open(f"{out}/{path}", os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        with open(descriptor, "rb") as file:  # noqa: PTH123 (a descriptor)
            status = os.fstat(descriptor)
            data = file.read()
    except OSError:
        return None
    if path == _INDEX:
        data = data.replace(f" {QUERY_MARK}>".encode(), _LINK, 1)
    fingerprint = Fingerprint.of_status(status)
    modified_unix = status.st_mtime_ns // _NANOSECONDS
    return PublishedText(fingerprint, digest_of(data), modified_unix), data


def read_version(out: Path, path: str, digest: str) -> bytes:
    """Returns the bytes of a text that has this digest.

    Raises:
        ReplacedError: the file has other bytes now.
    """
    found = read_text(out, path)
    if found is None or found[0].digest != digest:
        raise ReplacedError(path)
    return found[1]
