"""The manifest: the list of the files in out/ that are ours."""

from __future__ import annotations

from pathlib import Path

import msgspec

from feeds.common.errors import DamagedManifestError, PublishError
from feeds.common.files import write_whole

MANIFEST = ".feeds-manifest.json"
# No part of a path below out/ is one of these.
_OUTSIDE = {"", ".", ".."}


class Manifest(msgspec.Struct, kw_only=True, frozen=True):
    """The files below out/ that we wrote or were about to write, sorted.

    `items` counts the valid seeds of the last run that came to its end; `unfinished` says that a
    later one has begun to write.
    """

    version: int = 1
    items: int = 0
    unfinished: bool = False
    files: tuple[str, ...] = ()

    def encode(self) -> bytes:
        """Returns the manifest as readable JSON."""
        return msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n"


def read_manifest(out: Path) -> Manifest:
    """Returns the manifest of an out/ folder, an empty one if it has none yet.

    Raises:
        DamagedManifestError: it does not say which files are ours.
        PublishError: it cannot be read.
    """
    path = out / MANIFEST
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except FileNotFoundError:
        return Manifest()
    except OSError as error:
        raise PublishError(f"cannot read {path}: {error.strerror or error}") from None
    except msgspec.DecodeError as error:
        raise DamagedManifestError(
            path,
            f"{path} is damaged ({error}), so it is not known which files in out/ are ours. "
            "Restore it, or empty the folder and publish again.",
        ) from None
    return msgspec.structs.replace(manifest, files=tuple(filter(_is_inside, manifest.files)))


def write_manifest(out: Path, manifest: Manifest) -> None:
    """Replaces the manifest of an out/ folder, which is made if it is missing.

    Raises:
        OSError: out/ cannot be written.
    """
    out.mkdir(parents=True, exist_ok=True)
    write_whole(out / MANIFEST, manifest.encode())


def _is_inside(name: str) -> bool:
    return "\0" not in name and _OUTSIDE.isdisjoint(name.split("/"))
