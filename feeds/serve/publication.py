"""What out/ holds, by its manifest: nothing else is served, whatever a path says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from feeds.common.files import Fingerprint
from feeds.common.media_types import is_served, kind_of
from feeds.common.slugs import QUERY, QUERY_MARK
from feeds.publish import read_manifest
from feeds.publish.manifest import MANIFEST
from feeds.serve.body_cache import Bodies, digest_of
from feeds.serve.negotiation import IDENTITY

_NANOSECONDS = 1_000_000_000
_INDEX = "index.html"
# What the element with the mark begins with here, where there is a form.
_LINK = f'><a href="{QUERY}">Make a feed of your own</a> '.encode()


class Held(NamedTuple):
    """A text in out/: its fingerprint, the digest of its bytes, and its mtime in whole seconds."""

    stamp: Fingerprint
    digest: str
    modified: int


class Publication(NamedTuple):
    """The files of one publication by their paths below out/; `media` stay on the disk.

    `unfinished`: a pass is renaming files just now, or was killed while it did.
    """

    texts: dict[str, Held]
    media: frozenset[str]
    unfinished: bool = False


class ReplacedError(Exception):
    """A file is not the one any more that it was when the publication was read."""


NOTHING = Publication({}, frozenset())


def read_publication(out: Path, before: Publication, bodies: Bodies) -> Publication:
    """Returns what out/ holds now; what is as it was `before` is not read again.

    Raises:
        PublishError: the manifest cannot be read.
    """
    manifest = read_manifest(out)
    paths = set(manifest.files)
    texts: dict[str, Held] = {}
    media: set[str] = set()
    for path in manifest.files:
        if not is_served(path, paths):
            continue
        if not kind_of(path).text:
            media.add(path)
            continue
        known = before.texts.get(path)
        if known is None or known.stamp != Fingerprint.of(f"{out}/{path}"):
            known = read_text(out, path, bodies)
        if known is not None:
            texts[path] = known
    return Publication(texts, frozenset(media), manifest.unfinished)


def read_text(out: Path, path: str, bodies: Bodies) -> Held | None:
    """Reads a text into the bodies; None where there is none: a pass may just have removed it."""
    found = _read(out, path)
    if found is None:
        return None
    held, data = found
    bodies.put(held.digest, IDENTITY, data)
    return held


def read_again(out: Path, path: str, held: Held) -> bytes:
    """Returns the bytes of a text that had to leave memory.

    Raises:
        ReplacedError: the file has others by now.
    """
    found = _read(out, path)
    if found is None or found[0].digest != held.digest:
        raise ReplacedError(path)
    return found[1]


def manifest_stamp(out: Path) -> Fingerprint | None:
    """Returns what changes with every publication, None where there is none yet."""
    return Fingerprint.of(out / MANIFEST)


def _read(out: Path, path: str) -> tuple[Held, bytes] | None:
    try:
        # Not through a link: somebody else's file is none of ours, whatever it is called.
        descriptor = os.open(f"{out}/{path}", os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        with open(descriptor, "rb") as file:  # noqa: PTH123 (a descriptor)
            status = os.fstat(descriptor)
            data = file.read()
    except OSError:
        return None
    if path == _INDEX:
        data = data.replace(f" {QUERY_MARK}>".encode(), _LINK, 1)
    stamp = Fingerprint.of_status(status)
    return Held(stamp, digest_of(data), status.st_mtime_ns // _NANOSECONDS), data
