"""A crowd of bounded size that asks queries from addresses of its own, and an honest subscriber."""

from __future__ import annotations

import http.client
import socket
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager

from tests.support.ports import HOST
from tests.support.processes import wait_until

CROWD = 200
_PAUSE_SECONDS = 0.5


def ask(port: int, path: str, source: str, headers: Mapping[str, str] | None = None) -> int:
    """Asks from one of the loopback's addresses; returns the status."""
    connection = http.client.HTTPConnection(HOST, port)
    with socket.socket() as connected, closing(connection):
        # Lest the ports of connections that are over are kept from servers that come next.
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        connected.settimeout(60)
        connected.bind((source, 0))
        connected.connect((HOST, port))
        connection.sock = connected
        connection.request("GET", path, headers=dict(headers or {}))
        answer = connection.getresponse()
        answer.read()
        return answer.status


class Crowd:
    """Many connections that ask one query after the other, each another one."""

    def __init__(self, port: int, source: str) -> None:
        self.statuses: Counter[int] = Counter()
        self.over = threading.Event()
        self._port = port
        self._source = source

    def ask_on(self, number: int) -> None:
        """Asks until it is over."""
        count = 0
        while not self.over.is_set():
            count += 1
            path = f"/query.atom?q=story&limit={1 + number}&min_quality={count % 50}"
            headers = {"X-Forwarded-For": f"192.0.2.{number}"}
            try:
                status = ask(self._port, path, self._source, headers)
            except OSError:  # so many connections are too much for the machine's queue
                status = 0
            self.statuses[status] += 1
            if status != 200:  # whoever is turned away need not keep the test's own process busy
                self.over.wait(_PAUSE_SECONDS)


@contextmanager
def flooding(port: int, source: str) -> Iterator[Crowd]:
    """Lets a crowd ask as long as this lasts, from when the first of it have been turned away."""
    crowd = Crowd(port, source)
    threads = [threading.Thread(target=crowd.ask_on, args=(n,)) for n in range(CROWD)]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: crowd.statuses[503] > 0)
        yield crowd
    finally:
        crowd.over.set()
        for thread in threads:
            thread.join()
