"""Names of copies: a function of the image's URL, with the extension of what it really is."""

from __future__ import annotations

import re

from feeds.common.model import MEDIA, image_key

# The formats that browsers and readers show, by media type.
EXTENSIONS = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/gif": "gif",
    "image/webp": "webp",
    "image/avif": "avif",
}
_FILE = re.compile(r"([0-9a-f]{32})\.[A-Za-z]{1,8}")


def copy_name(key: str, media_type: str) -> str:
    """Returns where the copy of an image stands below the cache, and below out/."""
    return f"{MEDIA}/{key[:2]}/{key}.{EXTENSIONS[media_type]}"


def likely_name(url: str, media_type: str) -> str:
    """Returns the name that a copy will have if it is what its URL makes believe."""
    return copy_name(image_key(url), media_type if media_type in EXTENSIONS else "image/jpeg")


def key_of(name: str) -> str | None:
    """Returns the key of the image that a path below the cache is for; None for other files."""
    folder, _, file = name.removeprefix(f"{MEDIA}/").partition("/")
    match = _FILE.fullmatch(file)
    return match[1] if match and match[1][:2] == folder else None
