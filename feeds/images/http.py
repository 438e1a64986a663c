"""The HTTP client that images are fetched with: httpx, with no way past the guard."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import aclosing
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpcore
import httpx

from feeds.images.guard import Guard

# Where redirects point: under its own name httpx would judge it before we do, and raise.
LOCATION = b"feeds-location"


def make_client(guard: Guard, agent: str, seconds: float, connections: int) -> httpx.AsyncClient:
    """Returns a client of HTTP/1.1 and HTTP/2 whose every connection `guard` makes.

    It keeps no cookies and sends no credentials, follows no redirects by itself, and knows nothing
    of proxies and .netrc, whatever the environment says. Certificates are checked as usual, against
    certifi's roots or those that SSL_CERT_FILE or SSL_CERT_DIR name.
    """
    return httpx.AsyncClient(
        transport=_Transport(guard, connections),
        headers={"User-Agent": agent, "Accept": "image/*", "Accept-Encoding": "identity"},
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        timeout=seconds,
        follow_redirects=False,
        trust_env=False,
    )


class _Transport(httpx.AsyncBaseTransport):
    """httpx over httpcore's pool, as httpx's own transport, which takes no network backend."""

    def __init__(self, guard: Guard, connections: int) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=_trust(),
            max_connections=4 * connections,
            max_keepalive_connections=2 * connections,
            keepalive_expiry=5.0,
            http2=True,
            network_backend=guard,
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        response = await self._pool.handle_async_request(
            httpcore.Request(
                request.method,
                httpcore.URL(
                    scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
                ),
                headers=request.headers.raw,
                extensions=request.extensions,
            )
        )
        headers = [
            (LOCATION if name.lower() == b"location" else name, value)
            for name, value in response.headers
        ]
        return httpx.Response(
            response.status,
            headers=headers,
            stream=_Body(response),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        await self._pool.aclose()


class _Body(httpx.AsyncByteStream):
    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async with aclosing(self._response.aiter_stream()) as parts:  # type: ignore[type-var]
            async for part in parts:
                yield part

    async def aclose(self) -> None:
        await self._response.aclose()


def _trust() -> ssl.SSLContext:
    return httpx.create_ssl_context(verify=True, trust_env=True)
