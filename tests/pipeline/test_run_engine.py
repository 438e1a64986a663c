"""Passes whose work is spread over a Dask cluster: the same documents, and no harm."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from feeds.common.buckets import Objects
from feeds.common.dask_cluster import ClusterAddress, cluster_at
from feeds.common.reports import Callbacks
from feeds.pipeline import rendering, rescan
from feeds.seeds import read
from tests.support.buckets import BUCKET
from tests.support.dask import DaskCluster, two_workers
from tests.support.failing_buckets import Buckets
from tests.support.site import Site

_SEEDS = 60


@pytest.fixture(scope="module")
def workers(
    tmp_path_factory: pytest.TempPathFactory, bucket_server: Buckets
) -> Iterator[DaskCluster]:
    """A cluster of two workers, which find the buckets; all passes have one client of it."""
    del bucket_server
    with two_workers(tmp_path_factory.mktemp("dask")) as running:
        yield running
        cluster_at(ClusterAddress(running.address, 60.0)).close()


def fill(site: Site) -> None:
    for number in range(_SEEDS):
        topics = [f"Topic {number % 20}", f"Topic {number % 3}"]
        site.seed(f"{number}.txt", number=number, topics=topics, body=f"*Words* {number}")
    site.write("bad.txt", "no seed")


def change(site: Site) -> None:
    """Puts a seed into all feeds, which show others that did not change."""
    site.seed("0.txt", number=0, topics=[f"Topic {number}" for number in range(20)])


@pytest.fixture
def site(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A site that is worth an engine."""
    monkeypatch.setattr(read, "WORTH_PROCESSES", 10)
    monkeypatch.setattr(read, "_CHUNK", 7)
    monkeypatch.setattr(rendering, "_MANY_FEEDS", 10)
    fill(site)
    return site


def use(site: Site, address: str, limit: str = "60s") -> None:
    toml = f'[engine]\nkind = "dask"\naddress = "{address}"\nno_workers = "{limit}"\n'
    site.configure(toml)


def test_engine_makes_the_documents_that_processes_make(
    site: Site, workers: DaskCluster, tmp_path: Path
) -> None:
    local = Site(tmp_path / "local")
    fill(local)
    use(site, workers.address)
    told: list[tuple[str, int, int]] = []
    report = site.publish(callbacks=Callbacks(progress=lambda *one: told.append(one)))
    feeds = len(report.feeds)
    counts = {kind: sum(done.values()) for kind, done in report.workers.items()}
    assert counts == {"seeds": _SEEDS + 1, "feeds": feeds}
    assert ("feeds", feeds, feeds) in told
    assert local.publish().problems == report.problems != []
    assert site.documents() == local.documents()
    for one in (site, local):
        change(one)
    assert site.publish().workers.keys() == {"feeds"}
    local.publish()
    assert site.documents() == local.documents()
    assert site.publish().workers == {}


@pytest.mark.parametrize("kinds", [("processes", "dask"), ("dask", "processes")], ids=" then ".join)
def test_first_pass_that_was_cut_short_is_ended_by_workers_of_another_kind(
    site: Site, workers: DaskCluster, monkeypatch: pytest.MonkeyPatch, kinds: tuple[str, str]
) -> None:
    class CutShortError(Exception):
        pass

    def progress(_: str, done: int, __: int) -> None:
        if done > _SEEDS // 2:
            raise CutShortError

    def choose(kind: str) -> None:
        if kind == "dask":
            use(site, workers.address)
        else:
            site.configure("")

    monkeypatch.setattr(rescan, "_KEEP_SECONDS", 0.0)
    begun, ended = kinds
    choose(begun)
    with pytest.raises(CutShortError):
        site.publish(callbacks=Callbacks(progress))
    with closing(sqlite3.connect(site.state)) as state:
        assert state.execute("SELECT count(*) FROM seed").fetchone() >= (_SEEDS // 2,)
    for number in range(0, _SEEDS, 7):
        (site.seeds / f"{number}.txt").unlink()
    choose(ended)
    site.publish()
    site.configure("")
    assert site.documents() == site.fresh()


def test_engine_and_buckets_are_to_each_other_what_processes_and_folders_are(
    site: Site, workers: DaskCluster, buckets: Buckets, tmp_path: Path
) -> None:
    site.publish()
    for path in site.seeds.iterdir():
        buckets.put(f"seeds/{path.name}", path.read_bytes())
    remote = Site(tmp_path / "remote")
    paths = f'[paths]\nseeds = ["s3://{BUCKET}/seeds/"]\nout = "s3://{BUCKET}/out/"\n'
    engine = f'[engine]\nkind = "dask"\naddress = "{workers.address}"\n'
    remote.configure(paths + engine)
    assert sum(remote.publish().workers["seeds"].values()) == _SEEDS + 1
    put = Objects(f"s3://{BUCKET}/out/")
    for name, data in site.documents().items():
        assert put.get(name)[0] == data


def test_engine_without_workers_leaves_all_as_it_was(site: Site, tmp_path: Path) -> None:
    site.publish()
    before = site.tree()
    with DaskCluster(tmp_path) as running:
        running.start_scheduler()
        use(site, running.address, "1s")
        for number in range(_SEEDS):
            site.seed(f"{number}.txt", number=number, title=f"Other {number}")
        ran = site.run("export")
        cluster_at(ClusterAddress(running.address, 1.0)).close()
    assert (ran.code, ran.out) == (3, "")
    assert ran.err.startswith(f"feeds: the Dask scheduler at {running.address} has no workers")
    assert site.tree() == before


@pytest.mark.parametrize(
    ("engine", "code", "told"),
    [
        ("", 0, ""),
        ('[engine]\nkind = "dask"\naddress = "tcp://127.0.0.1:1"\n', 2, 'install "feeds[dask]"'),
        ('[paths]\nout = "s3://news/site/"\n', 2, "install 'feeds[objects]'"),
        ('[paths]\nseeds = ["s3://news/seeds/"]\n', 2, "install 'feeds[objects]'"),
    ],
    ids=["processes", "dask", "feeds in objects", "seeds in objects"],
)
def test_engine_and_objects_are_missed_by_those_alone_who_want_them(
    site: Site, engine: str, code: int, told: str
) -> None:
    site.configure(engine)
    missing = "import sys; sys.modules.update(distributed=None, dask=None, obstore=None)"
    command = f"{missing}\nfrom feeds.cli.main import run_command; run_command()"
    done = subprocess.run(
        [sys.executable, "-c", command, "export"],
        cwd=site.root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, told in done.stderr) == (code, True)
