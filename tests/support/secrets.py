"""A secret, and fields of a seed that it stands in where it should not."""

from __future__ import annotations

BLOB = "wmN1XUkAeqeLw74hJAUdxFhxipbSYo35MMIBJs1MlGyE0jZpTm1DYJO3Aw3uiOIj+/9Q==;6ktbRvPnp6Nl=="
# With how many lines below the first the secret begins.
MISPLACED_FIELDS = {
    "in-an-excerpt": ("excerpt: >-\n  a\n  secured: >-\n    {blob}", 2),
    "in-a-block": ("excerpt: |2-\n  secured: |\n  {short}", 1),
    "in-quotes": ('category: "a\nsecured: {blob}"', 1),
    "in-an-item": ("tags:\n  - secured: {blob}", 1),
    "in-a-flow-mapping": ("x: {{\n  secured: {blob}}}", 1),
    "in-a-flow-list": ("tags: [a\n  , secured: {blob}]", 1),
    "in-an-unknown-key": ("unknown:\n  secured: {blob}", 1),
    "capitals": ("SECURED: {blob}", 0),
    "quoted-key": ('"secured": {blob}', 0),
    "question-mark": ("? secured\n: {blob}", 0),
    "comment": ("excerpt: |\n  # secured: {blob}", 1),
    "line-separator": ("excerpt: a\u2028secured: {blob}", 0),
    "in-itself": ("secured:\n  secured: {blob}", 1),
    "lines-of-eight": ("excerpt: >\n  secured: >\n  {short}", 1),
    "not-secret-at-all": ("excerpt: >-\n  It is\n  secured: 5 million", 2),
    "yaml-broken-as-well": ("excerpt: [\n  secured: {blob}", 1),
}


def short_lines(width: int) -> str:
    """Returns the first part of the secret in lines of this width, for a block."""
    return "\n  ".join(BLOB[at : at + width] for at in range(0, 5 * width, width))


def with_field(seed: bytes, field: str) -> bytes:
    """Returns a seed with this at the end of its front matter."""
    lines = field.format(blob=BLOB, short=short_lines(8))
    return seed.replace(b"\n---\n", f"\n{lines}\n---\n".encode(), 1)
