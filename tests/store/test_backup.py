"""Backups at the level of files."""

from __future__ import annotations

from feeds.store.backup import back_up, put_back
from tests.support.site import Site


def test_backup_takes_no_place_that_another_run_has_taken(site: Site) -> None:
    site.seed()
    site.publish()
    copy, before = site.root / "copy.db", site.state.read_bytes()
    back_up(site.state, copy)
    assert not put_back(copy, site.state)
    assert site.state.read_bytes() == before
    assert put_back(copy, site.root / "other.db")
