"""A server of one image of 100 KB for every path, on eight addresses of loopback: eight hosts.

It runs in a thread: `measure.run` waits for every child process. Connections stay open, so that it
costs each contestant as little as possible.
"""

import asyncio
import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from queue import Queue

from PIL import Image

HOSTS = tuple(f"127.0.0.{number}" for number in range(1, 9))
SIZE = (452, 340)


def photograph(size: tuple[int, int] = SIZE) -> bytes:
    """Return a JPEG; of about 100 KB, unless another size in pixels is given."""
    out = io.BytesIO()
    Image.effect_noise(size, 90).convert("RGB").save(out, "JPEG", quality=88)
    return out.getvalue()


@contextmanager
def serving() -> Iterator[int]:
    """Serve; give the port."""
    started: Queue[tuple[int, Callable[[], object]]] = Queue()
    served = partial(asyncio.run, _serve(photograph(), started))
    thread = threading.Thread(target=served, daemon=True)
    thread.start()
    port, stop = started.get(timeout=10)
    yield port
    stop()
    thread.join()


async def _serve(body: bytes, started: Queue[tuple[int, Callable[[], object]]]) -> None:
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: {len(body)}\r\n"
        'ETag: "1"\r\n\r\n'
    )
    answer = head.encode() + body

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    first = await asyncio.start_server(serve, HOSTS[0], 0)
    port = first.sockets[0].getsockname()[1]
    for host in HOSTS[1:]:
        await asyncio.start_server(serve, host, port)
    end = asyncio.Event()
    started.put((port, partial(asyncio.get_running_loop().call_soon_threadsafe, end.set)))
    await end.wait()
