"""The daemon and a Dask cluster: one client for all passes, and what the log says."""

from __future__ import annotations

from pathlib import Path

from tests.support.dask import DaskCluster
from tests.support.processes import Daemon
from tests.support.site import Site

_FEEDS = 45


def test_daemon_has_one_client_of_a_cluster_and_logs_what_its_workers_did(
    site: Site, tmp_path: Path
) -> None:
    (folder := tmp_path / "dask").mkdir()
    topics = [f"Topic {number}" for number in range(_FEEDS)]
    site.seed(topics=topics)
    with DaskCluster(folder) as cluster:
        cluster.start_scheduler()
        cluster.start_worker("one")
        engine = f'[engine]\nkind = "dask"\naddress = "{cluster.address}"\n'
        site.configure(f"{engine}[schedule]\nwatch = true\n")
        with Daemon(site) as daemon:
            daemon.wait_for("pass")
            site.seed(topics=topics, title="Another")
            lines = daemon.wait_for("workers", 2)
            daemon.wait_for("pass", 2)
        assert cluster.log().count("Receive client connection") == 1
    for line in lines:
        assert (line["did"], line["workers"]) == ("feeds", 1)
        assert line["each"]["one"] > _FEEDS
