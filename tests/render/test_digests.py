"""Golden documents of digests, byte by byte; see `tests/render/test_golden.py`."""

from __future__ import annotations

import json
import os
import re
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from feeds.config import load_config
from feeds.pipeline.run import publish_feeds
from feeds.render.environment import asset_paths
from tests.support.rendering import GOLDEN, publish_golden
from tests.support.site import NOW
from tests.support.validator import findings

_BASE = "https://feeds.example.org/"
_DOCUMENTS = [
    f"digests/{name}.{extension}"
    for name in ("morning", "the-week")
    for extension in ("atom", "html", "json", "rss")
]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Publishes, withdraws a story, and publishes again."""
    root = tmp_path_factory.mktemp("digest")
    seeds = root / "seeds"
    shutil.copytree(GOLDEN / "digest/seeds", seeds)
    config = GOLDEN / "digest/config.toml"
    out = publish_golden(config, seeds, root)
    seed = seeds / "hoax.md"
    withdrawn = 'published: false\nwithdrawnReason: "It was a <buoy>."'
    seed.write_text(seed.read_text("utf-8").replace("published: true", withdrawn), "utf-8")
    environment = {
        "FEEDS_PATHS__SEEDS": json.dumps([str(seeds)]),
        "FEEDS_PATHS__OUT": str(out),
        "FEEDS_PATHS__STATE": str(root / "state.db"),
    }
    publish_feeds(load_config(config, environment), clock=lambda: NOW + timedelta(hours=1))
    return out


@pytest.mark.parametrize("path", _DOCUMENTS)
def test_document_is_the_golden_one(published: Path, path: str) -> None:
    golden = GOLDEN / "digest" / path
    data = (published / path).read_bytes()
    for asset, address in asset_paths(()).items():
        data = data.replace(address.encode(), f"assets/{asset}".encode())
    if os.environ.get("UPDATE_GOLDEN"):
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_bytes(data)
    assert data.decode() == golden.read_bytes().decode()
    assert findings(path, (published / path).read_bytes(), _BASE) == []


def test_the_content_of_a_digest_stands_without_styles_and_scripts(published: Path) -> None:
    for name in ("morning", "the-week"):
        for entry in json.loads((published / f"digests/{name}.json").read_bytes())["items"]:
            found = set(re.findall(r"<(\w+)", entry["content_html"]))
            assert found <= {"h2", "a", "p", "strong", "figure", "img"}
            assert not re.search(r"\b(style|class|on\w+)=", entry["content_html"])
