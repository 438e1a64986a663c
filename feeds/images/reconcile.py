"""Brings what is known of images up to the files that `examine_cache` found, and to requests.

It decides what to keep of an image and its host after a request, and when to ask again.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterable, Mapping
from typing import Literal, NamedTuple

import msgspec

from feeds.common.files import SETTLING_NS, Fingerprint
from feeds.common.media import CachedImage, HostFailure
from feeds.common.model import FeedRef
from feeds.common.protocols import ImageStore
from feeds.config.model import ImagesConfig
from feeds.images.cache import NewCopy, copies_in, copy_name, give_name, is_of_all_files, remove
from feeds.images.examine import (
    MEMO,
    CacheSeen,
    Examined,
    ExaminedFile,
    Fault,
    Verdict,
    judge,
    look_at,
    settings_of,
    unusable,
)

_DAY = 86_400
# After a fault that may pass soon, the first pause is short.
_SOON_SECONDS = 600
# A host is left alone after so many failures in a row.
_TOO_MANY = 3
# "failed" may go better another time, and the fault is the host's; "refused" is about this image.
Result = Literal["fetched", "same", "missing", "refused", "failed"]


class ImageChanges(NamedTuple):
    """The copies that came or changed since the last pass, and the feeds that show such images."""

    copies: set[str]
    feeds: set[FeedRef]


def reconcile(
    store: ImageStore,
    examined: Examined,
    items: Iterable[str],
    now: int,
    warn: Callable[[str], None],
) -> ImageChanges:
    """Takes in files that were dropped into the cache, and notices damaged and missing ones.

    To be called in a transaction. Files that changed since they were examined are looked at the
    next time, as are those that time did not suffice for. `items` are the ids of those that
    changed, `now` is in seconds since 1970.
    """
    config = examined.config
    seen = store.get_meta(MEMO)
    wanted, before = look_at(seen, examined, store.keys_of(items))
    keeper = _Keeper(store, examined, now, warn)
    left = {folder for folder in sorted(wanted) if not keeper.look_into(folder)}
    settled = examined.began_ns - SETTLING_NS
    folders = {name: mtime for name, mtime in examined.times.items() if mtime < settled}
    folders |= dict.fromkeys(left, 0)  # no folder has this mtime, so it is looked into again
    known = {} if examined.scope.everywhere else before.faults
    faults = {name: one for name, one in known.items() if name.split("/")[1] not in wanted - left}
    this = CacheSeen(str(config.images.cache), settings_of(config), folders, faults | keeper.faults)
    if this != seen and (folders or wanted):
        store.set_meta(MEMO, this)
    for path in examined.aside:
        path.unlink(missing_ok=True)
    return ImageChanges(store.image_news(), store.feeds_with_image_news())


class _Keeper:
    """Brings rows and names up to what was examined."""

    def __init__(
        self, store: ImageStore, examined: Examined, now: int, warn: Callable[[str], None]
    ) -> None:
        self._store = store
        self._examined = examined
        self._images = examined.config.images
        self._now = now
        self._warn = warn
        self.faults: dict[str, Fault] = {}

    def look_into(self, folder: str) -> bool:
        """Brings the images of one folder up to its files; tells whether all were examined."""
        files = copies_in(self._images.cache, folder)
        is_whole = True
        for image in self._store.images_in(folder):
            try:
                names = files.get(image.key, [])
                verdict = judge(image, names, self._examined, self._digest_of)
                if verdict:
                    self._keep(image, verdict)
            except _NotExaminedError:
                is_whole = False
            except OSError as error:
                if is_of_all_files(error):
                    raise
                self._warn(f"the copy of {image.url} is left as it is: {error}")
        return is_whole

    def _file(self, name: str) -> ExaminedFile:
        """Returns what was read of a file that did not change since."""
        found = self._examined.files.get(name)
        if found is None or found.fingerprint != Fingerprint.of(self._images.cache / name):
            raise _NotExaminedError
        return found

    def _digest_of(self, name: str) -> bytes:
        found = self._file(name)
        if not found.digest:
            raise OSError(found.fault)
        return found.digest

    def _keep(self, image: CachedImage, verdict: Verdict) -> None:
        base = verdict.image
        if not verdict.take:
            if not base.name and self._examined.scope.write:
                remove(self._images.cache, image.name)
            self._store.keep_image(base)
            return
        file = self._file(verdict.take)
        if file.copy:
            self._take(base, verdict.take, file.copy)
        elif file.fault:
            self._warn(f"{self._images.cache / verdict.take} cannot be used: {file.fault}")
            if file.digest:
                self.faults[verdict.take] = Fault(file.fingerprint, file.fault)
            if base.name or base.reason:
                self._store.keep_image(unusable(base, file.fault) if base.name else base)
        else:
            raise _NotExaminedError

    def _take(self, image: CachedImage, name: str, copy: NewCopy) -> None:
        """Makes what was examined the copy of an image, by the present settings, in its place."""
        cache, place = self._images.cache, copy_name(image.key, copy.type)
        if copy.file != cache / name:
            try:
                give_name(cache, copy, place)
            except FileNotFoundError:  # a fetch that began meanwhile has tidied up
                raise _NotExaminedError from None
            if place != name:
                remove(cache, name)
        taken = with_copy(image, copy, settings_of(self._examined.config))
        if image.name and image.fetched and _lacks(image, self._images):
            taken = msgspec.structs.replace(taken, etag="", modified="", due=0)
        elif not image.name:
            due = self._now + int(self._images.refresh.total_seconds())
            taken = msgspec.structs.replace(taken, due=due)
        self._store.keep_image(taken)


class _NotExaminedError(Exception):
    """A file is not the one that was examined, or was not examined."""


def _lacks(image: CachedImage, images: ImagesConfig) -> bool:
    """Tells whether the copy lost something that the configuration asks for now.

    There was no version at first: ``1200+`` is then the whole text.
    """
    width = int(image.form.rpartition(":")[2].rstrip("+") or 0)
    narrowed = width > 0 and (images.max_width == 0 or images.max_width > width)
    return narrowed or (images.keep_metadata and not image.form.endswith("+"))


class Download(NamedTuple):
    """The result of asking for an image.

    `data` is a file mapped into memory if it is long. `wait` is how many seconds the server asks
    to be left alone, 0 if it does not ask.
    """

    result: Result
    reason: str = ""
    data: bytes | mmap.mmap = b""
    etag: str = ""
    modified: str = ""
    wait: float = 0.0


class FetchResult(NamedTuple):
    """The result of asking for an image: an answer, and a copy if it was fetched.

    `fault` says why the answer was no image that can be published. Without an `answer` its host is
    left alone.
    """

    image: CachedImage
    answer: Download | None
    copy: NewCopy | None = None
    fault: str = ""


class FetchSettings(NamedTuple):
    """After how long copies are asked for again, how new ones are made, and when it is now."""

    refresh_s: int
    copies: str
    now_unix: int


def apply_result(result: FetchResult, settings: FetchSettings) -> CachedImage:
    """Returns what is known of an image after a fetch.

    An existing copy stays whatever happens to the original: that is what it is for.
    """
    image, answer = result.image, result.answer
    refresh, now = settings.refresh_s, settings.now_unix
    if answer is None:
        return image
    if answer.result == "same":
        return msgspec.structs.replace(image, fetched=now, due=now + refresh, failures=0, reason="")
    if result.copy:
        image = with_copy(image, result.copy, settings.copies)
        seen = {"etag": answer.etag, "modified": answer.modified, "fetched": now}
        return msgspec.structs.replace(image, due=now + refresh, **seen)
    failures = image.failures + 1
    longest, first = (_DAY, _SOON_SECONDS) if answer.result == "failed" else (refresh, _DAY)
    pause = min(first * 2 ** min(failures - 1, 20), longest)
    is_none = answer.result == "missing" or bool(result.fault)
    return msgspec.structs.replace(
        image,
        missing=not image.name and (is_none or image.missing),
        due=now + max(pause, int(answer.wait)),
        failures=failures,
        reason=result.fault or answer.reason,
    )


def with_copy(image: CachedImage, copy: NewCopy, settings: str) -> CachedImage:
    """Returns what is known of an image that has a new copy."""
    facts = copy._asdict()
    del facts["file"]
    now = {"name": copy_name(image.key, copy.type), "form": settings, "missing": False}
    return msgspec.structs.replace(image, **facts, **now, failures=0, reason="")


class Hosts:
    """Remembers failures by host; `now` is the time of the fetch, in seconds since 1970."""

    def __init__(self, known: Mapping[str, HostFailure], now: int) -> None:
        self._now = now
        self.failures = dict(known)

    def left_alone(self, host: str) -> HostFailure | None:
        """Returns the failure of a host that is not to be asked now."""
        known = self.failures.get(host)
        return known if known and known.until > self._now else None

    def note(self, host: str, answer: Download) -> None:
        """Notes the result of asking a host."""
        if answer.result != "failed":
            self.failures.pop(host, None)
            return
        known = self.failures.get(host)
        count = known.failures + 1 if known else 1
        doubled = min(_SOON_SECONDS * 2 ** max(count - _TOO_MANY, 0), _DAY)
        wait = doubled if count >= _TOO_MANY else 0
        until = self._now + max(wait, int(answer.wait))
        self.failures[host] = HostFailure(host, count, until, answer.reason)
