"""What we know of the objects that we put: a file beside the documents, which only saves work.

Its first line says whose objects these are. Each other line is about one object, and the last one
about it counts. A line about the manifest, without a name, is the last one after a publication
that came to its end.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple
from uuid import uuid4

import msgspec

from feeds.common.files import Fingerprint, write_whole

NAME = ".feeds-objects"
# So often all objects are listed, whether anything seems to be wrong or not.
_LISTED_S = 86_400
# Longer than the line about the manifest, whose ETag is short.
_TAIL_BYTES = 4096
# A file with more lines about nothing than this, and than about objects, is written anew.
_MOST_WASTE = 1000


class KnownObject(NamedTuple):
    """An object: its ETag, and the file that was put; None if that is not known."""

    etag: str
    fingerprint: Fingerprint | None = None


class _JournalHead(msgspec.Struct, array_like=True, frozen=True):
    """Whose objects these are: `publisher` names this journal, `recipe` how headers were made."""

    address: str
    publisher: str
    recipe: str


class _Line(msgspec.Struct, array_like=True, frozen=True):
    """An object, gone if its ETag is ""; or the manifest, whose objects were `listed` (Unix)."""

    name: str
    etag: str = ""
    fingerprint: Fingerprint | None = None
    listed: int = 0


class Journal:
    """The journal of the objects at an address; one for another address starts empty.

    `known` are our objects by key. `manifest` is the ETag of the manifest as we left it, "" if we
    did not come to an end; `listed` is when the objects were listed last, in Unix seconds.

    Every call may raise an OSError.
    """

    def __init__(self, folder: Path, address: str, recipe: str) -> None:
        self.known: dict[str, KnownObject] = {}
        self.manifest = ""
        self.listed = 0
        self._path = folder / NAME
        head, lines = self._read()
        if head is None or head.address != address:
            head, lines = _JournalHead(address, uuid4().hex, recipe), []
        for line in lines:
            self._apply(line)
        self.publisher = head.publisher
        self._head = _JournalHead(address, head.publisher, recipe)
        if head.recipe != recipe:
            self.replace({name: KnownObject(one.etag) for name, one in self.known.items()})
        elif not self._path.exists() or len(lines) > 2 * len(self.known) + _MOST_WASTE:
            self.replace(self.known)
        self._file: BinaryIO = self._path.open("ab", buffering=0)

    def is_settled(self, now: int) -> bool:
        """Tells whether we came to an end, and no look at all objects is due at this time."""
        return self.manifest != "" and 0 <= now - self.listed < _LISTED_S

    def note(self, name: str, known: KnownObject) -> None:
        """Notes an object that was put."""
        self._append(_Line(name, known.etag, known.fingerprint))

    def forget(self, name: str) -> None:
        """Notes that an object was deleted."""
        self._append(_Line(name))

    def begin(self) -> None:
        """Notes that objects are about to change."""
        self._append(_Line("", "", None, self.listed))

    def end(self, manifest: str, listed: int) -> None:
        """Notes that all is put, and the ETag of the manifest that says so."""
        self._append(_Line("", manifest, None, listed))

    def replace(self, known: Mapping[str, KnownObject]) -> None:
        """Replaces all that is known of objects."""
        self.known = dict(known)
        lines: list[_JournalHead | _Line] = [self._head]
        lines += (_Line(name, one.etag, one.fingerprint) for name, one in known.items())
        lines.append(_Line("", self.manifest, None, self.listed))
        had_file = hasattr(self, "_file")
        write_whole(self._path, b"".join(msgspec.json.encode(one) + b"\n" for one in lines))
        if had_file:
            self._file.close()
            self._file = self._path.open("ab", buffering=0)

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def _append(self, line: _Line) -> None:
        self._file.write(msgspec.json.encode(line) + b"\n")
        self._apply(line)

    def _apply(self, line: _Line) -> None:
        if not line.name:
            self.manifest, self.listed = line.etag, line.listed
        elif line.etag:
            self.known[line.name] = KnownObject(line.etag, line.fingerprint)
        else:
            self.known.pop(line.name, None)

    def _read(self) -> tuple[_JournalHead | None, list[_Line]]:
        """Returns the lines; none if they are damaged, but for the end of the last one."""
        with suppress(OSError, msgspec.DecodeError):
            first, _, rest = self._path.read_bytes().partition(b"\n")
            whole = rest[: rest.rfind(b"\n") + 1]
            lines = msgspec.json.Decoder(_Line).decode_lines(whole)
            return msgspec.json.decode(first, type=_JournalHead), lines
        return None, []


def is_settled(folder: Path, address: str, now: int) -> bool:
    """Tells, without reading all, whether the last publication to this address came to its end.

    Not if the objects were not listed for a day, or are to be listed again.
    """
    try:
        with (folder / NAME).open("rb") as file:
            head = msgspec.json.decode(file.readline(), type=_JournalHead)
            file.seek(max(file.tell(), file.seek(0, os.SEEK_END) - _TAIL_BYTES))
            last = msgspec.json.decode(file.read().splitlines()[-1], type=_Line)
    except (OSError, msgspec.DecodeError, IndexError):
        return False
    is_end = head.address == address and not last.name and last.etag != ""
    return is_end and 0 <= now - last.listed < _LISTED_S
