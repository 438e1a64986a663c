"""The units of deploy/ as they stand, started by a real systemd in a container of its own.

The container has its own mounts and processes, and units of ours alone: its systemd touches nothing
of the machine's. That takes root and unshare(1); elsewhere these tests say so and are skipped.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import pytest

from feeds.common.lock import DAEMON_LOCK, lock_owner
from tests.support.ports import HOST, free_port
from tests.support.processes import PATIENCE, wait_until
from tests.support.programs import need
from tests.support.site import Site

DEPLOY = Path(__file__).parent.parent.parent / "deploy"
UNITS = ("feeds", "feeds-serve")
# What our units name and systemd brings, here without anything behind it.
TARGETS = ("sysinit", "basic", "shutdown", "network-online", "local-fs", "umount")

# $1 is the folder of the test: site/, units/, passwd and group. The site comes to where units look
# for it. Python and the checkout stay where they are, though a home may be around them. /tmp is
# another one, since systemd makes folders there.
SCRIPT = """
set -e
cd "$1"
shift
mount --make-rprivate /
mount -t proc proc /proc
mount -t tmpfs tmpfs /run
umount -R /sys/fs/cgroup || true
mount -t cgroup2 none /sys/fs/cgroup
cp -a units /run/units
mount --bind passwd /etc/passwd
mount --bind group /etc/group
mount -t tmpfs -o mode=755 tmpfs /srv
mkdir /srv/feeds
mount --bind site /srv/feeds
for path; do
    mkdir -p "/run/kept$path"
    mount --bind "$path" "/run/kept$path"
done
for home in /root /home /tmp /var/tmp; do
    mount -t tmpfs -o mode=1777 tmpfs $home
done
for path; do
    mkdir -p "$path"
    mount --bind "/run/kept$path" "$path"
done
echo mounted
exec env -i container=test PATH="$PATH" SYSTEMD_UNIT_PATH=/run/units SYSTEMD_GENERATOR_PATH= \\
    /lib/systemd/systemd --show-status=no --unit=multi-user.target
"""


class Systemd:
    """A running systemd that has started both units; `pid` is its process, seen from outside."""

    def __init__(self, folder: Path, site: Site, port: int) -> None:
        self.site = site
        self.port = port
        namespaces = ["--mount", "--pid", "--uts", "--ipc", "--cgroup", "--fork", "--kill-child"]
        kept = {str(DEPLOY.parent), sys.prefix, sys.base_prefix}
        self._process = subprocess.Popen(
            ["unshare", *namespaces, "sh", "-c", SCRIPT, "sh", str(folder), *kept],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        if self._process.stdout.readline() != "mounted\n":
            pytest.skip(f"no container can be made here: {self._process.stderr.read()}")
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        self.pid = int(children.read_text())

    def ask(self, *command: str) -> str:
        """Returns what a program in the container prints."""
        inside = ["nsenter", "--target", str(self.pid), "--mount", "--pid", *command]
        return subprocess.run(
            inside, check=False, capture_output=True, text=True, timeout=2 * PATIENCE
        ).stdout.strip()

    def show(self, unit: str, name: str) -> str:
        """Returns a property of a unit."""
        return self.ask("systemctl", "show", "--property", name, "--value", unit)

    def get(self, path: str) -> bytes:
        """Returns what the server has at a path, nothing if it does not answer with 200."""
        connection = HTTPConnection(HOST, self.port, timeout=PATIENCE)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.read() if answer.status == 200 else b""
        except (OSError, HTTPException):
            return b""
        finally:
            connection.close()

    def says(self) -> str:
        """Returns what is to be known of both units, for a test that fails."""
        logs = [self.site.root / f"{unit}.log" for unit in UNITS]
        texts = [log.read_text(encoding="utf-8") for log in logs if log.exists()]
        return "\n".join([self.ask("systemctl", "status", *UNITS), *texts])

    def end(self) -> None:
        """Ends systemd, and all that runs in its container with it."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self._process.communicate(timeout=PATIENCE)


def write_units(folder: Path) -> None:
    """Writes our units as they stand, and empty ones for all that they name."""
    (folder / "multi-user.target.wants").mkdir(parents=True)
    for name in TARGETS:
        text = "[Unit]\nDefaultDependencies=no\n"
        (folder / f"{name}.target").write_text(text, encoding="utf-8")
    (folder / "multi-user.target").write_text("[Unit]\nDefaultDependencies=no\n", encoding="utf-8")
    for name in UNITS:
        shutil.copy(DEPLOY / f"{name}.service", folder)
        (folder / f"multi-user.target.wants/{name}.service").symlink_to(f"../{name}.service")
        # There is no journal; and a checkout in a home is no reason not to try the rest.
        log = f"append:/srv/feeds/{name}.log"
        drop = f"[Service]\nStandardOutput={log}\nStandardError={log}\nProtectHome=no\n"
        (folder / f"{name}.service.d").mkdir()
        (folder / f"{name}.service.d/test.conf").write_text(drop, encoding="utf-8")


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    """A systemd that has started both units on a site of one seed."""
    if os.geteuid():
        pytest.skip("only root can start a systemd in a container")
    need("/lib/systemd/systemd", "systemd")
    need("nsenter", "util-linux")
    port = free_port()
    site = Site(tmp_path / "site")
    site.configure(f"[serve]\nport = {port}\n")
    site.seed()
    for folder in (site.root / ".venv/bin", site.out, site.state.parent):
        folder.mkdir(parents=True)
    command = site.root / ".venv/bin/feeds"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -B -m feeds "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    write_units(tmp_path / "units")
    for name in ("passwd", "group"):
        rest = "/nonexistent:/bin/false\n" if name == "passwd" else "\n"
        line = f"feeds:x:10001:{'10001::' if name == 'passwd' else ''}{rest}"
        text = Path("/etc", name).read_text(encoding="utf-8")
        (tmp_path / name).write_text(text + line, encoding="utf-8")
    for path in (site.root, *site.root.rglob("*")):
        os.chown(path, 10001, 10001)
    running = Systemd(tmp_path, site, port)
    try:
        yield running
    finally:
        running.end()


def is_active(systemd: Systemd) -> bool:
    """Tells whether systemd has heard from both that they are ready."""
    return all(systemd.show(unit, "ActiveState") == "active" for unit in UNITS)


def test_units_are_started_reloaded_started_again_and_stopped_by_systemd(systemd: Systemd) -> None:
    wait_until(lambda: is_active(systemd) or "code=exited" in systemd.says())
    assert is_active(systemd), systemd.says()
    wait_until(lambda: b"Story 1" in systemd.get("/all.atom"))
    assert json.loads(systemd.get("/healthz"))["ok"] is True
    assert lock_owner(systemd.site.out, DAEMON_LOCK)
    assert systemd.show("feeds", "StatusText").startswith("next pass ")
    assert systemd.show("feeds-serve", "StatusText").startswith("serving at http://127.0.0.1:")
    users = [systemd.ask("ps", "-o", "user=", "-p", systemd.show(one, "MainPID")) for one in UNITS]
    assert set(users) == {"feeds"}

    systemd.site.seed("b.txt", number=2)
    assert systemd.ask("systemctl", "reload", *UNITS) == ""
    wait_until(lambda: b"Story 2" in systemd.get("/all.atom"))
    assert is_active(systemd)

    before = systemd.show("feeds-serve", "MainPID")
    systemd.ask("kill", "-KILL", before)
    wait_until(lambda: systemd.show("feeds-serve", "NRestarts") == "1", 2 * PATIENCE)
    wait_until(lambda: b"Story 2" in systemd.get("/all.atom"), 2 * PATIENCE)
    assert systemd.show("feeds", "NRestarts") == "0"

    systemd.ask("systemctl", "stop", *UNITS)
    for unit in UNITS:
        assert systemd.show(unit, "ActiveState") == "inactive", systemd.says()
        assert systemd.show(unit, "Result") == "success", systemd.says()
    assert '"level": "error"' not in systemd.says()
