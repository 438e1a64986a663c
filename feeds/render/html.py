"""A feed's page for people (HTML, html.spec.whatwg.org), by the template ``feed.html``."""

from __future__ import annotations

from feeds.common.model import Document
from feeds.render.context import FeedView, up_from
from feeds.render.environment import render_page
from feeds.render.page_context import content_policy, page_entry, page_feed, page_site

MEDIA_TYPE = "text/html"
EXTENSION = "html"


def render_html(view: FeedView) -> Document:
    """Returns the page of a feed; the site must have pages.

    Raises:
        TemplateError: a template of the site's own is faulty.
    """
    site, feed = view.site, view.feed
    up = up_from(feed.address)
    newest = max((entry.published for entry in view.entries), default=None)
    entries = [page_entry(site, feed, entry) for entry in view.entries]
    variables: dict[str, object] = {
        "site": page_site(site),
        "root": up,
        "policy": content_policy([entry.picture for entry in entries if entry.picture]),
        "feed": page_feed(site, up, feed, len(entries), newest),
        "entries": entries,
    }
    templates = site.pages.templates if site.pages else ()
    data = render_page(templates, "feed.html", variables)
    return Document(f"{feed.address}.{EXTENSION}", MEDIA_TYPE, data)
