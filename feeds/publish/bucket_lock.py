"""The lock on a prefix of a bucket: the claim of one publisher, which stands in the manifest.

A conditional PUT sets it, renews it and gives it up, so that of two publishers one is refused. It
counts for as long as it is renewed: who meets the claim of another waits until that is gone, or
did not change for `EXPIRY_S`. No clock of another machine is asked.
"""

from __future__ import annotations

import os
import platform
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Self
from uuid import uuid4

import msgspec

from feeds.common.buckets import Headers, Objects
from feeds.common.errors import (
    BusyError,
    ObjectChangedError,
    ObjectMissingError,
    ObjectsError,
    PublishError,
)
from feeds.common.times import show_time
from feeds.publish.manifest import MANIFEST

EXPIRY_S = 120.0
RENEW_S = 30.0
# A holder stops so long before others may take over: a put is repeated for a minute (PATIENCE_S).
_SPARE = 1 / 2
_LOOKS = 24
_HEADERS = Headers("application/json", "no-store")


class Holder(msgspec.Struct, frozen=True):
    """Who claims the objects: a run of a publisher, and for people who and until when."""

    publisher: str
    run: str
    who: str
    expires: str = ""


class ObjectsManifest(msgspec.Struct, frozen=True, omit_defaults=True):
    """The manifest: `items` as in that of a folder; with `unfinished` some objects may be old.

    `run` is who wrote it last, so that no two are the same.
    """

    run: str = ""
    items: int = 0
    unfinished: bool = False
    claim: Holder | None = None


class Claim:
    """A claim: `take` it, `check` it before every write, and `release` it.

    `has_taken_over` says that a publication before did not come to its end. Once all documents are
    there `is_published` may be set: from the next renewal on the manifest says so.
    """

    def __init__(self, objects: Objects, publisher: str, items: int) -> None:
        """Prepares a claim of a publisher that has so many items."""
        who = f"process {os.getpid()} on {platform.node()} (since {show_time(datetime.now(UTC))})"
        self._holder = Holder(publisher, uuid4().hex, who)
        self._objects = objects
        self._items = self._items_before = items
        self._etag = ""
        self._renewed_s = 0.0
        self._error: PublishError | None = None
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="claim", daemon=True)
        self.has_taken_over = False
        self.is_published = False

    def take(
        self, known: str, wait: float, on_wait: Callable[[str], None]
    ) -> ObjectsManifest | None:
        """Claims the objects, and renews the claim from then on.

        Args:
            known: the ETag of the manifest as this publisher left it, "" if it is not known.
            wait: for how many seconds to wait for another publisher.
            on_wait: is called once with who that is.

        Returns:
            The manifest before, None if it is the known one.

        Raises:
            BusyError: the other one still publishes.
            PublishError: the manifest is none of ours, or the server knows no conditions.
        """
        before = None
        if not (known and self._put(known)):
            before = self._wait(wait, on_wait)
            self._refuse_careless()
        self._thread.start()
        return before

    def check(self) -> None:
        """Makes sure that the claim holds.

        Raises:
            PublishError: it was lost, or could not be renewed.
        """
        if self._error:
            raise self._error
        if time.monotonic() - self._renewed_s > EXPIRY_S * (1 - _SPARE):
            raise PublishError(f"the claim on {self._objects} could not be renewed in time")

    def renew(self) -> None:
        """Renews the claim.

        Raises:
            PublishError: another publisher has it.
        """
        with self._lock:
            self.check()
            if not self._put(self._etag):
                self._error = PublishError(f"the claim on {self._objects} is lost")
                self._error = PublishError(f"{self._who()} publishes to {self._objects}, too")
                raise self._error

    def release(self) -> str:
        """Gives the claim up, and returns the ETag of the manifest that is left.

        A claim that is not released stays until this publisher, or after a while another, takes it.

        Raises:
            PublishError: another publisher has it.
        """
        self._done.set()
        self._thread.join()
        with self._lock:
            self.check()
            run = self._holder.run
            left = ObjectsManifest(run=run, items=self._items)
            try:
                return self._objects.put(
                    MANIFEST, msgspec.json.encode(left), _HEADERS, replaces=self._etag
                )
            except ObjectChangedError:
                before, etag = self._read()
                if before == left:  # the answer to an earlier try was lost
                    return etag
                raise PublishError(f"{self._who()} publishes to {self._objects}, too") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        # What is still under way in threads writes no more.
        self._error = self._error or PublishError(f"the claim on {self._objects} is given up")

    def _wait(self, wait: float, on_wait: Callable[[str], None]) -> ObjectsManifest:
        deadline, seen, since, told = time.monotonic() + wait, "", 0.0, False
        while True:
            before, etag = self._read()
            now, other = time.monotonic(), before.claim
            if etag != seen:
                seen, since = etag, now
            is_free = other is None or other.publisher == self._holder.publisher
            self._items_before = before.items
            if is_free or now - since >= EXPIRY_S:
                if self._put(etag):
                    self.has_taken_over = other is not None
                    return before
                continue
            assert other is not None  # noqa: S101
            if wait and not told:
                on_wait(f"waiting for {other.who}, which publishes to {self._objects}")
                told = True
            if now >= deadline:
                text = f"{other.who} is publishing to {self._objects} and did not finish in time"
                raise BusyError(text)
            time.sleep(EXPIRY_S / _LOOKS)

    def _refuse_careless(self) -> None:
        """Makes sure that the server refuses a put whose condition does not hold."""
        with suppress(ObjectChangedError):
            self._objects.put(MANIFEST, b"{}", _HEADERS, replaces="")
            raise PublishError(
                f"the server of {self._objects} knows no conditional writes (If-None-Match): "
                "two publishers could spoil each other's documents. Use another one"
            )

    def _put(self, etag: str) -> bool:
        """Writes our claim in the place of the manifest with this ETag; False if that is gone."""
        start = time.monotonic()
        expires = datetime.now(UTC) + timedelta(seconds=EXPIRY_S)
        holder = msgspec.structs.replace(self._holder, expires=expires.isoformat())
        # Who refuses to empty what is there must know the next time, too, how much that was.
        items = self._items if self.is_published else self._items_before
        manifest = ObjectsManifest(holder.run, items, not self.is_published, holder)
        data = msgspec.json.encode(manifest)
        try:
            self._etag = self._objects.put(MANIFEST, data, _HEADERS, replaces=etag)
        except ObjectChangedError:
            found, etag = self._read()
            if found != manifest:
                return False
            self._etag = etag  # the answer to an earlier try was lost
        self._renewed_s = start
        return True

    def _read(self) -> tuple[ObjectsManifest, str]:
        try:
            data, etag = self._objects.get(MANIFEST)
            return msgspec.json.decode(data, type=ObjectsManifest), etag
        except ObjectMissingError:
            return ObjectsManifest(), ""
        except msgspec.DecodeError as error:
            raise PublishError(
                f"{self._objects}{MANIFEST} is damaged ({error}), so it is not known which objects "
                "are ours. Restore it, or empty the prefix and publish again."
            ) from None

    def _who(self) -> str:
        found, _ = self._read()
        return found.claim.who if found.claim else "another publisher"

    def _keep(self) -> None:
        """Renews the claim until it is given up; a bucket that fails is asked again."""
        while not self._done.wait(RENEW_S):
            try:
                self.renew()
            except PublishError:
                return
            except ObjectsError:
                continue
