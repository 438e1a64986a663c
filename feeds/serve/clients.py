"""Clients: who asks, also behind proxies, and the turns in which their work is done."""

from __future__ import annotations

import asyncio
import ipaddress
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from feeds.serve.messages import BUSY, Answer, Request

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# A subscriber of IPv6 has at least a /64 (RFC 6177, section 2), and may use any address in it.
_PREFIX = 64
# Addresses of IPv4 within IPv6 begin with so many bits (RFC 4291, section 2.5.5.2).
_MAPPED_PREFIX = 96

Work = Callable[[], Answer]


class Proxies:
    """The proxies whose X-Forwarded-For is trusted, by their addresses and networks."""

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks = [_mapped_network(ipaddress.ip_network(one)) for one in networks]

    def client_of(self, peer: str, forwarded: Sequence[str]) -> str:
        """Returns a name for the client that a request comes from: its address, or its /64 of IPv6.

        Args:
            peer: The address and port of the connection's other end.
            forwarded: The lines of X-Forwarded-For.
        """
        address = self.address_of(peer, forwarded)
        if address is None:
            return peer
        if isinstance(address, ipaddress.IPv4Address):
            return str(address)
        return str(ipaddress.IPv6Network((address, _PREFIX), strict=False))

    def address_of(self, peer: str, forwarded: Sequence[str]) -> Address | None:
        """Returns the address of the client; None if the peer has none.

        The client is the peer of the connection, or, if that is a trusted proxy, the last address
        in X-Forwarded-For that is not a trusted proxy's. If a trusted proxy forwarded something
        that is no address, the proxy itself counts as the client.
        """
        address = _address(peer)
        if address is None:
            return None
        members = filter(None, map(str.strip, ",".join(forwarded).split(",")))
        for member in reversed(list(members)):
            before = _address(member)
            if before is None or not any(address in network for network in self._networks):
                break
            address = before
        return address


def _address(text: str) -> Address | None:
    """Parses ``1.2.3.4:80`` or ``[::1]:80``, with or without the port; None if it is neither."""
    host = text.strip('"')
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _mapped_network(network: Network) -> Network:
    """Returns an IPv4-mapped network of IPv6 as the network of IPv4 that it stands for."""
    first = getattr(network.network_address, "ipv4_mapped", None)
    if first is None or network.prefixlen < _MAPPED_PREFIX:
        return network
    return ipaddress.IPv4Network((first, network.prefixlen - _MAPPED_PREFIX))


@dataclass(eq=False, slots=True)
class _Job:
    """Work for all who send the same request; `clients` are those in whose queues it waits."""

    key: Request
    work: Work
    done: asyncio.Future[Answer]
    clients: set[str] = field(default_factory=set)
    running: bool = False


class Turns:
    """A queue of jobs per client, served in turns by one thread.

    So a client that asks for much delays only itself. At most `most` jobs wait. When they are too
    many, the last job of the client with the longest queue makes room for a client with a shorter
    one, and is answered with 503. Use it from the thread of the event loop only.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        # One thread, since feedgen may be used by one only.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="query")
        self._jobs: dict[Request, _Job] = {}
        self._queues: OrderedDict[str, deque[_Job]] = OrderedDict()
        self._serving: asyncio.Task[None] | None = None

    async def take(self, client: str, key: Request, work: Work) -> Answer:
        """Does work when the client's turn comes.

        Clients that ask with the same key while the work waits or runs share it: it is done at the
        first turn of any of them.

        Args:
            client: The client's name, from `Proxies.client_of`.
            key: The request, or another that has the same answer.
            work: Makes the answer; called in the thread.

        Returns:
            The answer of the work, or `BUSY` if there was no room.
        """
        loop = asyncio.get_running_loop()
        job = self._jobs.get(key) or _Job(key, work, loop.create_future())
        if not job.running and client not in job.clients:
            if self._make_room(client):
                self._jobs[key] = job
                job.clients.add(client)
                self._queues.setdefault(client, deque()).append(job)
            elif not job.clients:
                return BUSY
        if self._serving is None:
            self._serving = loop.create_task(self._serve())
        return await asyncio.shield(job.done)

    def close(self) -> None:
        """Ends the thread after the job that it is doing."""
        self._thread.shutdown()

    def _make_room(self, client: str) -> bool:
        if sum(map(len, self._queues.values())) < self._most:
            return True
        name, longest = max(self._queues.items(), key=lambda item: len(item[1]))
        if len(longest) <= len(self._queues.get(client, ())) + 1:
            return False
        last = longest[-1]
        self._remove(name, last)
        if not last.clients:
            del self._jobs[last.key]
            last.done.set_result(BUSY)
        return True

    def _remove(self, client: str, job: _Job) -> None:
        self._queues[client].remove(job)
        if not self._queues[client]:
            del self._queues[client]
        job.clients.discard(client)

    async def _serve(self) -> None:
        """Does jobs, one of each client in turn, until none waits."""
        loop = asyncio.get_running_loop()
        while self._queues:
            client, queue = next(iter(self._queues.items()))
            self._queues.move_to_end(client)
            job = queue[0]
            for one in tuple(job.clients):
                self._remove(one, job)
            job.running = True
            try:
                job.done.set_result(await loop.run_in_executor(self._thread, job.work))
            except Exception as error:  # noqa: BLE001 (raised in who awaits the answer)
                job.done.set_exception(error)
            del self._jobs[job.key]
        self._serving = None
