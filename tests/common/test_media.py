"""What a file's name says of it."""

from __future__ import annotations

import pytest

from feeds.common.media import (
    IMAGE_EXTENSIONS,
    image_type,
    kind_of,
)


@pytest.mark.parametrize(
    ("path", "media_type", "content_type"),
    [
        ("topics/ai.atom", "application/atom+xml", "application/atom+xml; charset=utf-8"),
        ("topics/ai.rss", "application/rss+xml", "application/rss+xml; charset=utf-8"),
        ("all.json", "application/feed+json", "application/feed+json; charset=utf-8"),
        ("feeds.opml", "text/x-opml", "text/x-opml; charset=utf-8"),
        ("all.html", "text/html", "text/html; charset=utf-8"),
        ("assets/icon.svg", "image/svg+xml", "image/svg+xml; charset=utf-8"),
        ("media/ab/x.jpg", "image/jpeg", "image/jpeg"),
        ("media/ab/x", "application/octet-stream", "application/octet-stream"),
    ],
)
def test_kind_is_that_of_the_extension(path: str, media_type: str, content_type: str) -> None:
    assert (kind_of(path).media_type, kind_of(path).content_type) == (media_type, content_type)


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("https://x.org/a.PNG?size=1", "image/png"),
        ("https://x.org/a.tif", "image/tiff"),
        ("https://x.org/a.jpeg", "image/jpeg"),
        ("https://x.org/a.ico", "image/jpeg"),
        ("https://x.org/a.html", "image/jpeg"),
        ("https://x.org/png", "image/jpeg"),
        ("https://x.png?a/b.gif#/c.gif", "image/jpeg"),
        ("https://x.org/v.gif/image", "image/jpeg"),
    ],
)
def test_image_type_is_guessed_by_the_address(url: str, wanted: str) -> None:
    assert image_type(url) == wanted


def test_extensions_of_images_stand_for_their_types() -> None:
    for media_type, extension in IMAGE_EXTENSIONS.items():
        assert kind_of(f"x.{extension}").media_type == media_type
