"""Redirects from former addresses of feeds, as files that nginx and Caddy include."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from feeds.common.model import Document, FeedSummary

# Names that begin with a dot are for web servers, not for readers.
NGINX = ".feeds-redirects.nginx"
CADDY = ".feeds-redirects.caddy"
PATHS = (NGINX, CADDY)

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
_HEAD = "# Written by feeds: the former addresses of feeds, and where these are now.\n"


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
    documents = []
    for path, line in ((NGINX, _NGINX), (CADDY, _CADDY)):
        text = _HEAD + "".join(line.format(old=old, new=new) for old, new in moves)
        documents.append(Document(path, text.encode()))
    return documents
