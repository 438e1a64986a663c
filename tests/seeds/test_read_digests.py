"""The digests by which a rescan tells whether an item changed, and whether a reader would care."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.seeds.test_read import check, good, read, written
from tests.support.site import REAL_SEEDS

# Whoever changes the first digest raises PARSER_VERSION; whoever changes the second, its own.
_PINNED = {
    "000_613e5fb5d2b32426.txt": (
        "urn:uuid:c34c4c55-7e09-5bbb-8a78-c9ef1b03da40",
        "088863283e2a75d1b60229183f17bbfa",
        "01c8015d835c7841254f2b7e02d95af5",
    ),
    "001_792b0d4a2dfad34b.txt": (
        "urn:uuid:25f033e0-a764-584c-9201-b62514259769",
        "9dbba772f183b9ee31aa8a21a9d5fad7",
        "017055cf39509a08aab7d641b98bc3bb",
    ),
    "002_2aecd8ef6c2bfcb0.txt": (
        "urn:uuid:10c61fa0-48eb-562b-b429-2d29d055d8c0",
        "b160f61aa3a5edb97d216e07592e6065",
        "019ebf20ecbcb1d1a6b8a160ceb935c2",
    ),
    "003_d3ab86f532bae268.txt": (
        "urn:uuid:2f236954-5a23-5f7e-9ac4-bcd8e0dd289f",
        "3837fb64cfd2c166090258015f819f7d",
        "011fddd5afb7dbec9481d30f99899832",
    ),
    "004_bd5a76a9825d8b94.txt": (
        "urn:uuid:84af9e6e-a044-5288-85e6-39852a34b983",
        "5aa9e90ab2caab34f2ccd2dbe311dff7",
        "013ba699f0c2af4ac0916115b7060e7a",
    ),
}


@pytest.mark.parametrize("name", _PINNED)
def test_id_and_digests_of_the_real_seeds_are_pinned(name: str) -> None:
    reading = read(REAL_SEEDS / name)
    check(reading)
    assert reading.header is not None
    assert reading.problems == ()
    header = reading.header
    assert (header.id, header.digest.hex(), header.reader_digest.hex()) == _PINNED[name]


@pytest.mark.parametrize(
    ("changes", "is_seen"),
    [
        ({"title": "Other"}, True),
        ({"excerpt": "Other"}, True),
        ({"body": "Other"}, True),
        ({"correction": "It was Tuesday."}, True),
        ({"webUrl": "https://other.example/"}, True),
        ({"images": [{"url": "https://i.example/1.png", "isCached": True}]}, True),
        ({"images": [{"url": "https://i.example/1.png", "isCached": False}]}, False),
        ({"quality": 71}, False),
        ({"heat": 6}, False),
        ({"published": False}, False),
        ({"topics": ["B"]}, False),
        ({"publishedDateTime": "2026-01-01"}, False),
        ({"related": [{"title": "R", "webUrl": "https://r.example/"}]}, False),
    ],
)
def test_reader_digest_changes_where_a_reader_would_care(
    tmp_path: Path, changes: dict[str, Any], *, is_seen: bool
) -> None:
    before, after = (read(written(tmp_path, good(**each))).header for each in ({}, changes))
    assert before is not None
    assert after is not None
    assert before.digest != after.digest
    assert (before.reader_digest != after.reader_digest) == is_seen
