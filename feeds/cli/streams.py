"""Writing to standard streams that may be closed, full or unread. Contains no business logic."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from feeds.common.errors import OutputError


def flush_output() -> None:
    """Brings out what was written.

    Raises:
        OutputError: it found no room.
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            with _forgiving(stream):
                stream.flush()


def present(stream: TextIO | None) -> TextIO:
    """Returns the stream, or one to nowhere for a stream that the shell has closed (``>&-``)."""
    return stream if stream is not None else io.StringIO()


def write(stream: TextIO, text: str, end: str = "\n") -> None:
    """Writes a line; does nothing where nobody reads it any more.

    Raises:
        OutputError: it found no room.
    """
    with _forgiving(stream):
        stream.write(showable(text, stream) + end)


def showable(text: str, stream: TextIO) -> str:
    """Escapes what a terminal or pipe cannot show, instead of failing on it."""
    encoding = stream.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


@contextmanager
def _forgiving(stream: TextIO) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        _silence(stream)
    except OSError as error:
        _silence(stream)
        raise OutputError(f"cannot write the output: {error.strerror or error}") from None


def _silence(stream: TextIO) -> None:
    """Sends a stream that nobody reads to nowhere, also what its buffer still holds."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
