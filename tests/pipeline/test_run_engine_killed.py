"""Exports by a Dask cluster of which something is killed at any moment give the same bytes."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.dask import DaskCluster
from tests.support.processes import PATIENCE, wait_until
from tests.support.site import Site

# Enough for two kinds of work: seeds to read, and feeds to render.
_SEEDS, _TOPICS = 700, 60


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[DaskCluster]:
    (folder := tmp_path / "dask").mkdir()
    with DaskCluster(folder) as running:
        yield running


def fill(site: Site, address: str = "") -> Site:
    for number in range(_SEEDS):
        topics = [f"Topic {number % _TOPICS}", f"Topic {number // 12}"]
        site.seed(f"{number}.txt", number=number, topics=topics, body="Words. " * 9)
    if address:
        limit = f'no_workers = "{2 * PATIENCE:.0f}s"'
        site.configure(f'[engine]\nkind = "dask"\naddress = "{address}"\n{limit}\n')
    return site


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, bytes], float]:
    """The documents that an export without a cluster makes, and how many seconds that takes."""
    local = fill(Site(tmp_path_factory.mktemp("local") / "site"))
    began = time.monotonic()
    assert local.run("export").code == 0
    return local.documents(), time.monotonic() - began


@pytest.mark.parametrize("killed", ["coordinator", "worker", "workers", "scheduler"])
def test_export_by_a_cluster_killed_at_any_moment_gives_the_same(
    site: Site, cluster: DaskCluster, calm: tuple[dict[str, bytes], float], killed: str
) -> None:
    documents, seconds = calm
    fill(site, cluster.address)
    cluster.start_scheduler()
    for name in ("one", "two"):
        cluster.start_worker(name)
    wait_until(lambda: "Registered to" in cluster.log())
    process = site.start("export")
    time.sleep(random.uniform(0.3, 0.5 + seconds))  # noqa: S311 (any moment will do)
    if killed == "coordinator":
        process.send_signal(signal.SIGKILL)
        process.communicate()
        process = site.start("export")
    elif killed == "worker":
        cluster.kill_worker("one")
    else:
        if killed == "scheduler":
            cluster.kill_scheduler()
        cluster.kill_workers()
        if killed == "scheduler":
            cluster.start_scheduler()
        cluster.start_worker("three")
    _, told = process.communicate(timeout=4 * PATIENCE)
    assert (process.returncode, told) == (0, "")
    assert site.documents() == documents
