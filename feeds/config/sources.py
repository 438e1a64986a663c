"""Sources of seeds: a folder on this machine, or the address of objects in a bucket."""

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


Source = Annotated[Path | str, source]
