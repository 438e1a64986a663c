"""``feeds run --serve``: two processes that write to one log."""

from __future__ import annotations

from collections import Counter
from http.client import HTTPConnection, HTTPException

from tests.support.ports import HOST, free_port
from tests.support.processes import PATIENCE, Daemon, wait_until
from tests.support.site import Site


def hub_of(port: int) -> str:
    """Returns the hub that a served feed names, "" if none or no server is there."""
    connection = HTTPConnection(HOST, port, timeout=PATIENCE)
    try:
        connection.request("GET", "/all.atom")
        link = connection.getresponse().getheader("Link") or ""
        return link.rpartition("https://")[2].partition("/")[0] if "hub" in link else ""
    except (OSError, HTTPException):
        return ""
    finally:
        connection.close()


def configure(site: Site, port: int, hub: str, more: str = "") -> None:
    """Configures the server, and a hub that is never reached."""
    serve = f"[serve]\nport = {port}\n[schedule]\nevery = '1h'\n{more}"
    site.configure(f'hub = "https://{hub}.invalid/"\n{serve}')


def test_run_with_server_logs_each_thing_once_with_its_process(site: Site) -> None:
    port = free_port()
    configure(site, port, "one")
    site.seed()
    with Daemon(site, "--serve") as daemon:
        wait_until(lambda: hub_of(port) == "one.invalid")
        configure(site, port, "two")
        wait_until(lambda: hub_of(port) == "two.invalid")
        daemon.wait_for("configuration reloaded")
        configure(site, port, "three", "[sight]\n")
        daemon.wait_for("configuration not reloaded, the old one stays")
        configure(site, port, "four")
        wait_until(lambda: hub_of(port) == "four.invalid")
        daemon.wait_for("configuration reloaded", 2)
        assert daemon.stop() == 0
        events = daemon.events()
    # How many passes there are, and tries to reach the hub, is for others to say.
    told = [one for one in events if one["event"] != "pass" and "hub" not in one]
    assert Counter((one["event"], one["process"]) for one in told) == {
        ("started", "daemon"): 1,
        ("serving", "server"): 1,
        ("configuration reloaded", "daemon"): 2,
        ("configuration not reloaded, the old one stays", "daemon"): 1,
        ("stopped serving", "server"): 1,
        ("stopped", "daemon"): 1,
    }


def test_run_without_server_names_no_process(site: Site) -> None:
    site.configure("[schedule]\nevery = '1h'\n")
    with Daemon(site) as daemon:
        daemon.wait_for("started")
        assert daemon.stop() == 0
        assert all("process" not in event for event in daemon.events())
