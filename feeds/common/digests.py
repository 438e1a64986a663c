"""Digests: entries that each hold the best stories of a day or a week."""

from __future__ import annotations

import uuid

import msgspec

from feeds.common.model import Item
from feeds.common.times import from_unix, rfc3339


class DigestStory(msgspec.Struct, frozen=True):
    """A story as it was when its period ended, or when it was corrected after that.

    `number` is the store's own, for its images. `withdrawn` says why it was withdrawn since
    (``deleted``, ``unpublished`` or ``excluded``), ``""`` if it was not.
    """

    number: int
    item: Item
    withdrawn: str = ""


class Digest(msgspec.Struct, frozen=True):
    """The best stories of a period, from `start` until `end`, in seconds since 1970.

    `day` is the day of its last moment, where the site is, in ISO 8601.
    """

    start: int
    end: int
    day: str
    stories: tuple[DigestStory, ...]

    def shown(self, *, notices: bool) -> list[DigestStory]:
        """Returns the stories that are shown, withdrawn ones only if their notices are."""
        return [one for one in self.stories if notices or not one.withdrawn]

    def id_in(self, feed_id: str) -> str:
        """Returns the id of its entry: a UUID of the feed's id and the period's start."""
        return f"urn:uuid:{uuid.uuid5(uuid.UUID(feed_id), rfc3339(from_unix(self.start)))}"


encode_digest = msgspec.msgpack.Encoder().encode
decode_digest = msgspec.msgpack.Decoder(Digest).decode
