"""/healthz tells how things stand now, whoever asked before."""

from __future__ import annotations

import threading
from datetime import timedelta

from tests.support.processes import wait_until
from tests.support.serving import Got, Server
from tests.support.site import NOW, Site

# A server whose clock stands in a file.
CLOCKED = (
    "-c",
    """
import sys
from datetime import datetime
from pathlib import Path
from feeds.cli.main import main
from feeds.serve import monitoring
clock = Path(sys.argv[sys.argv.index("--config") + 1]).with_name("clock")
monitoring.utc_now = lambda: datetime.fromisoformat(clock.read_text())
raise SystemExit(main())
""",
)


def test_health_turns_bad_when_passes_stay_out_though_many_ask(site: Site) -> None:
    clock = site.root / "clock"
    clock.write_text(NOW.isoformat())
    site.seed()
    site.publish()
    with Server(site, program=CLOCKED) as server:
        for method in ("GET", "HEAD", "GET"):
            assert server.get("/healthz", method).status == 200
        clock.write_text((NOW + timedelta(minutes=32)).isoformat())
        wait_until(lambda: server.get("/healthz").status == 503)
        got = server.get("/healthz")
        assert b"two should have followed" in got.body
        assert got.headers["cache-control"] == "no-store"
        clock.write_text((NOW + timedelta(minutes=30)).isoformat())
        wait_until(lambda: server.get("/healthz").status == 200)


def test_health_is_told_to_all_who_ask_at_once(site: Site) -> None:
    (site.root / "clock").write_text(NOW.isoformat())
    site.seed()
    site.publish()
    found: list[Got] = []
    with Server(site, program=CLOCKED) as server:
        threads = [
            threading.Thread(target=lambda: found.append(server.get("/healthz"))) for _ in range(40)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [got.status for got in found] == [200] * 40
