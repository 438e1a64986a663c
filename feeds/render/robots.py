"""What search engines are to leave out, as files that nginx and Caddy include."""

from __future__ import annotations

import re
from collections.abc import Sequence

from feeds.common.model import Document, FeedSummary

# Names that begin with a dot are for web servers, not for readers.
NGINX = ".feeds-robots.nginx"
CADDY = ".feeds-robots.caddy"
PATHS = (NGINX, CADDY)

_HEAD = "# Written by feeds: what search engines are to leave out (noindex).\n"


def exceptions(noindex: bool, feeds: Sequence[FeedSummary]) -> list[str]:  # noqa: FBT001
    """Returns the addresses at which the feeds stand whose `noindex` is not that of the site."""
    return [
        address
        for one in feeds
        if one.feed.noindex != noindex
        for address in (one.feed.address, *one.feed.aliases)
    ]


def render_robots_headers(
    noindex: bool,  # noqa: FBT001
    addresses: Sequence[str],
    extensions: Sequence[str],
) -> list[Document]:
    """Returns the files by which nginx and Caddy send ``X-Robots-Tag: noindex``.

    Args:
        noindex: Whether the site is to be left out.
        addresses: The addresses of the feeds to which the opposite applies.
        extensions: The formats in which each feed has a document.
    """
    # Patterns, since a map of nginx takes no exact name that is longer than its buckets.
    ends = "|".join(extensions)
    lines = ["default noindex;\n"] if noindex else []
    value = '""' if noindex else "noindex"
    lines += [f'"~^/{re.escape(address)}\\.(?:{ends})$" {value};\n' for address in addresses]
    paths = [f"/{address}.{extension}" for address in addresses for extension in extensions]
    condition = ["not"] * noindex + ["path", *paths]
    matcher = f"@noindex {' '.join(condition)}\n" if paths else ""
    caddy = f"{matcher}header {'@noindex ' if paths else ''}X-Robots-Tag noindex\n"
    texts = {NGINX: "".join(lines), CADDY: caddy}
    return [Document(path, (_HEAD + text).encode()) for path, text in texts.items()]
