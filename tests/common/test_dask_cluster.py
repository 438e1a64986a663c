"""Work spread over a Dask cluster: a real scheduler and workers, and what happens to them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trustme

from feeds import __version__
from feeds.common.dask_cluster import Cluster, ClusterAddress
from feeds.common.errors import WorkerError
from feeds.common.workers import spread
from tests.support.dask import DaskCluster, two_workers
from tests.support.processes import PATIENCE

_OTHER_FEEDS = "import feeds; feeds.__version__ = '0.0.1'"
_NO_FEEDS = "import sys; sys.modules['feeds'] = None"


def _square(numbers: list[int]) -> bytes:
    return str([number * number for number in numbers]).encode()


def _fail(numbers: list[int]) -> bytes:
    raise KeyError(numbers[0])


def _slow(folder: Path, numbers: list[int]) -> bytes:
    """Says that it has begun, and who has; its answer is long enough to be lost on the way."""
    (folder / f"{numbers[0]}-{os.getpid()}").touch()
    time.sleep(0.05)
    return str(numbers).encode().ljust(1 << 20)


def _one_by_one(numbers: int) -> list[bytes]:
    return [f"[{number}]".encode() for number in range(numbers)]


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    """A cluster of two workers that no test harms."""
    with two_workers(tmp_path_factory.mktemp("dask")) as running:
        yield running


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[DaskCluster]:
    """A cluster without workers, to be harmed."""
    with DaskCluster(tmp_path) as running:
        running.start_scheduler()
        yield running


def cluster_of(running: DaskCluster, no_workers_s: float = PATIENCE, *tls: str) -> Cluster:
    return Cluster(ClusterAddress(running.address, no_workers_s, *tls))


def done(cluster: Cluster, work: Any, numbers: int, chunk: int = 1) -> list[bytes]:
    """Returns what comes of work on so many numbers, with the connection closed."""
    try:
        stage = cluster.doing("numbers")
        return list(stage(work, iter(range(numbers)), chunk))
    finally:
        cluster.close()


def test_cluster_gives_the_same_as_processes_in_the_same_order(workers: DaskCluster) -> None:
    cluster = cluster_of(workers)
    expected = list(spread(_square, range(100), 3))
    assert done(cluster, _square, 100, 3) == expected
    (counts,) = cluster.done().values()
    assert counts.keys() <= {"one", "two"}
    assert sum(counts.values()) == 100


def test_cluster_keeps_its_client_for_more_work(workers: DaskCluster) -> None:
    cluster = cluster_of(workers)
    clients = []
    for _ in range(2):
        list(cluster.doing("numbers")(_square, iter(range(10)), 3))
        clients.append(cluster._client)
    cluster.close()
    assert clients[0] is clients[1] is not None


def test_cluster_passes_on_what_the_work_raises(workers: DaskCluster) -> None:
    cluster = cluster_of(workers)
    with pytest.raises(KeyError):
        done(cluster, _fail, 20)
    assert done(cluster, _square, 2) == [b"[0]", b"[1]"]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (_OTHER_FEEDS, rf"worker odd has feeds 0\.0\.1 \(here {__version__}\): have all"),
        (_NO_FEEDS, "cannot do the work of feeds .* same version of feeds as this machine"),
    ],
    ids=["another version", "none"],
)
def test_cluster_refuses_workers_that_are_not_as_we_are(
    mortal: DaskCluster, code: str, reason: str
) -> None:
    mortal.start_worker("odd", code)
    with pytest.raises(WorkerError, match=reason):
        done(cluster_of(mortal), _square, 20)


def test_cluster_says_in_time_that_there_is_no_scheduler(tmp_path: Path) -> None:
    reason = r"no Dask scheduler answers at tcp://127\.0\.0\.1:\d+ \(.*\), for 1 s"
    with pytest.raises(WorkerError, match=reason):
        done(cluster_of(DaskCluster(tmp_path), 1), _square, 20)


def test_cluster_says_in_time_that_there_are_no_workers(mortal: DaskCluster) -> None:
    with pytest.raises(WorkerError, match=r"has no workers, for 1 s .*nothing was published"):
        done(cluster_of(mortal, 1), _square, 20)


def test_cluster_waits_for_workers_that_come_late(mortal: DaskCluster, tmp_path: Path) -> None:
    cluster = cluster_of(mortal)
    results = cluster.doing("numbers")(_square, iter(range(3)), 1)
    mortal.start_worker("late")
    assert list(results) == [b"[0]", b"[1]", b"[4]"]
    cluster.close()


@pytest.mark.parametrize("killed", ["worker", "workers", "scheduler"])
def test_cluster_of_which_parts_are_killed_does_all_work(
    mortal: DaskCluster, tmp_path: Path, killed: str
) -> None:
    for name in ("one", "two"):
        mortal.start_worker(name)
    (begun := tmp_path / "begun").mkdir()
    cluster = cluster_of(mortal)
    source = range(60)
    results = cluster.doing("numbers")(partial(_slow, begun), iter(source), 1)
    got = [next(results) for _ in range(9)]
    if killed == "worker":
        mortal.kill_worker("one")
    if killed == "scheduler":
        mortal.kill_scheduler()
    if killed != "worker":
        mortal.kill_workers()
    if killed == "scheduler":
        mortal.start_scheduler()
    if killed != "worker":
        mortal.start_worker("three")
    assert [one.strip() for one in (*got, *results)] == _one_by_one(60)
    cluster.close()
    assert "three" in cluster.done()["numbers"] or killed == "worker"


def test_cluster_forgets_the_work_of_a_client_that_has_gone(
    mortal: DaskCluster, tmp_path: Path
) -> None:
    mortal.start_worker("one")
    (begun := tmp_path / "begun").mkdir()
    cluster = cluster_of(mortal)
    results = cluster.doing("numbers")(partial(_slow, begun), iter(range(100)), 1)
    next(results)
    results.close()
    assert done(cluster_of(mortal), _square, 1) == [b"[0]"]
    assert len(list(begun.iterdir())) < 20


def test_cluster_speaks_tls_with_certificates_of_both_sides(tmp_path: Path) -> None:
    authority, other = trustme.CA(), trustme.CA()
    paths = [tmp_path / name for name in ("ca.pem", "cert.pem", "key.pem", "other.pem")]
    authority.cert_pem.write_to_path(paths[0])
    other.cert_pem.write_to_path(paths[3])
    ours = authority.issue_cert("127.0.0.1")
    ours.private_key_pem.write_to_path(paths[2])
    for blob in ours.cert_chain_pems:
        blob.write_to_path(paths[1], append=True)
    with DaskCluster(tmp_path, paths[:3]) as running:
        running.start_scheduler()
        running.start_worker("one")
        ca, certificate, key, stranger = map(str, paths)
        cluster = cluster_of(running, PATIENCE, ca, certificate, key)
        assert done(cluster, _square, 2) == [b"[0]", b"[1]"]
        with pytest.raises(WorkerError, match="no Dask scheduler answers"):
            done(cluster_of(running, 1, stranger, certificate, key), _square, 2)
