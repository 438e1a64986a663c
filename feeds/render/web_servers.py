"""Files that nginx and Caddy include: redirects, and what search engines are to leave out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote

from feeds.common.model import Document, FeedSummary

# Names that begin with a dot are for web servers, not for readers.
REDIRECTS = (".feeds-redirects.nginx", ".feeds-redirects.caddy")
ROBOTS = (".feeds-robots.nginx", ".feeds-robots.caddy")
_REDIRECTS = "# Written by feeds: the former addresses of feeds, and where these are now.\n"
_ROBOTS = "# Written by feeds: what search engines are to leave out (noindex).\n"

# Exact locations, not a map: nginx looks them up as fast, and their names may have any length.
_NGINX = """\
location = /{old} {{
    add_header Cache-Control "public, max-age=900";
    add_header Access-Control-Allow-Origin "*";
    add_header X-Content-Type-Options nosniff always;
    return 301 {new};
}}
"""
_CADDY = "redir /{old} {new} 301\n"


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
    texts = zip(ROBOTS, ("".join(lines), caddy), strict=True)
    return [Document(path, (_ROBOTS + text).encode()) for path, text in texts]


def render_redirects(
    base_url: str, feeds: Sequence[FeedSummary], extensions: Sequence[str]
) -> list[Document]:
    """Returns the files for nginx and Caddy, which redirect with 301 (RFC 9110, section 15.4.2).

    Args:
        base_url: The URL of out/.
        feeds: All feeds.
        extensions: The formats in which each feed has a document.
    """
    base_url = quote(base_url, safe="%/:@~")  # $ and ; would mean something to the servers
    moves = [
        (f"{alias}.{extension}", f"{base_url}{one.feed.address}.{extension}")
        for one in feeds
        for alias in one.feed.aliases
        for extension in extensions
    ]
    if not moves:
        return []
    texts = (
        _REDIRECTS + "".join(line.format(old=old, new=new) for old, new in moves)
        for line in (_NGINX, _CADDY)
    )
    return [Document(path, text.encode()) for path, text in zip(REDIRECTS, texts, strict=True)]
