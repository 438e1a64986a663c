"""Clients: who asks, also behind proxies, and the turns in which their work is done."""

from __future__ import annotations

import asyncio
import ipaddress
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from feeds.serve.messages import BUSY, Answer, Request

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# A subscriber of IPv6 has at least a /64 (RFC 6177, section 2), and may use any address in it.
_PREFIX = 64

Work = Callable[[], Answer]


class Proxies:
    """The proxies whose X-Forwarded-For is trusted, by their addresses and networks."""

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks = [_mapped_network(ipaddress.ip_network(one)) for one in networks]

    def client_of(self, peer: str, forwarded: Sequence[str]) -> str:
        """Returns a name for the client that a request comes from: its address, or its /64 of IPv6.

        The client is the peer of the connection, or, if that is a trusted proxy, the last address
        in X-Forwarded-For that is not a trusted proxy's. If a trusted proxy forwarded something
        that is no address, the proxy itself counts as the client.

        Args:
            peer: The address and port of the connection's other end.
            forwarded: The lines of X-Forwarded-For.
        """
        address = _address(peer)
        if address is None:
            return peer
        for member in _from_the_right(forwarded):
            if not self._trust(address):
                break
            before = _address(member)
            if before is None:
                break
            address = before
        return _neighbourhood(address)

    def _trust(self, address: Address) -> bool:
        return any(address in network for network in self._networks)


def _from_the_right(lines: Sequence[str]) -> Iterator[str]:
    for line in reversed(lines):
        for member in reversed(line.split(",")):
            if text := member.strip():
                yield text


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
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _mapped_network(network: Network) -> Network:
    """Returns an IPv4-mapped network of IPv6 as the network of IPv4 that it stands for."""
    if isinstance(network, ipaddress.IPv4Network):
        return network
    first = network.network_address.ipv4_mapped
    length = network.prefixlen - 96
    return network if first is None or length < 0 else ipaddress.IPv4Network((first, length))


def _neighbourhood(address: Address) -> str:
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(ipaddress.IPv6Network((address, _PREFIX), strict=False))


class _Job:
    """Work for all who send the same request; `clients` are those in whose queues it waits."""

    __slots__ = ("clients", "done", "key", "running", "work")

    def __init__(self, key: Request, work: Work, done: asyncio.Future[Answer]) -> None:
        self.key = key
        self.work = work
        self.done = done
        self.clients: set[str] = set()
        self.running = False


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
        self._waiting = 0
        self._busy = False

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
        job = self._jobs.get(key) or _Job(key, work, asyncio.get_running_loop().create_future())
        if not job.running and client not in job.clients:
            if self._make_room(client):
                self._add(client, job)
            elif not job.clients:
                return BUSY
        self._start_next()
        return await asyncio.shield(job.done)

    def close(self) -> None:
        """Ends the thread after the job that it is doing."""
        self._thread.shutdown()

    def _make_room(self, client: str) -> bool:
        if self._waiting < self._most:
            return True
        longest = max(self._queues.values(), key=len)
        if len(longest) <= len(self._queues.get(client, ())) + 1:
            return False
        name = next(name for name, queue in self._queues.items() if queue is longest)
        last = longest[-1]
        self._remove(name, last)
        if not last.clients:
            del self._jobs[last.key]
            last.done.set_result(BUSY)
        return True

    def _add(self, client: str, job: _Job) -> None:
        self._jobs[job.key] = job
        job.clients.add(client)
        self._queues.setdefault(client, deque()).append(job)
        self._waiting += 1

    def _remove(self, client: str, job: _Job) -> None:
        queue = self._queues[client]
        queue.remove(job)
        if not queue:
            del self._queues[client]
        job.clients.discard(client)
        self._waiting -= 1

    def _start_next(self) -> None:
        if self._busy or not self._queues:
            return
        client, queue = next(iter(self._queues.items()))
        self._queues.move_to_end(client)
        job = queue[0]
        for one in tuple(job.clients):
            self._remove(one, job)
        self._busy = job.running = True
        task = asyncio.get_running_loop().run_in_executor(self._thread, job.work)
        task.add_done_callback(lambda task: self._finish(job, task))

    def _finish(self, job: _Job, task: asyncio.Future[Answer]) -> None:
        self._busy = False
        del self._jobs[job.key]
        error = task.exception()
        if error is None:
            job.done.set_result(task.result())
        else:
            job.done.set_exception(error)
        self._start_next()
