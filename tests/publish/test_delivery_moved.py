"""A hub that has moved, and hubs whose addresses hold credentials, from config.toml to the log."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.hub import Hub, Say, name_hubs, secure_hub
from tests.support.processes import PATIENCE, Daemon
from tests.support.site import Site

BASE = "https://feeds.example.org/"
TOKEN = "s3cr3t-t0k3n"  # noqa: S105 (what must not show)


@pytest.fixture
def hub() -> Iterator[Hub]:
    hub = Hub()
    with hub.up():
        yield hub


@pytest.fixture
def secure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub by https, whose certificate is trusted."""
    with secure_hub(tmp_path) as (hub, trusted):
        monkeypatch.setenv("SSL_CERT_FILE", trusted)
        yield hub


# Waits for hubs as long as a busy machine needs.
EXPORT = f"""
import sys
from feeds.cli.main import main
from feeds.pipeline import after_publish
after_publish._ONCE_SECONDS = {PATIENCE}
sys.exit(main(["export", "--config", sys.argv[1]]))
"""


def export(site: Site) -> tuple[str, str]:
    """Runs ``feeds export`` in a process of its own; returns what it says, and warns of."""
    command = [sys.executable, "-c", EXPORT, str(site.root / "config.toml")]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
        out, err = process.communicate(timeout=100)
    assert process.returncode == 0
    return out, err


@pytest.mark.parametrize("status", [301, 308])
def test_hub_that_has_moved_is_followed_once_and_told(
    site: Site, hub: Hub, secure: Hub, status: int
) -> None:
    site.seed()
    new = f"{secure.url}new?token={TOKEN}"
    hub.says[""] = Say(status, headers=(("Location", new),))
    name_hubs(site, BASE, hub.url)
    out, err = export(site)
    assert f"told {hub.url} of 9 documents" in out
    assert err == f"feeds: the hub {hub.url} has moved to {secure.url}new?…: change site.hub\n"
    assert len(secure.heard) == 9
    assert 1 <= len(hub.heard) <= 4  # those that were asked at once
    line = f"hub        {hub.url} has moved to {secure.url}new?…: change site.hub"
    assert line in site.run("status").out.splitlines()
    assert site.run("status", "--json").report()["moved"] == {hub.url: f"{secure.url}new?…"}
    hub.says.clear()
    site.seed(title="New")
    export(site)
    assert "has moved" not in site.run("status").out


def test_hub_that_has_moved_again_is_not_followed(site: Site, hub: Hub, secure: Hub) -> None:
    site.seed()
    hub.says[""] = Say(301, headers=(("Location", secure.url),))
    secure.says[""] = Say(301, headers=(("Location", f"{secure.url}again"),))
    name_hubs(site, BASE, hub.url)
    _, err = export(site)
    assert f"301 Moved Permanently: moved to {secure.url}again" in err
    assert len(secure.heard) == 9


def test_hub_that_has_moved_is_told_in_the_log_once(site: Site, hub: Hub, secure: Hub) -> None:
    hub.says[""] = Say(308, headers=(("Location", secure.url),))
    name_hubs(site, BASE, hub.url, more='[schedule]\nevery = "1s"\n')
    with Daemon(site) as daemon:
        for number in range(2):
            site.seed(f"{number}.txt", number=number)
            daemon.wait_for("hub told", number + 1)
        (event,) = daemon.events("the hub has moved, change site.hub")
        assert (event["hub"], event["to"]) == (hub.url, secure.url)
        assert daemon.stop() == 0


@pytest.mark.parametrize("status", [204, 404, 500, 503], ids=str)
def test_credentials_of_a_hub_show_nowhere(site: Site, hub: Hub, status: int) -> None:
    site.seed()
    said = f"{hub.url}push?token={TOKEN}: {TOKEN} is no good".encode()
    hub.says[""] = Say(status, said)
    name_hubs(site, BASE, f"{hub.url}push?token={TOKEN}", more='[schedule]\nevery = "1s"\n')
    texts = [*export(site)]
    texts += [part for flag in ([], ["--json"]) for part in site.run("status", *flag)[1:]]
    with Daemon(site) as daemon:
        site.seed("b.txt", number=2)
        daemon.wait_for("pass", 2)
        texts += map(str, daemon.events())
        assert daemon.stop() == 0
    assert len(hub.heard) > 0
    assert f"{hub.url}push?…" in texts[0] + texts[1]
    assert TOKEN not in "".join(texts)


def test_credentials_of_a_hub_that_is_away_show_nowhere(site: Site) -> None:
    site.seed()
    name_hubs(site, BASE, f"http://127.0.0.1:1/?token={TOKEN}")
    texts = [*export(site), *site.run("status")[1:], *site.run("status", "--json")[1:]]
    assert "http://127.0.0.1:1/?… is still to be told of 9 documents" in texts[0]
    assert TOKEN not in "".join(texts)


@pytest.mark.parametrize(
    "address", [f"https://me:{TOKEN}@hub.example/", f"hub.example?token={TOKEN}"]
)
def test_credentials_of_a_hub_that_cannot_be_used_show_nowhere(site: Site, address: str) -> None:
    name_hubs(site, BASE, address)
    ran = site.run("check")
    assert (ran.code, TOKEN in ran.err) == (2, False)
    assert "site.hub" in ran.err
