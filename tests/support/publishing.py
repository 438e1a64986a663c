"""Small publications into a folder, for the tests of out/."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from datetime import datetime
from itertools import count
from pathlib import Path

import pytest

from feeds.common.model import Document
from feeds.common.reports import Callbacks, PassReport
from feeds.publish import NewOutput, Publisher, read_manifest
from tests.support.site import NOW, Site

_TOUCHES = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate"}


def document(path: str, text: str) -> Document:
    """Returns a document of a text."""
    return Document(path, text.encode())


def publish(
    out: Path, texts: Mapping[str, str], *, dry_run: bool = False, precompress: bool = False
) -> Publisher:
    """Publishes exactly these texts, as one run; returns what did it."""
    images = {path for path in texts if path.startswith("media/")}
    new = NewOutput(texts.keys() - images, len(texts), images=images)
    with Publisher(out, new, precompress=precompress, dry_run=dry_run) as publisher:
        for path, text in texts.items():
            publisher.put(document(path, text))
        publisher.finish()
    return publisher


def contents(out: Path) -> dict[str, str]:
    """Returns the text of every file below a folder, hidden ones and links included."""
    files = (path for path in sorted(out.rglob("*")) if path.is_file())
    return {str(path.relative_to(out)): path.read_text(errors="surrogateescape") for path in files}


def named(out: Path) -> list[str]:
    """Returns all names in the manifest, sorted."""
    manifest = read_manifest(out)
    return sorted((*manifest.files, *manifest.images))


def documents(out: Path) -> dict[str, str]:
    """Returns the text of every file below a folder but those that are ours alone."""
    return {path: text for path, text in contents(out).items() if not path.startswith(".feeds")}


@contextmanager
def split_manifest(together: int = 2) -> Iterator[None]:
    """Has the names of more than `together` files stand in parts of the manifest, a few."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("feeds.publish.manifest.MOST_TOGETHER", together)
        patch.setattr("feeds.publish.manifest._PARTS", 3)
        yield


def publish_and_die(
    out: Path,
    texts: Mapping[str, str],
    last: int,
    *,
    precompress: bool = False,
    together: int | None = None,
) -> None:
    """Publishes in a process of its own, which is killed at the event `last` that touches files."""
    events = count(1)

    def audit(event: str, _: object) -> None:
        if event in _TOUCHES and next(events) == last:
            os.kill(os.getpid(), signal.SIGKILL)

    with nullcontext() if together is None else split_manifest(together):
        sys.addaudithook(audit)
        publish(out, texts, precompress=precompress)


def rendering(site: Site, now: datetime = NOW) -> tuple[int, PassReport]:
    """Runs a pass; returns how many feeds were rendered, changed or not, and the report."""
    told: dict[str, int] = {}
    callbacks = Callbacks(lambda stage, _, total: told.update({stage: total}), pytest.fail)
    report = site.publish(now, callbacks=callbacks)
    return told.get("feeds", 0), report
