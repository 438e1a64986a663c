"""The site as documents show it, from the configuration."""

from __future__ import annotations

from feeds import __version__
from feeds.common.slugs import QUERY, QUERY_MARK, Addresses
from feeds.common.templates import Templates
from feeds.config import Config
from feeds.render.context import Pages, Site

EVERYWHERE_PLAIN = Addresses()


def site_of(
    config: Config, addresses: Addresses = EVERYWHERE_PLAIN, templates: Templates = ()
) -> Site:
    """Returns the site as documents show it."""
    site, every = config.site, config.schedule.every
    query, mark = "", ""
    if config.serve.query:
        query, mark = (QUERY, "") if site.query_link else ("", QUERY_MARK)
    pages = Pages(addresses, (), templates, query, mark)
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
