"""Ports of this machine for servers that tests start, each given once."""

from __future__ import annotations

import random
import socket
from contextlib import suppress

HOST = "127.0.0.1"


def free_port() -> int:
    """Returns a port that nobody uses, and that no other test gets, in whatever run it is.

    It is none of those that systems give to who asks for any: another connection could get it.
    """
    while True:
        port = random.SystemRandom().randrange(10_240, 32_768)
        with suppress(OSError), socket.create_server((HOST, port)):
            _claim(port)
            return port


def _claim(port: int) -> None:
    """Claims a port until this process ends.

    A server that is to listen there takes a second to start, and meanwhile others ask for ports.

    Raises:
        OSError: another test has it.
    """
    claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        claim.bind(f"\0a port for a test of feeds: {port}")  # a name that is no file (unix(7))
    except OSError:
        claim.close()
        raise
    claim.detach()  # open until the process ends
