"""Golden documents of what editors do after publishing: archives, notices, tombstones, corrections.

After a change that is meant, `UPDATE_GOLDEN=1 pytest tests/pipeline/test_archives_golden.py`; then
read the diff.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.rendering import GOLDEN, without_digests
from tests.support.site import Site
from tests.support.validator import findings

_START = datetime(2021, 8, 29, 6, tzinfo=UTC)
_CONFIG = """\
language = "de"
archive = "month"
withdrawn = "notice"
[topics.KI]
withdrawn = "tombstone"
[selection]
max_items = 2
exposure = "0s"
"""
_REASON = 'Nannte <b>den "Falschen"</b> & mehr'
_DOCUMENTS = (
    *("all.atom", "all.json", "all.rss"),
    *("all/2021-08.atom", "all/2021-08.json", "all/2021-08.rss", "all/2021-08.html"),
    *("topics/ki.atom", "topics/ki/2021-08.atom", "topics/ki/2021-08.json"),
)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six stories on six days; then of those in archives one is withdrawn, one corrected."""
    site = Site(tmp_path_factory.mktemp("site"))
    site.configure(_CONFIG)

    def seed(number: int, **changes: Any) -> None:
        dated = _START + timedelta(days=number)
        changes = {"publishedDateTime": dated.isoformat(), "topics": ["KI"]} | changes
        site.seed(f"{number}.txt", number=number, **changes)

    for number in range(6):
        seed(number)
        site.publish(_START + timedelta(days=number))
    seed(0, published=False, withdrawnReason=_REASON)
    seed(1, correction="Es war der <i>Montag</i>.")
    (site.seeds / "5.txt").unlink()
    site.publish(_START + timedelta(days=7))
    return site.out


@pytest.mark.parametrize("path", _DOCUMENTS)
def test_document_is_the_golden_one(out: Path, path: str) -> None:
    golden = GOLDEN / "history" / path
    data = without_digests((out / path).read_bytes())
    if os.environ.get("UPDATE_GOLDEN"):
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_bytes(data)
    assert data.decode() == golden.read_bytes().decode()


def test_documents_without_tombstones_have_no_finding(out: Path) -> None:
    for path in (one for one in _DOCUMENTS if not one.startswith("topics/")):
        found = findings(path, (out / path).read_bytes(), "https://feeds.example.org/")
        assert found == []
