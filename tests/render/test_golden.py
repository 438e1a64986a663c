"""Golden documents: what seeds and a configuration make, byte by byte.

After a change that is meant, `UPDATE_GOLDEN=1 pytest tests/render/test_golden.py`; then read the
diff.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from feeds.render.environment import asset_paths
from tests.support.rendering import GOLDEN, publish_digests, publish_golden, without_digests
from tests.support.site import REAL_SEEDS
from tests.support.validator import findings

_REAL_CONFIG = REAL_SEEDS.parent / "config.toml"
_ASSETS = {f"assets/{name}" for name in ("feed.css", "icon.svg", "site.js", "style.css")}
_FORMATS = ("atom", "html", "json", "rss")
_ALL = tuple(f"all.{extension}" for extension in _FORMATS)
_PAGES = ("404.html", "feeds.html", "follow.html", "index.html", "robots.txt", "sitemap.xml")
_DIGESTS = ("morning", "the-week")
_DOCUMENTS = {
    "full": (*_ALL, "feeds.opml", *_PAGES),
    "corrected": _ALL,
    "digest": tuple(
        f"digests/{name}.{one}" for name in ("morning", "the-week") for one in _FORMATS
    ),
    "real": (*_ALL, *(f"topics/computer-vision.{one}" for one in _FORMATS), "feeds.opml"),
}
_BASE_URLS = {
    "full": "https://feeds.example.org/v1/",
    "corrected": "https://feeds.example.org/",
    "real": "https://feeds.example.org/",
}
_FEEDS = {
    "full": {
        *("all", "custom/best-of-all-0f5737fb", "providers/www.xn--exmple-cua.com"),
        *("topics/ai", "topics/c-rust-bd2fb513", "topics/vision"),
    },
    "corrected": {"all", "providers/example.com"},
    "real": {
        *("all", "providers/diginomica.com", "providers/sky.com"),
        *("topics/ai", "topics/computer-vision"),
    },
}


@pytest.fixture(scope="module")
def published(full_site: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("golden")
    return {
        "full": full_site,
        "corrected": publish_golden(
            GOLDEN / "corrected/config.toml", GOLDEN / "corrected", root / "corrected"
        ),
        "digest": publish_digests(root / "digest"),
        "real": publish_golden(_REAL_CONFIG, REAL_SEEDS, root / "real"),
    }


@pytest.mark.parametrize(
    ("name", "path"), [(name, path) for name, paths in _DOCUMENTS.items() for path in paths]
)
def test_document_is_the_golden_one(published: dict[str, Path], name: str, path: str) -> None:
    golden = GOLDEN / name / path
    data = without_digests((published[name] / path).read_bytes())
    if os.environ.get("UPDATE_GOLDEN"):
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_bytes(data)
    assert data.decode() == golden.read_bytes().decode()


@pytest.mark.parametrize("name", _FEEDS)
def test_site_publishes_these_feeds_in_every_format(published: dict[str, Path], name: str) -> None:
    out = published[name]
    files = {str(path.relative_to(out)) for path in out.rglob("[!.]*.*") if path.is_file()}
    wanted = {f"{feed}.{one}" for feed in _FEEDS[name] for one in _FORMATS}
    assert files == wanted | {"feeds.opml", *_PAGES, *_ASSETS, *asset_paths(()).values()}


@pytest.mark.parametrize("name", _FEEDS)
def test_site_has_no_finding_in_any_document(published: dict[str, Path], name: str) -> None:
    out = published[name]
    for path in out.rglob("[!.]*.*"):
        address = str(path.relative_to(out))
        assert findings(address, path.read_bytes(), _BASE_URLS[name]) == []


@pytest.mark.parametrize("name", _FEEDS)
def test_site_shows_no_part_of_a_secret(published: dict[str, Path], name: str) -> None:
    seeds = REAL_SEEDS.glob("*.txt") if name == "real" else [GOLDEN / "full/seeds/seed.md"]
    lines = [line for seed in seeds for line in seed.read_text("utf-8").splitlines()]
    secrets = [line.split('"')[1] for line in lines if line.startswith("secured:")]
    assert secrets
    files = [path for path in published[name].parent.rglob("*") if path.is_file()]
    shown = b"".join(path.read_bytes() for path in files)  # out/ and the state file
    for secret in secrets:
        parts = [secret[at : at + 12].encode() for at in range(0, len(secret) - 12, 6)]
        assert not [part for part in parts if part in shown]
