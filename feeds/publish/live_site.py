"""Looks at the running site as readers do, and tells what is wrong: for `feeds doctor`.

Nothing but the host of the site's own address is asked.
"""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import msgspec

from feeds import __version__
from feeds.common.media import kind_of
from feeds.common.reports import Finding, bad, good, odd
from feeds.common.urls import is_own_host, shown_url
from feeds.config import Config

if TYPE_CHECKING:
    import httpx

_SECONDS = 10.0
_MOST_REDIRECTS = 5
# Of the feed of everything, so many enclosures are asked for.
_MOST_ENCLOSURES = 20
# Clocks that differ by more make dates of stories wrong.
_CLOCK_SECONDS = 60.0
_CERTIFICATE_DAYS = 14
# Below this size an answer need not be compressed.
_SMALL_BYTES = 2000
_READERS = {
    "Feedly": "Feedly/1.0 (+https://feedly.com/poller.html; 2 subscribers)",
    "Inoreader": "Mozilla/5.0 (compatible; inoreader.com; 2 subscribers)",
    "NetNewsWire": "NetNewsWire (RSS Reader; https://netnewswire.com/)",
    "Miniflux": "Mozilla/5.0 (compatible; Miniflux/2.2.3; +https://miniflux.app)",
    "Thunderbird": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Thunderbird/128.5.0",
}
_BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
_SELF = re.compile(r'<(?:atom:)?link\b(?=[^>]*\brel="self")[^>]*\bhref="([^"]*)"')


def visit(config: Config, url: str = "") -> Iterator[Finding]:
    """Yields what readers meet at the site, best read in this order.

    Args:
        config: the configuration.
        url: the address to ask instead of `site.base_url`, for instance before a move.
    """
    import httpx  # on demand: it costs 100 ms

    headers = {"user-agent": f"feeds/{__version__} doctor (+{config.site.home})"}
    with httpx.Client(headers=headers, timeout=_SECONDS) as client:
        yield from _Visit(client, config, url or config.site.base_url).findings()


class _Visit:
    """One visit to the site at `base`, which ends in a slash."""

    def __init__(self, client: httpx.Client, config: Config, base: str) -> None:
        self._client = client
        self._config = config
        self._base = base if base.endswith("/") else f"{base}/"
        self._host = client.build_request("GET", self._base).url.host

    def findings(self) -> Iterator[Finding]:
        """Yields all findings; only the first if nobody answers."""
        feed = yield from self._reach()
        if feed is None:
            return
        yield from self._clock(feed)
        if feed.url.scheme == "https":
            yield from self._certificate(feed)
        elif not is_own_host(self._host):
            advice = "serve it by https; Caddy does so by itself"
            yield odd("TLS", "the site is served without TLS", advice)
        yield from self._types()
        yield from self._unchanged(feed)
        yield from self._compression()
        yield from self._document()
        yield from self._readers()
        yield from self._page()

    def _reach(self) -> Generator[Finding, None, httpx.Response | None]:
        """Yields whether the feed of everything is there, and returns its answer."""
        import httpx

        at = f"{self._base}all.atom"
        try:
            answer, hops = self._follow(at)
        except httpx.HTTPError as error:
            advice = "is the web server running, and does DNS name its address?"
            if is_own_host(self._host):
                advice = "start 'feeds serve', or name the site: feeds doctor https://..."
            if "CERTIFICATE" in str(error):
                advice = "renew the certificate, or have the server send its whole chain"
            yield bad("reachable", f"{at}: {error}", advice)
            return None
        for hop in hops:
            text = f"{hop.url} is redirected to {hop.headers['location']}"
            if hop.status_code not in (301, 308) or at == self._config.site.base_url + "all.atom":
                yield odd("redirects", text, "set site.base_url to where the redirect leads")
            else:
                yield good("redirects", text)
        if answer.status_code != 200:
            yield bad("reachable", f"{at} gives {answer.status_code}", _advice(answer.status_code))
            return None
        yield good("reachable", f"{at} gives {len(answer.content)} bytes")
        return answer

    def _follow(self, url: str, **headers: str) -> tuple[httpx.Response, list[httpx.Response]]:
        """Returns an answer, and the redirects on the way to it, which stay on the host."""
        hops: list[httpx.Response] = []
        answer = self._get(url, **headers)
        while answer.is_redirect and len(hops) < _MOST_REDIRECTS:
            target = answer.url.join(answer.headers.get("location", ""))
            if target.host != self._host:
                break
            hops.append(answer)
            answer = self._get(str(target), **headers)
        return answer, hops

    def _get(self, url: str, method: str = "GET", **headers: str) -> httpx.Response:
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._client.request(method, url, headers=fields)

    def _try(self, path: str, method: str = "GET", **headers: str) -> httpx.Response | None:
        """Returns the answer at an address of the site; None if there was none."""
        import httpx

        with suppress(httpx.HTTPError, httpx.InvalidURL):
            if method == "GET":
                return self._follow(urljoin(self._base, path), **headers)[0]
            return self._get(urljoin(self._base, path), method, **headers)
        return None

    def _clock(self, answer: httpx.Response) -> Iterator[Finding]:
        with suppress(ValueError, KeyError, TypeError):
            off = parsedate_to_datetime(answer.headers["date"]).timestamp() - time.time()
            if abs(off) > _CLOCK_SECONDS + float(answer.headers.get("age", 0)):
                text = f"the clocks of the site and of this machine differ by {abs(off):.0f} s"
                yield bad("clock", text, "set them by NTP (systemd-timesyncd, chrony)")

    def _certificate(self, answer: httpx.Response) -> Iterator[Finding]:
        # Asked for again, since a connection that is closed has no certificate any more.
        with self._client.stream("GET", answer.url) as open_answer:
            tls = open_answer.extensions["network_stream"].get_extra_info("ssl_object")
            version, ends = tls.version(), tls.getpeercert()["notAfter"]
        seconds = ssl.cert_time_to_seconds(ends) - time.time()
        days = int(seconds // 86_400)
        if days < _CERTIFICATE_DAYS:
            text = f"the certificate ends in {days} days"
            yield bad("TLS", text, "find out why it was not renewed")
        else:
            yield good("TLS", f"{version}, the certificate ends in {days} days")

    def _types(self) -> Iterator[Finding]:
        for extension in ("atom", "rss", "json"):
            answer, wanted = self._try(f"all.{extension}"), kind_of(f".{extension}").media_type
            found = answer.headers.get("content-type", "no type") if answer else "no answer"
            if answer is None or answer.status_code != 200 or found.partition(";")[0] != wanted:
                text = f"all.{extension} comes as {found}, wanted {wanted}"
                yield bad("types", text, "set the media types as deploy/nginx.conf does")
            else:
                yield good("types", f"all.{extension} is {found}")

    def _unchanged(self, answer: httpx.Response) -> Iterator[Finding]:
        headers = {"if-none-match": "etag", "if-modified-since": "last-modified"}
        if answer.headers.keys().isdisjoint(headers.values()):
            text = (
                "the server sends no etag and no last-modified, so each poll costs the whole feed"
            )
            yield odd("304", text, "let the server send ETag and Last-Modified")
        for name, source in headers.items():
            if source not in answer.headers:
                continue  # a date is left out in the second of a publication
            again = self._try(str(answer.url), **{name: answer.headers[source]})
            if again is not None and again.status_code == 304:
                yield good("304", f"{name} gets 304")
            else:
                code = again.status_code if again else "no answer"
                text = f"{name} gets {code} although nothing changed, so each poll costs the feed"
                yield odd("304", text, "let the server, and any proxy before it, keep that header")

    def _compression(self) -> Iterator[Finding]:
        answer = self._try("all.atom", accept_encoding="gzip, br, zstd")
        if answer is None or len(answer.content) < _SMALL_BYTES:
            return
        coding = answer.headers.get("content-encoding", "")
        if coding:
            yield good("compression", f"feeds come in {coding}")
        else:
            advice = "turn compression on; with publish.precompress = true the copies are there"
            yield odd("compression", "feeds come uncompressed", advice)

    def _document(self) -> Iterator[Finding]:
        """Yields what the documents themselves say: their address, hubs and enclosures."""
        atom, document = self._try("all.atom"), self._try("all.json")
        match = _SELF.search(atom.text) if atom else None
        found, wanted = match[1] if match else "no address", self._config.site.base_url
        if found != f"{wanted}all.atom":
            text = f"all.atom at {self._base} says that it is at {found}"
            yield bad("self link", text, "publish again; is an old copy being served?")
        elif self._base != wanted:
            text = f"the feeds at {self._base} say that they are at {wanted}"
            advice = "if readers use the first address, set site.base_url to it and publish again"
            yield odd("self link", text, advice)
        else:
            yield good("self link", found)
        data: dict[str, Any] = {}
        with suppress(msgspec.DecodeError):
            data = msgspec.json.decode(document.content, type=dict) if document else {}
        yield from self._hubs(data, str(document.headers.get("link", "")) if document else "")
        items = data.get("items", [])
        yield from self._enclosures(
            attachment for item in items for attachment in item.get("attachments", [])
        )

    def _hubs(self, data: dict[str, Any], link: str) -> Iterator[Finding]:
        named = {one.get("url") for one in data.get("hubs", [])}
        for hub in self._config.site.hub:
            if hub not in named:
                text = f"all.json does not name the hub {shown_url(hub)}"
                yield bad("hub", text, "publish again; is an old copy being served?")
            elif f"<{hub}>" not in link:
                text = f"the hub {shown_url(hub)} stands in the feeds, but in no Link header"
                yield odd("hub", text, "set it in the web server, as deploy/nginx.conf says")
            else:
                yield good("hub", f"{shown_url(hub)} can be discovered")

    def _enclosures(self, attachments: Iterable[Any]) -> Iterator[Finding]:
        import httpx

        asked, elsewhere = 0, 0
        for one in attachments:
            url, size = str(one.get("url", "")), one.get("size_in_bytes")
            if httpx.URL(url).host != self._host:
                elsewhere += 1
                continue
            if asked == _MOST_ENCLOSURES:
                break
            asked += 1
            answer = self._try(url, "HEAD", accept_encoding="identity")
            length = answer.headers.get("content-length") if answer else None
            if answer is None or answer.status_code != 200 or length != str(size):
                code = answer.status_code if answer else "no answer"
                text = f"{url} gives {code} and {length or 'no'} bytes, the feed says {size}"
                yield bad("enclosures", text, "publish again; serve media/ from the same out/")
        if asked or elsewhere:
            more = f"; {elsewhere} on other hosts were not asked for" if elsewhere else ""
            yield good("enclosures", f"asked for {asked}{more}")

    def _readers(self) -> Iterator[Finding]:
        blocked = []
        for name, agent in _READERS.items():
            answer = self._try("all.atom", user_agent=agent)
            if answer is None or answer.status_code != 200:
                blocked.append(f"{name} ({answer.status_code if answer else 'no answer'})")
        if blocked:
            text = f"these feed readers are kept out: {', '.join(blocked)}"
            advice = "let the CDN or firewall pass all who ask for feeds, whatever their User-Agent"
            yield bad("readers", text, advice)
        else:
            yield good("readers", f"not blocked: {', '.join(_READERS)}")

    def _page(self) -> Iterator[Finding]:
        if not self._config.site.pages:
            return
        answer = self._try("", accept=_BROWSER)
        kind = answer.headers.get("content-type", "no type") if answer else "no answer"
        if answer is None or answer.status_code != 200 or not kind.startswith("text/html"):
            text = f"a browser gets {answer.status_code if answer else ''} {kind} at {self._base}"
            yield bad("pages", text, "let the server send index.html for a folder")
        else:
            yield good("pages", f"{self._base} is a page for people")


def _advice(status: int) -> str:
    if status in (401, 403):
        return "a login, firewall or CDN is in the way: feeds must be open to all"
    if status in (404, 410):
        return "run 'feeds export', and let the server serve the folder of paths.out here"
    return "look at the log of the web server"
