"""Reads and writes objects in buckets of S3, Google Cloud Storage and Azure, by obstore.

`Objects` reads and writes below an address such as ``s3://bucket/prefix/``. Whatever is asked is
repeated with growing pauses while the bucket throttles, fails or does not answer, for
`PATIENCE_S`. Credentials come from the environment (``AWS_ACCESS_KEY_ID``,
``GOOGLE_APPLICATION_CREDENTIALS``, ``AZURE_STORAGE_ACCOUNT_NAME`` and their like) or from the
platform (instance and workload identities), and from nowhere else.

A process that forks must not use objects before: the library has threads of its own.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import unquote

from feeds.common.errors import ConfigError, ObjectChangedError, ObjectMissingError, ObjectsError
from feeds.common.interrupts import ask_all
from feeds.common.urls import hide_secrets

if TYPE_CHECKING:
    from obstore import PutMode
    from obstore.store import ObjectStore

T = TypeVar("T")

# How long one request is repeated, in seconds; the system's credentials outlive it.
PATIENCE_S = 60.0
WANTED_ADDRESS = (
    'an address such as "s3://bucket/prefix/" (or gs://, az://container/), without user, password, '
    "? and #"
)
_ADDRESS = re.compile(r"(s3|gs|az)://([A-Za-z0-9][A-Za-z0-9._-]*)((?:/[^/\x00-\x1f\x7f?#]+)*)/?")
_FILE = "file:"
_ANY_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_STATUS = re.compile(r"status code: (\d{3})[^:]*:?(?:[\s\S]*?<Code>(\w+)</Code>)?")
_NO_LIBRARY = "objects need more than feeds itself: pip install 'feeds[objects]'"
_CHANGED = "{where}: another program has written it meanwhile"
_DENIED = {"401", "403"}


class ObjectInfo(NamedTuple):
    """An object in a listing: its key below the address, its length in bytes, and its ETag.

    The ETag has no quotes; it changes whenever the object is written with other bytes.
    """

    key: str
    size: int
    etag: str


class Headers(NamedTuple):
    """The headers that an object is sent with, "" for the bucket's own choice."""

    media_type: str = ""
    cache_control: str = ""


PLAIN = Headers()


class Objects:
    """The objects below an address, which `parse_address` has returned.

    Threads may share it; processes open their own. Nothing is asked before the first call.

    Every call may raise an ObjectsError: the bucket does not answer, or does not let us.
    """

    def __init__(self, address: str, *, patience_s: float = PATIENCE_S) -> None:
        """Opens the address.

        Raises:
            ConfigError: obstore is not installed, or the environment lacks what it needs.
        """
        self.address = address
        self._store = _open(address, patience_s)

    def __str__(self) -> str:
        return self.address

    def list(self, below: str = "") -> Iterator[ObjectInfo]:
        """Yields all objects, in no certain order; a request for every 1,000 of them.

        With `below` only those in this folder, such as ``2026/11``. If a listing breaks off, the
        error comes in the midst: what was yielded before is then not all.
        """
        import obstore

        found = obstore.list(self._store, below or None, chunk_size=1000)
        while part := self._call(below, lambda: next(found, None)):
            for one in part:
                yield ObjectInfo(one["path"], one["size"], _plain(one["e_tag"]))

    def get(self, key: str) -> tuple[bytes, str]:
        """Returns the bytes and the ETag of an object.

        Raises:
            ObjectMissingError: there is none.
        """
        import obstore

        def get() -> tuple[bytes, str]:
            found = obstore.get(self._store, key)
            return bytes(found.bytes()), _plain(found.meta["e_tag"])

        return self._call(key, get)

    def look(self, key: str) -> ObjectInfo | None:
        """Returns what a listing says of an object, None if there is none."""
        import obstore

        try:
            found = self._call(key, lambda: obstore.head(self._store, key))
        except ObjectMissingError:
            return None
        return ObjectInfo(key, found["size"], _plain(found["e_tag"]))

    def download(self, key: str, path: Path) -> None:
        """Writes the bytes of an object to a file, a part at a time.

        Raises:
            ObjectMissingError: there is none.
            OSError: the file cannot be written.
        """
        import obstore

        source = self._call(key, lambda: obstore.get(self._store, key).stream())
        with path.open("wb") as file:
            while part := self._call(key, lambda: next(source, b"")):
                file.write(part)

    def put(
        self,
        key: str,
        data: bytes | Path,
        headers: Headers = PLAIN,
        *,
        replaces: str | None = None,
    ) -> str:
        """Writes an object, whole or not at all, and returns its new ETag.

        Args:
            key: The object, below the address.
            data: Its bytes, or the file that holds them.
            headers: The headers that it is sent with.
            replaces: The ETag that the object must have until now (`If-Match`); "" if there must
                be no object (`If-None-Match: *`), None if it does not matter.

        Raises:
            ObjectChangedError: the object has another ETag. If the answer to an earlier try was
                lost, this call itself may have written it.
        """
        import obstore

        named = {"Content-Type": headers.media_type, "Cache-Control": headers.cache_control}
        attributes = {name: value for name, value in named.items() if value}

        def put() -> str:
            mode = None if replaces is None else self._mode(key, replaces)
            done = obstore.put(self._store, key, data, attributes=attributes, mode=mode)
            return _plain(done["e_tag"])

        return self._call(key, put)

    def _mode(self, key: str, replaces: str) -> PutMode:
        """Returns the condition of a put."""
        if not replaces:
            return "create"
        if not self.address.startswith("gs:"):
            return {"e_tag": f'"{replaces}"'}
        import obstore

        # Google's condition is a generation, which no listing tells.
        with suppress(FileNotFoundError):
            found = obstore.head(self._store, key)
            if _plain(found["e_tag"]) == replaces:
                return {"version": found["version"]}
        raise ObjectChangedError(_CHANGED.format(where=f"{self.address}{key}"))

    def delete(self, keys: Iterable[str]) -> None:
        """Deletes objects, those that are there; many in one request if the bucket can do so."""
        import obstore

        names = list(keys)
        if not names:
            return
        try:
            self._call(names[0], lambda: obstore.delete(self._store, names))
        except ObjectMissingError:  # where it is no success that one is not there
            for name in names if len(names) > 1 else ():
                self.delete([name])

    def _call(self, key: str, ask: Callable[[], T]) -> T:
        """Returns what obstore returns, which sees no Ctrl-C while it waits."""
        with self._failures(key):
            if threading.current_thread() is not threading.main_thread():
                return ask()
            return next(ask_all(lambda _: ask(), [None], 1))

    @contextmanager
    def _failures(self, key: str) -> Iterator[None]:
        """Raises what obstore raises as an error of ours."""
        from obstore import exceptions

        where = f"{self.address}{key}"
        try:
            yield
        except FileNotFoundError as error:
            raise ObjectMissingError(f"{where}: {_reason(error)}") from None
        except (exceptions.PreconditionError, exceptions.AlreadyExistsError):
            raise ObjectChangedError(_CHANGED.format(where=where)) from None
        except (exceptions.BaseError, ValueError) as error:
            raise ObjectsError(f"{where}: {_reason(error)}") from None


def is_address(text: str) -> bool:
    """Tells whether a text is meant as an address, not as a path: it begins with a scheme."""
    return _ANY_SCHEME.match(text) is not None


def is_object(path: str) -> bool:
    """Tells whether the path of a seed is the address of an object."""
    return path.startswith(("s3://", "gs://", "az://"))


def parse_address(text: str) -> str | Path:
    """Returns an address in normal form, with a slash at its end; a folder for ``file:///...``.

    Raises:
        ValueError: it is no such address; the text says what is wanted, and not what was given,
            which may hold a password.
    """
    if text.startswith(_FILE):
        path = Path(unquote(text.removeprefix(_FILE).removeprefix("//")))
        if path.is_absolute():
            return path
        raise ValueError("wanted file:///, with a path that begins at the root")
    match = _ADDRESS.fullmatch(text)
    if match is None or not {".", ".."}.isdisjoint(match[3].split("/")):
        raise ValueError(f"wanted {WANTED_ADDRESS}")
    return f"{match[1]}://{match[2]}{match[3]}/"


def split_address(path: str) -> tuple[str, str]:
    """Returns the address of an object's bucket, and the key of the object in it."""
    start = path.index("/", path.index("://") + 3) + 1
    return path[:start], path[start:]


def _open(address: str, patience_s: float) -> ObjectStore:
    match = _ADDRESS.fullmatch(address)
    assert match is not None  # noqa: S101 (`parse_address` has returned it)
    try:
        from obstore import exceptions
        from obstore.store import AzureStore, GCSStore, S3Store
    except ImportError:
        raise ConfigError([f"{address}: {_NO_LIBRARY}"]) from None
    kind: Any = {"s3": S3Store, "gs": GCSStore, "az": AzureStore}[match[1]]
    retry = {"max_retries": 1000, "retry_timeout": timedelta(seconds=patience_s)}
    try:
        return kind(match[2], prefix=match[3].strip("/") or None, retry_config=retry)  # type: ignore[no-any-return]
    except exceptions.BaseError as error:
        raise ConfigError([f"{address}: {_reason(error)}"]) from None


def _plain(etag: str | None) -> str:
    """Returns an ETag without its quotes, which Azure leaves out in listings."""
    return (etag or "").strip('"')


def _reason(error: Exception) -> str:
    """Returns why the bucket refuses, in words, without the many lines and URLs of obstore."""
    text = str(error).partition("\n\nDebug source")[0]
    found = _STATUS.search(text)
    if found:
        code = f" ({found[2]})" if found[2] else ""
        advice = "; are the credentials in the environment right?" if found[1] in _DENIED else ""
        return f"the bucket answers {found[1]}{code}{advice}"
    if "error sending request" in text or "timed out" in text:
        return "the bucket does not answer"
    return " ".join(hide_secrets(text, "").split())
