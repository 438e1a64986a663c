"""The files of the image cache, and which of them a pass shows.

A copy appears under its name whole, and flushed.

A name is a function of the image's URL, with the extension of what the image really is.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from feeds.common.files import Fingerprint, write_file
from feeds.common.media import IMAGE_EXTENSIONS, MEDIA, Picture, image_key, pictures_to_show
from feeds.common.store_protocols import ImageStore
from feeds.config import Config

if TYPE_CHECKING:
    from feeds.images.decode import Prepared

# Below the cache, beside MEDIA: what is being written.
_UNFINISHED = "tmp"
_OF_ALL_FILES = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO),
    *(errno.EMFILE, errno.ENFILE, errno.ENOMEM),
}
_BEGUN = "feeds-"
_NOTE = ".feeds-sha256"

_FILE = re.compile(r"([0-9a-f]{32})\.[A-Za-z]{1,8}")
_NARROW = re.compile(r"([0-9a-f]{32})-(\d{1,5})\.webp", re.ASCII)


class NewCopy(NamedTuple):
    """A copy that was made, and the file that holds it.

    `length` is in bytes, `width` and `height` in pixels, `digest` the SHA-256.
    """

    file: Path
    mtime_ns: int
    type: str
    width: int
    height: int
    length: int
    digest: bytes


def copy_name(key: str, media_type: str) -> str:
    """Returns where the copy of an image stands below the cache, and below out/."""
    return f"{MEDIA}/{key[:2]}/{key}.{IMAGE_EXTENSIONS[media_type]}"


def likely_name(url: str, media_type: str) -> str:
    """Returns the name that a copy will have if its type is the one that the URL suggests."""
    return copy_name(image_key(url), media_type if media_type in IMAGE_EXTENSIONS else "image/jpeg")


def key_of(name: str) -> str | None:
    """Returns the key of the image that a path below the cache is for; None for other files."""
    folder, _, file = name.removeprefix(f"{MEDIA}/").partition("/")
    match = _FILE.fullmatch(file)
    return match[1] if match and match[1][:2] == folder else None


def unfinished_folder(cache: Path) -> Path:
    """Returns the folder for unfinished files, and makes it if it is missing."""
    folder = cache / _UNFINISHED
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def write_aside(cache: Path, data: bytes, *, flushed: bool = True) -> tuple[Path, int]:
    """Writes a file that has no name of a copy yet; returns it with its mtime in ns."""
    path = unfinished_folder(cache) / f"{_BEGUN}{os.urandom(16).hex()}"
    try:
        descriptor = write_file(path, data)
        try:
            os.fchmod(descriptor, 0o644)  # web servers run as somebody else
            if flushed:
                os.fsync(descriptor)
            return path, os.fstat(descriptor).st_mtime_ns
        finally:
            os.close(descriptor)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def new_copy(file: Path, mtime_ns: int, made: Prepared) -> NewCopy:
    """Returns a copy without its bytes, which stand in a file."""
    digest = hashlib.sha256(made.data).digest()
    return NewCopy(file, mtime_ns, made.type, made.width, made.height, len(made.data), digest)


def keep_aside(cache: Path, made: Prepared, *, flushed: bool = True) -> NewCopy:
    """Writes a copy to a file that waits for its name, and to be flushed if it is not `flushed`."""
    return new_copy(*write_aside(cache, made.data, flushed=flushed), made)


def give_name(cache: Path, copy: NewCopy, name: str) -> None:
    """Puts a file in the place of a copy, instead of the one that was there.

    If there was one, the SHA-256 of the new one is noted first: the store learns of it later, and
    until then it must not be taken for damage (see `announced`).
    """
    path = cache / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        note, _ = write_aside(cache, copy.digest)
        note.replace(_note(cache, name))
    copy.file.replace(path)


def announced(cache: Path, name: str) -> bytes:
    """Returns the digest of the bytes that last replaced a copy; empty if it is not known."""
    try:
        return _note(cache, name).read_bytes()
    except OSError:
        return b""


def _note(cache: Path, name: str) -> Path:
    return cache / _UNFINISHED / f"{Path(name).name}{_NOTE}"


def remove(cache: Path, name: str) -> None:
    """Removes a copy; a folder in its place stays."""
    with suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError):
        (cache / name).unlink()


def is_of_all_files(error: OSError) -> bool:
    """Tells whether an error concerns all files, as a full disk does, and not only this one."""
    return error.errno in _OF_ALL_FILES


def remove_unfinished(cache: Path) -> None:
    """Removes the unfinished files of fetches that were killed, and only those."""
    _remove_all(cache, f"{_BEGUN}*")


def remove_notes(cache: Path) -> None:
    """Removes what `give_name` noted; to be called once the store knows all copies."""
    _remove_all(cache, f"*{_NOTE}")


def _remove_all(cache: Path, pattern: str) -> None:
    for path in (cache / _UNFINISHED).glob(pattern):
        path.unlink(missing_ok=True)


def folder_times(root: Path) -> dict[str, int]:
    """Returns the mtime in ns of each folder of copies below the cache, or below out/.

    It changes when a file in the folder comes, goes or is replaced.
    """
    try:
        with os.scandir(root / MEDIA) as entries:
            return {
                entry.name: entry.stat().st_mtime_ns
                for entry in entries
                if len(entry.name) == 2 and entry.is_dir()
            }
    except (FileNotFoundError, NotADirectoryError):
        return {}


def narrow_key_of(name: str) -> str | None:
    """Returns the key of the image that a path is a narrower copy of; None for other files."""
    match = _NARROW.fullmatch(name.rpartition("/")[2])
    return match[1] if match else None


def copies_in(
    cache: Path, folder: str, key_in: Callable[[str], str | None] = key_of
) -> dict[str, list[str]]:
    """Returns the names of the files in a folder of copies, by the key of their image.

    With `narrow_key_of` these are the narrower copies.
    """
    found: dict[str, list[str]] = {}
    try:
        paths = sorted((cache / MEDIA / folder).iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return found
    for path in paths:
        name = f"{MEDIA}/{folder}/{path.name}"
        key = key_in(name)
        if key is not None and path.is_file():
            found.setdefault(key, []).append(name)
    return found


class ImageResolver:
    """Tells of each image whether its copy can be shown.

    A copy is usable if its size and mtime, in out/ or else in the cache, equal the stored ones.
    `links` are the names that are not in out/ yet, `present` those that are. `before` are the names
    in the documents of each feed, as the last pass left them. `untouched` says that the folders of
    copies in out/ did not change since then, so what it published is still there.
    """

    def __init__(
        self,
        store: ImageStore,
        config: Config,
        before: dict[str, tuple[str, ...]],
        *,
        untouched: bool = False,
    ) -> None:
        images = config.images
        self._store = store
        self._every = images.fetch == "all"
        self._cache = images.cache
        self._shows = bool(images.media_url(config.site.base_url))
        self._out = config.paths.out if self._shows and not images.base_url else None
        self._knows = store.has_pictures()
        self._widths = {f"-{width}.webp" for width in images.widths}
        self.links: set[str] = set()
        self.present: set[str] = set()
        if untouched and self._out:
            self.present.update(*before.values())
            self.present -= store.image_news()
        self._usable: dict[str, bool] = {}
        self._measured: dict[str, tuple[int, int]] = {}

    def of(self, numbers: Iterable[int]) -> dict[int, list[Picture]]:
        """Returns what documents show of the images of the entries with these numbers."""
        if not self._knows:
            return {}
        found = self._store.pictures(numbers, every=self._every)
        if self._shows:
            self._measure(_copies(one for some in found.values() for _, one in some))
        return pictures_to_show(found, self._can_show if self._shows else None, every=self._every)

    def can_show(self, names: Collection[str]) -> bool:
        """Tells whether all these copies can be shown."""
        if self.present.issuperset(names):
            return True
        self._measure(names)
        return all(map(self._can_show, names))

    def published(self, named: Iterable[Iterable[str]]) -> set[str]:
        """Returns which of the copies that documents name belong into out/."""
        return set().union(*named) if self._out else set()

    def _measure(self, names: Iterable[str]) -> None:
        """Reads what is stored of those of these copies that were not looked at yet."""
        new = [one for one in names if one not in self.present and one not in self._usable]
        if new:
            self._measured |= self._store.copy_fingerprints(new)

    def _can_show(self, name: str) -> bool:
        if name in self.present:
            return True
        if name not in self._usable:
            self._usable[name] = self._look(name)
        return self._usable[name]

    def _look(self, name: str) -> bool:
        if "-" in name and name[name.rindex("-") :] not in self._widths:
            return False
        wanted = self._measured.get(name)
        if wanted is None:
            return False
        if self._out and _is(self._out, name, wanted):
            self.present.add(name)
            return True
        is_cached = _is(self._cache, name, wanted)
        if self._out and is_cached:
            self.links.add(name)
        return is_cached


def names_of(pictures: dict[int, list[Picture]]) -> tuple[str, ...]:
    """Returns the names of the copies among these."""
    return tuple(sorted(_copies(one for some in pictures.values() for one in some)))


def _copies(pictures: Iterable[Picture]) -> set[str]:
    shown = [one for one in pictures if one.name]
    return {one.name for one in shown} | {name for one in shown for name, _ in one.narrower}


def _is(folder: Path, name: str, wanted: tuple[int, int]) -> bool:
    found = Fingerprint.of(f"{folder}/{name}")
    return found is not None and (found.size, found.mtime_ns) == wanted
