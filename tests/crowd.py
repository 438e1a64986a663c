"""A crowd of bounded size that asks queries from addresses of its own, and an honest subscriber."""

from __future__ import annotations

import http.client
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager

from tests.processes import wait_until
from tests.serving import HOST

CROWD = 200


def ask(port: int, path: str, source: str, headers: Mapping[str, str] | None = None) -> int:
    """Asks from one of the loopback's addresses; returns the status."""
    with closing(
        http.client.HTTPConnection(HOST, port, timeout=60, source_address=(source, 0))
    ) as connection:
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
                self.statuses[ask(self._port, path, self._source, headers)] += 1
            except OSError:  # so many connections are too much for the machine's queue
                self.statuses[0] += 1


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
