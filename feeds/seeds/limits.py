"""How large a seed may be, and each part of it."""

from __future__ import annotations

# The largest file that is read as a seed, in bytes.
MAX_BYTES = 1 << 20

# Of the front matter: levels, and values. A value costs about a microsecond and 100 bytes, and a
# wrong one a problem of a kilobyte.
MAX_DEPTH = 32
MAX_VALUES = 20_000
# Each topic makes a feed, and each image a copy. Members beyond these are dropped with a warning.
MAX_MEMBERS = {"topics": 50, "tags": 100, "images": 50, "related": 100}
MAX_PIXELS = 100_000
MAX_HEAT = 999_999_999

# Of what a body costs. Within these any body takes less than half a second and 60 MB; long reports
# with hundreds of links are far below them.
MAX_BODY_CHARACTERS = 100_000
MAX_BODY_LINES = 5_000
MAX_BODY_MARKS = 20_000
MAX_BODY_TOKENS = 60_000


def why_too_large(size: int) -> str:
    """Returns why a seed of so many bytes is not read, "" if it is."""
    return f"{size} bytes, wanted at most {MAX_BYTES} (1 MiB)" if size > MAX_BYTES else ""
