"""Redirects from former addresses of feeds, as files that nginx and Caddy include."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import quote

from feeds.common.model import Document, FeedSummary
from feeds.render import atom, html, jsonfeed, rss
from feeds.render.context import Site

MEDIA_TYPE = "text/plain"
# Names that begin with a dot are for web servers, not for readers.
NGINX = ".feeds-redirects.nginx"
CADDY = ".feeds-redirects.caddy"
PATHS = (NGINX, CADDY)

_EXTENSIONS = (atom.EXTENSION, rss.EXTENSION, jsonfeed.EXTENSION)
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


def render_redirects(site: Site, feeds: Sequence[FeedSummary]) -> list[Document]:
    """Returns the files for nginx and Caddy, which redirect with 301 (RFC 9110, section 15.4.2)."""
    moves = list(_moves(site, feeds))
    if not moves:
        return []
    return [
        Document(path, MEDIA_TYPE, (_HEAD + "".join(_lines(line, moves))).encode())
        for path, line in ((NGINX, _NGINX), (CADDY, _CADDY))
    ]


def _moves(site: Site, feeds: Sequence[FeedSummary]) -> Iterator[tuple[str, str]]:
    extensions = (*_EXTENSIONS, html.EXTENSION) if site.pages else _EXTENSIONS
    for one in feeds:
        for alias in one.feed.aliases:
            for extension in extensions:
                # Quoted, so that $ and ; mean nothing in the configuration of a server.
                address = f"{one.feed.address}.{extension}"
                yield f"{alias}.{extension}", quote(site.base_url, safe="%/:@~") + address


def _lines(line: str, moves: list[tuple[str, str]]) -> Iterator[str]:
    return (line.format(old=old, new=new) for old, new in moves)
