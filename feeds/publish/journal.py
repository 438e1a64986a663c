"""The journal of a bucket: a file that lists the objects that we put, which only saves work.

Its first line says whose objects these are. Each other line is about one object, and the last one
about it counts. A line about the manifest, without a name, is the last one after a publication
that came to its end.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from errno import EIO
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
# A file that has grown by more bytes than this, and to twice its size, is written anew.
_MOST_WASTE = 100_000


class KnownObject(NamedTuple):
    """An object: its ETag, and the file that was put; None if that is not known."""

    etag: str
    fingerprint: Fingerprint | None = None


class _JournalHead(msgspec.Struct, array_like=True, frozen=True):
    """Whose objects these are: `publisher` names this journal, `recipe` how headers were made.

    The lines took `size` bytes when the file was written as a whole.
    """

    address: str
    publisher: str
    recipe: str
    size: int = 0


class _Line(msgspec.Struct, array_like=True, frozen=True):
    """An object, gone if its ETag is ""; or the manifest, whose objects were `listed` (Unix)."""

    name: str
    etag: str = ""
    fingerprint: Fingerprint | None = None
    listed: int = 0


class Journal:
    """The journal of the objects at an address; one for another address starts empty.

    `manifest` is the ETag of the manifest as we left it, "" if we did not come to an end; `listed`
    is when the objects were listed last, in Unix seconds.

    Every call may raise an OSError.
    """

    def __init__(self, folder: Path, address: str, recipe: str) -> None:
        self.manifest = ""
        self.listed = 0
        self._path = folder / NAME
        # Objects that were put or deleted (None) since; all of them are read if that is needed.
        self._news: dict[str, KnownObject | None] = {}
        self._known: dict[str, KnownObject] | None = None
        self._text, head = self._read(address)
        self.publisher = head.publisher if head else uuid4().hex
        self._head = _JournalHead(address, self.publisher, recipe)
        if last := self._last(b'["",'):
            self.manifest, self.listed = last.etag, last.listed
            if not self._text.endswith(msgspec.json.encode(last) + b"\n"):
                self.manifest = ""
        if head and head.recipe != recipe:  # all documents are to be put again
            self.manifest = ""
            self.replace({name: KnownObject(one.etag) for name, one in self.known.items()})
        elif head is None or len(self._text) > 2 * head.size + _MOST_WASTE:
            self.replace(self.known)
        self._file: BinaryIO = self._path.open("ab", buffering=0)

    @property
    def known(self) -> dict[str, KnownObject]:
        """All our objects by their keys."""
        if self._known is None:
            try:
                lines = _decode_lines(self._text) if self._text else []
            except msgspec.DecodeError as error:
                raise OSError(EIO, f"damaged ({error}): remove it", str(self._path)) from None
            known = {one.name: KnownObject(one.etag, one.fingerprint) for one in lines}
            for name, news in self._news.items():
                known[name] = news or KnownObject("")
            self._known = {name: one for name, one in known.items() if name and one.etag}
        return self._known

    def get(self, name: str) -> KnownObject | None:
        """Returns one of our objects, without reading all."""
        if self._known is not None:
            return self._known.get(name)
        if name in self._news:
            return self._news[name]
        last = self._last(msgspec.json.encode([name])[:-1] + b",")
        return KnownObject(last.etag, last.fingerprint) if last and last.etag else None

    def is_settled(self, now: int) -> bool:
        """Tells whether we came to an end, and no look at all objects is due at this time."""
        return self.manifest != "" and 0 <= now - self.listed < _LISTED_S

    def note(self, name: str, known: KnownObject) -> None:
        """Notes an object that was put."""
        self._append(_Line(name, known.etag, known.fingerprint))
        self._news[name] = known
        if self._known is not None:
            self._known[name] = known

    def forget(self, name: str) -> None:
        """Notes that an object was deleted."""
        self._append(_Line(name))
        self._news[name] = None
        if self._known is not None:
            self._known.pop(name, None)

    def begin(self) -> None:
        """Notes that documents or objects are about to change."""
        self.manifest = ""
        self._append(_Line("", "", None, self.listed))

    def end(self, manifest: str, listed: int) -> None:
        """Notes that all is put, and the ETag of the manifest that says so."""
        self._append(_Line("", manifest, None, listed))

    def replace(self, known: Mapping[str, KnownObject]) -> None:
        """Replaces all that is known of objects."""
        self._known = dict(known)
        made = [_Line(name, one.etag, one.fingerprint) for name, one in known.items()]
        last = _Line("", self.manifest, None, self.listed)
        rest = b"".join(msgspec.json.encode(one) + b"\n" for one in (*made, last))
        head = msgspec.structs.replace(self._head, size=len(rest))
        had_file = hasattr(self, "_file")
        write_whole(self._path, msgspec.json.encode(head) + b"\n" + rest)
        if had_file:
            self._file.close()
            self._file = self._path.open("ab", buffering=0)

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def _append(self, line: _Line) -> None:
        self._file.write(msgspec.json.encode(line) + b"\n")

    def _last(self, start: bytes) -> _Line | None:
        """Returns the last line with this start; None if there is none."""
        text = self._text
        begin = text.rfind(b"\n" + start) + 1
        if not begin and not text.startswith(start):
            return None
        try:
            return msgspec.json.decode(text[begin : text.index(b"\n", begin)], type=_Line)
        except msgspec.DecodeError:  # as if it were not known
            return None

    def _read(self, address: str) -> tuple[bytes, _JournalHead | None]:
        """Returns the lines and the head of the journal, without the end of a line cut off."""
        with suppress(OSError, msgspec.DecodeError):
            first, _, rest = self._path.read_bytes().partition(b"\n")
            head = msgspec.json.decode(first, type=_JournalHead)
            text = rest[: rest.rfind(b"\n") + 1]
            if head.address == address:
                return text, head
        return b"", None


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


_decode_lines = msgspec.json.Decoder(_Line).decode_lines
