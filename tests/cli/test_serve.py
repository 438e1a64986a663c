"""``feeds serve`` and ``feeds run --serve`` as commands."""

from __future__ import annotations

import os
import signal
import socket
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.ports import HOST, free_port
from tests.support.processes import Daemon, wait_until
from tests.support.serving import Server
from tests.support.site import Site


def metrics(port: int) -> dict[str, float]:
    """Returns the samples that a metrics address gives, by name and labels."""
    with urllib.request.urlopen(f"http://{HOST}:{port}/metrics", timeout=60) as answer:
        text = answer.read().decode()
    return {
        " ".join(
            [sample.name, *(f"{key}={sample.labels[key]}" for key in sorted(sample.labels))]
        ): (sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.mark.parametrize("port", ["0", "65536", "x", "-1"])
def test_port_that_is_none_is_refused(
    site: Site, capsys: pytest.CaptureFixture[str], port: str
) -> None:
    with pytest.raises(SystemExit) as raised:
        site.run("serve", f"--port={port}")
    assert raised.value.code == 2


def test_address_in_use_is_said_so(site: Site) -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        ran = site.run("serve", "--port", str(port))
        site.configure(f'[serve]\nmetrics = "{HOST}:{port}"\n')
        other = site.run("serve", "--port", str(free_port()))
    assert (ran.code, other.code) == (2, 2)
    assert f"cannot serve at 127.0.0.1:{port}: Address already in use" in ran.err
    assert f"cannot serve metrics at 127.0.0.1:{port}: Address already in use" in other.err


def test_host_that_is_none_is_said_so(site: Site) -> None:
    ran = site.run("serve", "--host", "192.0.2.1", "--port", str(free_port()))
    assert ran.code == 2
    assert "serve.host" in ran.err


def test_health_follows_the_passes(site: Site) -> None:
    site.seed()
    site.configure('[schedule]\nevery = "1s"\n[serve]\nhost = "localhost"\n')
    with Server(site) as server:
        got = server.get("/healthz")
        assert (got.status, b"there was no pass yet" in got.body) == (503, True)
        assert got.headers["cache-control"] == "no-store"
        assert got.headers["x-content-type-options"] == "nosniff"
        assert site.run("export").code == 0
        wait_until(lambda: server.get("/healthz").status == 200)


def test_metrics_count_what_happens(site: Site) -> None:
    port = free_port()
    site.configure(f'[serve]\nmetrics = "{HOST}:{port}"\n')
    site.seed("a.txt")
    site.seed("bad.txt", number=2, quality=200)
    site.run("export")
    with Server(site) as server:
        tag = server.get("/all.atom", Accept_Encoding="gzip").tag
        for _ in range(3):
            server.get("/all.atom", Accept_Encoding="gzip", If_None_Match=tag)
        server.get("/nothing", "HEAD")
        for _ in range(2):
            server.get("/all.rss", "HEAD", Accept_Encoding="gzip")
        found = metrics(port)
        size = len(server.get("/all.atom", Accept_Encoding="gzip").raw)
        site.seed("c.txt", number=3)
        site.run("export")
        wait_until(lambda: metrics(port)["feeds_passes_total"] == 1)
        later = metrics(port)
    assert found["feeds_http_requests_total format=atom status=200"] == 1
    assert found["feeds_http_requests_total format=atom status=304"] == 3
    assert found["feeds_http_requests_total format=other status=404"] == 1
    assert found["feeds_http_requests_total format=rss status=200"] == 2
    assert found["feeds_http_not_modified_ratio"] == 3 / 7
    assert found["feeds_http_body_bytes_total encoding=gzip"] == size
    assert found["feeds_seeds state=good"] == 1
    assert found["feeds_seeds state=bad"] == 1
    assert found["feeds_problems severity=error"] == 1
    assert 0 < found["feeds_memory_bodies_bytes"] < found["feeds_memory_bodies_limit_bytes"]
    assert later["feeds_documents_written_total"] == later["feeds_last_pass_written"] > 0
    assert later["feeds_last_pass_timestamp_seconds"] > found["feeds_last_pass_timestamp_seconds"]


def test_path_of_the_base_url_is_served_too(site: Site) -> None:
    config = site.root / "config.toml"
    text = config.read_text(encoding="utf-8").replace("example.org/", "example.org/my/feeds/")
    config.write_text(text, encoding="utf-8")
    site.seed("a.txt", topics=["Old"])
    site.seed("b.txt", number=2)
    site.run("export")
    (site.seeds / "a.txt").unlink()
    site.run("export")
    with Server(site) as server:
        whole = server.get("/my/feeds/all.atom")
        assert whole.body == server.get("/all.atom").body == site.read("all.atom")
        assert server.get("/my/feeds/query.json").status == 200
        assert server.get("/my/feeds/topics/old.rss").status == 410
        assert server.get("/my/feeds/my/feeds/all.atom").status == 404


def serving(port: int) -> int | None:
    """Returns the status of the feed of everything, None where nobody answers."""
    try:
        url = f"http://{HOST}:{port}/all.atom"
        with urllib.request.urlopen(url, timeout=60) as answer:
            return int(answer.status)
    except OSError:
        return None


def server_of(daemon: Daemon) -> list[int]:
    """Returns the processes of the daemon that are servers."""
    return [
        pid for pid in daemon.others() if b"\0serve\0" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]


def test_daemon_with_server(site: Site) -> None:
    port = free_port()
    site.configure(f"[serve]\nport = {port}\n")
    site.seed()
    with Daemon(site, "--serve") as daemon:
        wait_until(lambda: serving(port) == 200)
        (first,) = server_of(daemon)
        os.kill(first, signal.SIGKILL)
        (event,) = daemon.wait_for("the server ended")
        assert event["code"] == -signal.SIGKILL
        wait_until(lambda: serving(port) == 200)
        assert server_of(daemon) != [first]
        assert daemon.stop() == 0
        wait_until(lambda: not daemon.others())
        assert daemon.events("stopped serving")
    assert serving(port) is None


def test_server_ends_with_a_daemon_that_was_killed(site: Site) -> None:
    port = free_port()
    site.configure(f"[serve]\nport = {port}\n")
    with Daemon(site, "--serve") as daemon:
        daemon.wait_for("serving")
        daemon.send(signal.SIGKILL)
        daemon.wait()
        wait_until(lambda: not server_of(daemon))
