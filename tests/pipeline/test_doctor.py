"""What is found of a site on its own machine."""

from __future__ import annotations

import os
import shutil
from datetime import timedelta
from typing import NamedTuple

import pytest

from feeds.common.reports import utc_now
from feeds.pipeline import doctor
from feeds.pipeline.after_publish import deliver_once
from feeds.pipeline.doctor import examine_site
from tests.support.ports import HOST, free_port
from tests.support.site import NOW, Site


def found(site: Site, severity: str) -> list[str]:
    """Returns what is found of a severity, an hour after the pass."""
    findings = list(examine_site(site.load(), NOW + timedelta(hours=1)))
    assert all(bool(one.advice) == (one.severity != "ok") for one in findings)
    return [f"{one.subject}: {one.text}" for one in findings if one.severity == severity]


def test_doctor_finds_nothing_at_a_good_site_and_writes_nothing(site: Site) -> None:
    site.seed()
    site.publish()
    before = site.files()
    assert found(site, "error") + found(site, "warning") == []
    assert site.files() == before
    subjects = {one.partition(":")[0] for one in found(site, "ok")}
    assert subjects == {"configuration", "seeds", "folders", "disk", "state", "clock"}


def test_doctor_of_a_new_site_says_how_to_begin(site: Site) -> None:
    assert found(site, "error") == []
    assert found(site, "warning") == [
        f"seeds: {site.seeds} has no seed",
        "state: nothing was published yet",
    ]


def test_doctor_finds_a_missing_folder_of_seeds(site: Site) -> None:
    site.seeds.rmdir()
    assert found(site, "error") == [f"seeds: cannot list {site.seeds}: No such file or directory"]


def test_doctor_finds_folders_that_cannot_be_written(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.seed()
    site.publish()
    monkeypatch.setattr(os, "access", lambda path, _: path != site.out)  # root may write anywhere
    assert found(site, "error") == [f"folders: paths.out: {site.out} cannot be written"]


class Usage(NamedTuple):
    """What shutil.disk_usage returns."""

    total: int
    used: int
    free: int


def test_doctor_finds_a_full_disk(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.seed()
    site.publish()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1 << 40, 1 << 40, 5 << 20))
    (disk,) = found(site, "error")
    assert disk.startswith("disk: 5 MiB and ")
    monkeypatch.undo()
    monkeypatch.setattr(doctor, "_LOW_FILES", 1 << 62)
    (disk,) = found(site, "error")
    assert disk.startswith("disk: ")


def test_doctor_finds_a_damaged_state_file(site: Site) -> None:
    site.seed()
    site.spoil_state()
    assert found(site, "error") == [f"state: {site.state} cannot be read"]


def test_doctor_finds_a_foreign_state_file(site: Site) -> None:
    site.seed()
    site.state.parent.mkdir()
    site.state.write_text("letters", encoding="utf-8")
    (state,) = found(site, "error")
    assert state.startswith("state: ")


def test_doctor_finds_that_the_clock_was_set_back(site: Site) -> None:
    site.seed()
    site.publish(NOW + timedelta(days=2))
    (clock,) = found(site, "error")
    assert clock.startswith("clock: the last pass was at 2026-03-03 12:00 UTC, it is 2026-03-01")


def test_doctor_finds_pending_removals(site: Site) -> None:
    for number in range(40):
        site.seed(f"{number}.txt", number=number)
    site.publish()
    for path in list(site.seeds.iterdir())[1:]:
        path.unlink()
    site.publish()
    (held,) = found(site, "error")
    assert held.startswith("state: seeds: the files of too many stories are gone at once (39)")


def test_doctor_finds_an_address_that_only_this_machine_reaches(site: Site) -> None:
    path = site.root / "config.toml"
    path.write_text(path.read_text().replace("https://feeds.example.org", "http://localhost:8000"))
    site.seed()
    site.publish()
    (address,) = found(site, "warning")
    assert address.startswith(
        "configuration: the feeds say that they are at http://localhost:8000/"
    )


@pytest.mark.process
def test_doctor_finds_a_hub_that_is_behind(site: Site) -> None:
    hub = f"http://{HOST}:{free_port()}/?token=secret"
    site.configure(f'hub = "{hub}"\n')
    site.seed()
    site.publish(utc_now())  # nobody is told of what is old
    deliver_once(site.load())
    findings = list(examine_site(site.load(), utc_now()))
    (behind,) = [one.text for one in findings if one.severity == "error"]
    assert "is still to be told of 9 documents: " in behind
    assert "secret" not in behind
