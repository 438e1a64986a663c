"""What readers are told about an item's times, and what must be remembered for that.

`published` and the id never move once an item has been shown. `updated` moves only for a change
that a reader cares about, and then always forward: to the seed's own newer date, else to the time
when it was seen, and by one second at least, even if an earlier pass ran under a wrong clock.
"""

from __future__ import annotations

import msgspec

from feeds.common.model import ItemHeader, ItemHistory
from feeds.common.times import LATEST


def recall(card: ItemHeader, now: int) -> ItemHistory:
    """Returns the memory of an item that is being shown, as it is after the time `now`.

    It is `card.memory` itself where nothing changed for readers. A digest of another version (its
    first byte) says nothing about an edit, so it is replaced and `updated` stays.
    """
    memory = card.memory
    if memory is None:
        # A date in the future would be doubted by every reader; the seed's first date is not.
        updated = card.stamp if card.stamp <= now else card.dated
        return ItemHistory(card.dated, updated, card.reader_digest, {})
    if memory.digest == card.reader_digest:
        return memory
    if memory.digest[:1] != card.reader_digest[:1]:
        return msgspec.structs.replace(memory, digest=card.reader_digest)
    # A clock that is behind what readers were shown long ago says nothing about the seed's date.
    believable = card.stamp <= now or now < memory.published
    newer = believable and memory.updated < card.stamp
    updated = card.stamp if newer else max(now, min(memory.updated + 1, LATEST))
    return ItemHistory(memory.published, updated, card.reader_digest, memory.qualified)
