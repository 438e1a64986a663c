"""What readers are told about an item's times, and what must be remembered for that.

`published` and the id never move once an item has been shown. `updated` moves only for a change
that a reader cares about: to the seed's own newer date, else to the time when it was seen.
"""

from __future__ import annotations

from feeds.model import Card, Memory


def recall(card: Card, now: int) -> Memory:
    """Returns the memory of an item that is being shown, as it is after the time `now`.

    It is `card.memory` itself where nothing changed for readers.
    """
    memory = card.memory
    if memory is None:
        # A date in the future would be doubted by every reader; the seed's first date is not.
        updated = card.stamp if card.stamp <= now else card.dated
        return Memory(card.dated, updated, card.reader_digest, {})
    if memory.digest == card.reader_digest:
        return memory
    # A clock that is behind what readers were shown long ago says nothing about the seed's date.
    believable = card.stamp <= now or now < memory.published
    newer = believable and memory.updated < card.stamp
    updated = card.stamp if newer else max(now, memory.updated)
    return Memory(memory.published, updated, card.reader_digest, memory.qualified)
