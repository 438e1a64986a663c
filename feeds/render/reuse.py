"""Takes the entries that did not change from the documents that were published of a feed.

One story changes, and its feeds show 49 others: to render these again would give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

# Bytes of a digest in the key of a feed.
DIGEST_SIZE = 16


class Cut(NamedTuple):
    """How to find the entries in a document of one format: what each begins and ends with.

    Neither stands anywhere else. In XML each ``<`` of a text is escaped, and no text in JSON holds
    a line break. `between` separates two entries.
    """

    begin: bytes
    end: bytes
    between: bytes = b""

    def parts(self, data: bytes) -> tuple[bytes, list[bytes], bytes]:
        """Returns what stands before the entries, each of them, and what stands behind.

        Raises:
            ValueError: there is no entry, or they do not stand in a row.
        """
        head, *entries = data.split(self.begin)
        last, found, tail = entries.pop().rpartition(self.end) if entries else (b"", b"", b"")
        rest = self.end + self.between
        if not found or not all(entry.endswith(rest) for entry in entries):
            raise ValueError("the entries of the document are not in a row")
        return head, [*(entry.removesuffix(rest) for entry in entries), last], tail

    def merge(self, rendered: bytes, published: bytes, reuse: Reuse) -> bytes:
        """Returns the document with all entries.

        Args:
            rendered: the document with those entries only that are not taken over.
            published: the document that was published, with all its entries.
            reuse: which of these are taken over.

        Raises:
            ValueError: a document has other entries than it should have.
        """
        head, new, tail = self.parts(rendered)
        _, old, _ = self.parts(published)
        fresh = iter(new)
        if len(new) != reuse.places.count(None) or len(old) != reuse.published:
            raise ValueError("the document has more entries, or fewer")
        entries = [next(fresh) if place is None else old[place] for place in reuse.places]
        return self.join(head, entries, tail)

    def join(self, head: bytes, entries: Iterable[bytes], tail: bytes) -> bytes:
        """Returns the document with these parts."""
        joined = (self.end + self.between + self.begin).join(entries)
        return b"".join((head, self.begin, joined, self.end, tail))


class Reuse(NamedTuple):
    """Which entries of a feed stand in its published documents as they are now.

    `places` has the place of each entry there, None for one that must be rendered: at least one,
    since a document without entries may look different. `published` counts the entries there.
    """

    places: Sequence[int | None]
    published: int


def reuse_of(old: bytes, new: bytes) -> Reuse | None:
    """Returns what to take over from the published documents of a feed; None if that is nothing.

    Args:
        old: the key of the feed (`feed_key`) with which they were published.
        new: its key now.
    """
    (site, *before), (new_site, *now) = _digests(old), _digests(new)
    if site != new_site:
        return None
    known = {digest: place for place, digest in enumerate(before)}
    places = [known.get(digest) for digest in now]
    if None not in places and places:
        places[0] = None
    if places.count(None) == len(places):
        return None
    return Reuse(places, len(before))


def _digests(key: bytes) -> list[bytes]:
    return [key[start : start + DIGEST_SIZE] for start in range(0, len(key), DIGEST_SIZE)] or [b""]
