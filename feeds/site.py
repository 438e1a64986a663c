"""The site as documents show it, from the configuration."""

from __future__ import annotations

from collections.abc import Iterable

from feeds import __version__
from feeds.config import Config
from feeds.model import Feed
from feeds.render.view import Pages, Site
from feeds.select.catalog import addresses_of, excluded_places
from feeds.slugs import QUERY, QUERY_MARK
from feeds.templates import Templates


def site_of(config: Config, feeds: Iterable[Feed] = (), templates: Templates = ()) -> Site:
    """Returns the site as documents show it; pages link to those topics that are among `feeds`."""
    site, every = config.site, config.schedule.every
    missing = sorted(excluded_places(config) - {(feed.kind, feed.key) for feed in feeds})
    query, mark = "", ""
    if config.serve.query:
        query, mark = (QUERY, "") if site.query_link else ("", QUERY_MARK)
    pages = Pages(addresses_of(config), tuple(missing), templates, query, mark)
    return Site(
        base_url=site.base_url,
        home=site.home,
        id=site.id or site.home,
        title=site.title,
        language=site.language,
        author_name=site.author.name,
        author_email=site.author.email,
        author_url=site.author.url,
        rights=site.rights,
        icon=site.icon,
        favicon=site.favicon,
        logo=site.logo,
        hubs=site.hub,
        ttl=0 if config.schedule.cron else max(1, int(every.total_seconds()) // 60),
        related=config.content.related,
        version=__version__,
        media_url=config.images.media_url(site.base_url),
        pages=pages if site.pages else None,
    )
