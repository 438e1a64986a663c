"""The readers that pages offer for following a feed."""

from __future__ import annotations

from urllib.parse import quote

from feeds.render.context import Site
from feeds.render.page_context import ReaderLink

_FEED = "feed:{raw}"
_APPLE = "iPhone, iPad, Mac"
# Name, platforms, subscribe address. Those on the web first, since they work for everybody; the
# others open if they are installed. `[[site.readers]]` replaces them.
READERS = (
    ("Feedly", "Web, Android, iPhone", "https://feedly.com/i/subscription/feed/{url}"),
    ("Inoreader", "Web, Android, iPhone", "https://www.inoreader.com/?add_feed={url}"),
    ("NewsBlur", "Web, Android, iPhone", "https://www.newsblur.com/?url={url}"),
    ("The Old Reader", "Web", "https://theoldreader.com/feeds/subscribe?url={url}"),
    ("NetNewsWire", _APPLE, _FEED),
    ("Reeder", _APPLE, _FEED),
    ("Feeder", "Android", _FEED),
    ("Thunderbird", "Windows, Mac, Linux", _FEED),
)


def readers_of(site: Site, address: str) -> list[ReaderLink]:
    """Returns the readers for the feed at an address below out/."""
    readers = site.pages.readers if site.pages else ()
    return reader_links(readers, f"{site.base_url}{address}.atom")


def reader_links(readers: tuple[tuple[str, str, str], ...], url: str) -> list[ReaderLink]:
    """Returns the readers for a feed.

    Args:
        readers: Name, platforms and subscribe address of each; none for ours.
        url: The feed's address.
    """
    quoted = quote(url, safe="")
    return [
        ReaderLink(name, where, subscribe.replace("{url}", quoted).replace("{raw}", url))
        for name, where, subscribe in readers or READERS
    ]
