"""[engine]: where seeds are read and feeds are rendered."""

from __future__ import annotations

import ipaddress
from collections.abc import Set as AbstractSet
from datetime import timedelta
from typing import Annotated
from urllib.parse import urlsplit

from feeds.config.schema import Table
from feeds.config.types import Duration, MaybePath, Word, one_of

TLS_FILES = ("tls_ca", "tls_cert", "tls_key")


class EngineConfig(Table, frozen=True):
    """[engine]: where seeds are read and feeds are rendered."""

    kind: Annotated[str, one_of("processes", "dask")] = "processes"
    address: Word = ""
    tls_ca: MaybePath = None
    tls_cert: MaybePath = None
    tls_key: MaybePath = None
    no_workers: Duration = timedelta(seconds=60)

    def clash(self, written: AbstractSet[str]) -> str:
        """Returns what is wrong with the address, or with the files of TLS.

        A scheduler runs whatever code it is sent, so nobody on the way may put in some.
        """
        del written
        if self.kind != "dask":
            return ""
        url = urlsplit(self.address)
        try:
            has_port = bool(url.hostname and url.port)
        except ValueError:
            has_port = False
        if url.scheme not in {"tls", "tcp"} or not has_port or "@" in url.netloc:
            return (
                'address: wanted that of a Dask scheduler, such as "tls://scheduler.example:8786"'
            )
        missing = [name for name in TLS_FILES if getattr(self, name) is None]
        if url.scheme == "tls":
            return f"{missing[0]}: wanted a file of TLS for a tls:// address" if missing else ""
        if len(missing) < len(TLS_FILES):
            return "address: wanted one with tls://, since files of TLS are given"
        if not _is_this_machine(str(url.hostname)):
            return "address: wanted tls:// for a scheduler on another machine (it runs any code)"
        return ""


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
