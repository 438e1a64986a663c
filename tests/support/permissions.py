"""Folders and files that may not be read, also where the tests are run by root."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_NOBODY = 65534


@contextmanager
def unprivileged() -> Iterator[None]:
    """Lets file permissions count: root becomes nobody for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@contextmanager
def open_folder() -> Iterator[Path]:
    """Makes a folder that everybody can reach, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@contextmanager
def closed(path: Path, mode: int = 0) -> Iterator[None]:
    """Takes away permissions, and lets them count; afterwards all is as it was."""
    before = path.stat().st_mode
    path.chmod(mode)
    try:
        with unprivileged():
            yield
    finally:
        path.chmod(before)
