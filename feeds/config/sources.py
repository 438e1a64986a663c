"""Keys that name a place on this machine, or the address of objects in a bucket."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from feeds.common.objects import is_address, parse_address
from feeds.config.types import path


def source(value: object) -> Path | str:
    """Reads a folder, or an address such as "s3://bucket/prefix/"; see `parse_address`."""
    if isinstance(value, str) and is_address(value):
        return parse_address(value)
    return path(value)


def place(value: object) -> Path:
    """Reads a folder or an address; of an address nothing but that it can be one is read here."""
    return Path(source(value))


Source = Annotated[Path | str, source]
Place = Annotated[Path, place]


def backup(value: object) -> Path | str | None:
    """Reads where a backup is: a file, or the address of an object such as "s3://bucket/state.db".

    What ends with a slash is a folder, in which it is called ``state.db``.
    """
    if not value:
        return None
    if isinstance(value, str) and value.endswith("/"):
        value += "state.db"
    found = source(value)
    if isinstance(found, str):
        found = found.rstrip("/")
        if found.count("/") == 2:
            raise ValueError('wanted an address with a key, such as "s3://bucket/state.db"')
    return found


Backup = Annotated[Path | str | None, backup]
