"""A damaged manifest is rebuilt from the state file, and a pass says so."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from feeds.common.errors import DamagedManifestError, PublishError
from feeds.common.files import temporary_for
from feeds.common.reports import Callbacks, Options
from feeds.publish import read_manifest
from feeds.publish.manifest import MANIFEST
from tests.support.site import Site

DAMAGES = [b"", b"\0" * 400, b"{", b"[]", b'{"files": [1]}', b"\xff\xfe"]


@pytest.fixture
def published(site: Site) -> Site:
    """A published site of two stories and topics, with a file of somebody else in out/."""
    site.seed(topics=["AI"])
    site.seed("b.txt", number=2, topics=["Space"])
    site.publish()
    (site.out / "mine.html").write_text("mine", encoding="utf-8")
    return site


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_manifest_is_made_anew_and_told(published: Site, damage: bytes) -> None:
    manifest, before = published.out / MANIFEST, published.tree()
    wanted = manifest.read_bytes()
    manifest.write_bytes(damage)
    told: list[str] = []
    report = published.publish(callbacks=Callbacks(warn=told.append))
    (warning,) = told
    assert warning.startswith(f"{manifest} was damaged")
    assert (report.written, report.removed) == ([], [])
    assert manifest.read_bytes() == wanted
    after = published.tree()
    assert {path for path in after if after[path] != before[path]} <= {MANIFEST}
    assert published.publish(callbacks=Callbacks(warn=pytest.fail)).written == []


def test_damaged_manifest_hinders_no_change(published: Site) -> None:
    (published.out / MANIFEST).write_bytes(b"")
    Path(temporary_for(published.out / "all.atom")).write_bytes(b"half")
    (published.seeds / "b.txt").unlink()
    published.write("../out/topics/ai.atom", "changed by hand")
    ran = published.run("export")
    assert ran.code == 0
    assert "was damaged" in ran.err
    documents = published.documents()
    assert documents.pop("mine.html") == b"mine"
    assert documents == published.fresh()
    assert not list(published.out.rglob("*.feeds-tmp"))


def test_damaged_manifest_counts_as_unfinished_until_a_pass_came_to_its_end(
    published: Site,
) -> None:
    (published.out / MANIFEST).write_bytes(b"")
    document = published.out / "all.atom"
    document.unlink()
    document.mkdir()
    with pytest.raises(PublishError, match="is in the way"):
        published.publish()
    assert read_manifest(published.out).unfinished
    document.rmdir()
    assert published.publish().written == ["all.atom"]
    assert not read_manifest(published.out).unfinished


def test_damaged_manifest_of_a_folder_that_the_state_file_does_not_know_stays(
    published: Site,
) -> None:
    other = published.root / "other"
    shutil.copytree(published.out, other)
    (other / MANIFEST).write_bytes(b"{")
    ran = published.run("export", "--out", str(other))
    assert ran.code == 3
    assert "empty the folder" in ran.err
    published.state.unlink()
    (published.out / MANIFEST).write_bytes(b"{")
    assert published.run("export").code == 3
    assert (published.out / MANIFEST).read_bytes() == (other / MANIFEST).read_bytes() == b"{"


def test_dry_run_says_that_a_damaged_manifest_would_be_made_anew(published: Site) -> None:
    (published.out / MANIFEST).write_bytes(b"{")
    before = published.files()
    with pytest.raises(DamagedManifestError, match="'feeds export' rebuilds it"):
        published.publish(options=Options(dry_run=True))
    assert published.files() == before


def test_damaged_manifest_stops_no_fetch_and_costs_no_copy(published: Site) -> None:
    manifest: Path = published.out / MANIFEST
    manifest.write_bytes(b"{")
    for command in ("fetch", "gc"):
        assert published.run("images", command).code == 0
    assert manifest.read_bytes() == b"{"


def test_manifest_made_anew_is_readable(published: Site) -> None:
    (published.out / MANIFEST).write_bytes(b"{")
    published.publish()
    assert json.loads((published.out / MANIFEST).read_bytes())["items"] == 2
