"""``feeds doctor``: what it says, its exit code, and its report."""

from __future__ import annotations

import json

import pytest

from feeds.cli.main import main
from tests.support.ports import HOST, free_port
from tests.support.processes import Daemon, wait_until
from tests.support.serving import Server
from tests.support.site import Site

WORKS = '[schedule]\nevery = "100d"\n'


def test_doctor_says_what_to_do_about_what_does_not_work(site: Site) -> None:
    site.seed()
    ran = site.run("doctor", f"http://{HOST}:{free_port()}/")
    assert ran.code == 1
    lines = ran.out.splitlines()
    assert lines[0] == f"ok       configuration: {site.root / 'config.toml'}"
    assert lines[-2].startswith("error    reachable: http://")
    assert lines[-1] == (
        "         do: start 'feeds serve', or name the site: feeds doctor https://..."
    )
    assert "warning  daemon: none is running; there was no pass yet" in lines


def test_doctor_with_warnings_alone_ends_with_0(site: Site) -> None:
    site.configure(WORKS)
    site.seed()
    assert site.run("export").code == 0
    with Server(site) as server:
        ran = site.run("doctor", "--json", f"http://{HOST}:{server.port}")
    assert ran.code == 0
    found = ran.report()
    assert {one["severity"] for one in found} == {"ok", "warning"}
    warnings = [one["text"] for one in found if one["severity"] == "warning"]
    assert [text.partition(" http")[0] for text in warnings] == ["the feeds at"]
    assert set(found[0]) == {"severity", "subject", "text", "advice"}
    assert json.loads(ran.out) == found


def test_doctor_finds_a_daemon_whose_passes_fail(site: Site) -> None:
    site.configure(WORKS)
    site.seed()
    with Daemon(site) as daemon:
        daemon.wait_for("pass")
        assert f"process {daemon.pid} runs passes" in site.run("doctor").out
        site.seeds.rename(site.root / "away")
        daemon.send(1)
        wait_until(lambda: "daemon: passes fail: cannot list" in site.run("doctor").out)
        assert f"do: look at the log of process {daemon.pid}" in site.run("doctor").out


@pytest.mark.parametrize("url", ["example.org", "ftp://example.org/", "https://x:y/", "https://"])
def test_doctor_refuses_what_is_no_address(
    site: Site, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["doctor", url, "--config", str(site.root / "config.toml")])
    assert ended.value.code == 2
    assert "wanted an address such as https://example.org/" in capsys.readouterr().err
