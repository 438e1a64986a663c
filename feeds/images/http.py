"""The HTTP client that images are fetched with: httpcore, over connections that a guard makes.

httpx, which is built on httpcore, would cost half as much CPU again, and what it adds is not wanted
here: cookies, credentials, proxies, redirects.
"""

from __future__ import annotations

import select
import ssl
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpcore
import httpx

from feeds import __version__
from feeds.images.guard import Guard


def user_agent(site: str) -> str:
    """Returns what requests for images call themselves: our name, and the address of the site."""
    return f"feeds/{__version__} (+{site})"


class _Network(httpcore.AsyncNetworkBackend):
    """The connections of a guard, as streams that cost little."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    async def connect_tcp(self, *where: Any, **options: Any) -> httpcore.AsyncNetworkStream:
        return _Stream(await self._guard.connect_tcp(*where, **options))

    async def sleep(self, seconds: float) -> None:
        await self._guard.sleep(seconds)


class _Stream(httpcore.AsyncNetworkStream):
    """A connection that can be asked at little cost whether its server has closed it.

    httpcore's pool asks this of every idle connection, twice for each request.
    """

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        self._poll = select.poll()
        self._poll.register(stream.get_extra_info("socket"), select.POLLIN)

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        return await self._stream.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore.AsyncNetworkStream:
        return _Stream(await self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":
            return bool(self._poll.poll(0))
        return self._stream.get_extra_info(info)


class Client:
    """Asks with HTTP/1.1 and HTTP/2, over connections that `guard` makes; to be closed.

    It keeps no cookies, sends no credentials, follows no redirects, has no time limits, and knows
    nothing of proxies and .netrc, whatever the environment says. Certificates are checked against
    certifi's roots or those that SSL_CERT_FILE or SSL_CERT_DIR name.
    """

    def __init__(self, guard: Guard, agent: str, connections: int) -> None:
        self._headers = (
            (b"User-Agent", agent.encode()),
            (b"Accept", b"image/*"),
            (b"Accept-Encoding", b"identity"),
        )
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=httpx.create_ssl_context(verify=True, trust_env=True),
            max_connections=4 * connections,
            max_keepalive_connections=2 * connections,
            keepalive_expiry=5.0,
            http2=True,
            network_backend=_Network(guard),
        )

    def get(
        self, url: httpx.URL, conditions: Mapping[str, str]
    ) -> AbstractAsyncContextManager[httpcore.Response]:
        """Returns a context that sends a request and ends it; `conditions` are more headers."""
        where = httpcore.URL(
            scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
        )
        headers = [(b"Host", url.netloc), *self._headers]
        headers += ((name.encode(), value.encode()) for name, value in conditions.items())
        return self._pool.stream(b"GET", where, headers=headers)

    async def aclose(self) -> None:
        """Closes all connections."""
        await self._pool.aclose()
