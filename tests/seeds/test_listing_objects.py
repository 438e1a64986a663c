"""Seeds in objects, on a server that speaks S3: passes over them, and what happens if it fails."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from signal import SIGKILL
from subprocess import Popen

import pytest

from feeds.common.buckets import Objects
from feeds.common.dask_cluster import ClusterAddress, cluster_at
from feeds.common.reports import Callbacks, Options
from feeds.seeds import listing, read
from tests.support.buckets import BUCKET
from tests.support.dask import DaskCluster
from tests.support.failing_buckets import CUT, FORBIDDEN, SLOW_DOWN, Buckets
from tests.support.processes import PATIENCE
from tests.support.site import Site, front_matter, seed_text

PREFIX = f"s3://{BUCKET}/news desk/"


@pytest.fixture
def buckets(buckets: Buckets, monkeypatch: pytest.MonkeyPatch) -> Buckets:
    monkeypatch.setattr(listing, "_opened", lambda address: Objects(address, patience_s=0.5))
    monkeypatch.setattr(listing, "_PAUSES_S", (0.01,))
    buckets.clear(page=3)
    return buckets


@pytest.fixture
def site(site: Site) -> Site:
    """A site whose seeds are in the bucket."""
    site.configure(f'[paths]\nseeds = ["{PREFIX}"]\n')
    return site


def put(buckets: Buckets, name: str, number: int = 1, **changes: object) -> str:
    """Puts a good seed; returns its address."""
    return buckets.put(f"news desk/{name}", seed_text(front_matter(number, **changes)))


def fill(buckets: Buckets, count: int) -> None:
    for number in range(count):
        put(buckets, f"2026/{number:02} ü.md", number)
    buckets.asked.clear()


@pytest.mark.parametrize("seeds", [[PREFIX], [PREFIX, "seeds"], ["seeds", PREFIX, f"{PREFIX}2026"]])
def test_seeds_in_objects_give_the_same_documents_as_files(
    site: Site, buckets: Buckets, seeds: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read, "WORTH_PROCESSES", 2)  # so workers read some
    monkeypatch.setattr(read, "_CHUNK", 2)
    for number in range(9):
        in_folder = "seeds" in seeds and number % 2
        if in_folder:
            site.seed(f"2026/{number}.md", number=number)
        else:
            put(buckets, f"2026/{number}.md", number)
    site.configure(f"[paths]\nseeds = {seeds}\n")
    assert site.publish().seeds == 9
    assert not site.publish().changed_out
    found = site.documents()
    for number in range(9):
        site.seed(f"2026/{number}.md", number=number)
    site.configure("")
    site.publish_whole()
    assert found == site.documents()


def test_pass_reads_the_objects_that_came_or_changed(site: Site, buckets: Buckets) -> None:
    fill(buckets, 5)
    site.publish()
    assert len(buckets.reads()) == 5
    site.publish()
    assert buckets.reads() == []
    put(buckets, "2026/03 ü.md", 3)  # the same bytes
    put(buckets, "2026/01 ü.md", 1, title="Edited")
    put(buckets, "new.md", 7)
    buckets.delete("news desk/2026/00 ü.md")
    report = site.publish()
    assert (report.read, report.changed, report.gone) == (2, 2, 1)
    assert buckets.reads() == ["news desk/2026/01 ü.md", "news desk/new.md"]
    assert sorted(site.titles()) == ["Edited", "Story 2", "Story 3", "Story 4", "Story 7"]


def test_objects_that_are_no_seeds_are_passed_over_and_a_large_one_is_a_problem(
    site: Site, buckets: Buckets
) -> None:
    put(buckets, "a.md")
    for name in (".hidden.md", ".git/a.md", "a.html", "folder/"):
        put(buckets, name, 2)
    buckets.put("another/a.md", seed_text(front_matter(3)))
    buckets.put("news desk/large.md", b"x" * ((1 << 20) + 1))
    reason = f"{PREFIX}large.md: error: 1048577 bytes, wanted at most 1048576 (1 MiB)"
    for _ in range(2):
        report = site.publish()
        assert (report.seeds, site.titles()) == (2, ["Story 1"])
        assert [str(problem) for problem in report.problems] == [reason]


def test_pass_that_is_told_of_keys_asks_for_them_alone(site: Site, buckets: Buckets) -> None:
    fill(buckets, 5)
    site.publish()
    put(buckets, "2026/01 ü.md", 1, title="Edited")
    put(buckets, "new/a.md", 7)
    buckets.delete("news desk/2026/00 ü.md")
    buckets.asked.clear()
    names = ("2026/00 ü.md", "2026/01 ü.md", "2026/02 ü.md", "new", ".hidden/a.md")
    warnings: list[str] = []
    told = frozenset([*(f"{PREFIX}{name}" for name in names), "s3://other/a.md"])
    site.publish(options=Options(changed=told), callbacks=Callbacks(warn=warnings.append))
    assert len(site.titles()) == 5
    lists = [query for method, _, query in buckets.asked if "list-type" in query]
    assert [("2026/00" in one or "new/" in one) for one in lists] == [True] * len(lists)
    assert buckets.reads() == ["news desk/2026/01 ü.md", "news desk/new/a.md"]
    assert len(warnings) == 1
    assert "2 of the changed paths" in warnings[0]
    put(buckets, "another.md", 8)
    site.publish(options=Options(changed=frozenset([PREFIX])))
    assert len(site.titles()) == 6


@pytest.mark.parametrize("fault", [SLOW_DOWN, FORBIDDEN, CUT])
@pytest.mark.parametrize("what", ["a page of the listing", "a seed"])
def test_bucket_that_fails_changes_nothing(
    site: Site, buckets: Buckets, fault: str, what: str
) -> None:
    fill(buckets, 7)
    assert site.run("export").code == 0
    before = site.tree()
    put(buckets, "2026/01 ü.md", 1, title="Edited")
    buckets.delete("news desk/2026/06 ü.md")
    wanted = "continuation-token" if what.startswith("a page") else "/01 ü.md"
    buckets.fault = lambda _, path, query: fault if wanted in f"{path}?{query}" else None
    ran = site.run("export")
    assert ran.code == 2
    assert f"s3://{BUCKET}/" in ran.err
    assert "Traceback" not in ran.err
    secret = os.environ["AWS_SECRET_ACCESS_KEY"]
    assert secret not in ran.err
    assert secret.encode() not in b"".join(
        path.read_bytes() for path in site.state.parent.glob("*.db*")
    )
    assert site.tree() == before
    buckets.fault = lambda *_: None
    assert site.run("export").code == 0
    assert min(site.titles()) == "Edited"
    assert len(site.titles()) == 6


def test_bucket_that_forbids_workers_a_seed_changes_nothing(
    site: Site, buckets: Buckets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read, "WORTH_PROCESSES", 2)
    fill(buckets, 3)
    buckets.fault = lambda _, path, __: FORBIDDEN if path.endswith("/01 ü.md") else None
    ran = site.run("export")
    reason = f"cannot read seeds: {PREFIX}2026/01 ü.md: the bucket answers 403 (Forbidden)"
    assert (ran.code, reason in ran.err, "Traceback" in ran.err) == (2, True, False)
    assert "all.atom" not in site.tree()


@pytest.mark.parametrize(
    ("bucket", "endpoint", "reason"),
    [
        ("nowhere", "", "the bucket answers 404 (NoSuchBucket)"),
        (BUCKET, "http://127.0.0.1:9", "the bucket does not answer"),
    ],
)
def test_bucket_that_is_not_there_is_as_a_folder_that_is_not(
    site: Site,
    buckets: Buckets,
    monkeypatch: pytest.MonkeyPatch,
    bucket: str,
    endpoint: str,
    reason: str,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT", endpoint or buckets.url)
    site.configure(f'[paths]\nseeds = ["s3://{bucket}/a/"]\n')
    ran = site.run("export")
    assert ran.code == 2
    assert f"cannot list seeds: s3://{bucket}/a: {reason}" in ran.err


@pytest.mark.parametrize("fault", [SLOW_DOWN, CUT])
def test_bucket_that_fails_for_a_while_is_asked_again(
    site: Site, buckets: Buckets, fault: str
) -> None:
    fill(buckets, 5)
    faults = {"/00 ü.md": 1, "continuation-token": 1}

    def fail(_: str, path: str, query: str) -> str | None:
        for part in faults:
            if part in f"{path}?{query}" and faults[part]:
                faults[part] -= 1
                return fault
        return None

    buckets.fault = fail
    assert site.publish().items == 5
    assert faults == {"/00 ü.md": 0, "continuation-token": 0}


def test_listing_that_is_empty_or_much_shorter_holds_the_stories(
    site: Site, buckets: Buckets
) -> None:
    fill(buckets, 40)
    site.publish()
    for number in range(30):
        buckets.delete(f"news desk/2026/{number:02} ü.md")
    (held,) = site.publish().held
    assert (held.folder, held.stories) == (f"{PREFIX}2026", 30)
    assert "is this still the right bucket?" in str(held)
    for number in range(30, 40):
        buckets.delete(f"news desk/2026/{number:02} ü.md")
    assert site.publish().held[0].stories == 40
    assert len(site.titles()) == 40
    site.publish(options=Options(allow_empty=True))
    assert site.titles() == []


def test_object_that_changes_and_changes_back_while_it_is_read_is_read_again(
    site: Site, buckets: Buckets
) -> None:
    address = put(buckets, "a.md")
    swapped: list[str] = []

    def swap(method: str, path: str, _: str) -> None:
        if method == "GET" and path.endswith("a.md") and not swapped:
            swapped.append(put(buckets, "a.md", 1, title="For a moment"))

    buckets.fault = swap
    site.publish()
    assert swapped == [address]
    assert site.titles() == ["For a moment"]
    put(buckets, "a.md")
    site.publish()
    assert site.titles() == ["Story 1"]


def test_object_that_is_gone_when_it_is_read_is_a_problem(site: Site, buckets: Buckets) -> None:
    fill(buckets, 2)
    gone = put(buckets, "gone.md", 7)
    buckets.fault = lambda _, path, __: "404 Not Found" if path.endswith("gone.md") else None
    (problem,) = site.publish().problems
    assert str(problem) == f"{gone}: error: cannot be read: there is no such object any more"
    assert len(site.titles()) == 2


@pytest.mark.parametrize(
    ("command", "code", "says"),
    [
        (["check", f"{PREFIX}bad.md"], 1, f"{PREFIX}bad.md:6:"),
        (["check", f"{PREFIX}2026/"], 0, "2 seeds, 2 usable"),
        (["check", f"{PREFIX}none"], 2, f"no seed {PREFIX}none"),
        (["check"], 1, "3 seeds, 2 usable"),
        (["explain", f"{PREFIX}2026/01 ü.md"], 0, "Story 1"),
        (["explain", "2026/01 ü.md"], 0, "Story 1"),
        (["explain", f"{PREFIX}bad.md"], 0, "its seed cannot be used"),
        (["explain", f"{PREFIX}none.md"], 2, f"no seed {PREFIX}none.md: there is no such object"),
        (["list"], 0, "topics/ai"),
        (["doctor"], 1, f"3 objects in {PREFIX}"),
        (["new", "A title"], 2, f"paths.seeds names no folder, but {PREFIX}"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_commands_take_addresses_and_show_them(
    site: Site, buckets: Buckets, command: list[str], code: int, says: str
) -> None:
    fill(buckets, 2)
    put(buckets, "bad.md", quality=700)
    ran = site.run(*command)
    assert ran.code == code
    assert says in ran.out + ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(
    ("seeds", "names"),
    [
        ([PREFIX], [f"{PREFIX}2026/01 ü.md"]),
        ([PREFIX], ["news desk/2026/01 ü.md"]),
        ([PREFIX, "seeds"], ["news desk/2026/01 ü.md", "seeds/3.md"]),
        ([f"s3://{BUCKET}/", "news desk"], ["news desk/2026/01 ü.md", "news desk/3.md"]),
    ],
    ids=["address", "key", "keys and files", "whole bucket, and a folder of its names"],
)
def test_export_takes_addresses_and_keys_of_what_changed(
    site: Site,
    buckets: Buckets,
    seeds: list[str],
    names: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(site.root)
    site.configure(f"[paths]\nseeds = {seeds}\n")
    folders = [site.root / one for one in seeds if one.isidentifier() or one == "news desk"]
    for folder in folders:
        folder.mkdir(exist_ok=True)
    fill(buckets, 3)
    assert site.run("export").code == 0
    put(buckets, "2026/01 ü.md", 1, title="Edited")
    for folder in folders:
        (folder / "3.md").write_text(seed_text(front_matter(3, title="New")), encoding="utf-8")
    buckets.asked.clear()
    (site.root / "changed").write_text("\n".join(names))
    ran = site.run("export", "--changed", "changed")
    assert (ran.code, "passed over" in ran.err) == (0, False)
    assert {"Edited", *(["New"] if folders else [])} <= set(site.titles())
    is_listed = any("list-type" in query for _, _, query in buckets.asked)
    assert is_listed == ("news desk/3.md" in names)  # as a key it might be a folder


def test_export_killed_while_it_asks_a_bucket_goes_on_from_there(
    site: Site, buckets: Buckets
) -> None:
    """Kills the export, and with it its workers, as a certain request comes."""
    buckets.clear()
    fill(buckets, 650)
    for number in (1, 300):
        buckets.asked.clear()
        process = site.start("export")

        def kill(*_: str, number: int = number, process: Popen[str] = process) -> None:
            if len(buckets.asked) == number:
                process.kill()

        buckets.fault = kill
        process.communicate(timeout=PATIENCE)
        assert process.returncode == -SIGKILL
        assert "all.atom" not in site.tree()
    buckets.fault = lambda *_: None
    buckets.reads()
    # A quick bucket may have answered before anything was kept.
    with closing(sqlite3.connect(site.state)) as state:
        (kept,) = state.execute("SELECT count(*) FROM reading").fetchone()
    site.publish()
    # Once each: workers of the killed export may have asked for some meanwhile.
    assert len(set(buckets.reads())) < 650 or not kept
    found = site.documents()
    for number in range(650):
        site.seed(f"{number}.md", number=number)
    site.configure("")
    assert found == site.fresh()


def test_workers_of_a_cluster_read_objects_themselves(
    site: Site, buckets: Buckets, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fill(buckets, 9)
    with DaskCluster(tmp_path) as running, monkeypatch.context() as patch:
        patch.setattr(read, "WORTH_PROCESSES", 2)
        patch.setattr(read, "_CHUNK", 3)
        running.start_scheduler()
        running.start_worker("one")
        seeds = f'[paths]\nseeds = ["{PREFIX}"]\n'
        site.configure(f'{seeds}[engine]\nkind = "dask"\naddress = "{running.address}"\n')
        buckets.fault = lambda _, path, __: FORBIDDEN if path.endswith("/05 ü.md") else None
        ran = site.run("export")
        assert (ran.code, "05 ü.md: the bucket answers 403" in ran.err) == (2, True)
        buckets.fault = lambda *_: None
        patch.setattr(read, "fetch_objects", None)  # here, not there
        assert sum(site.publish().workers["seeds"].values()) > 0
        found = site.documents()
        cluster_at(ClusterAddress(running.address, 60.0)).close()
    assert found == site.fresh()
