"""deploy/: the crontab line and the systemd unit, as somebody would use them."""

from __future__ import annotations

import configparser
import re
import shlex
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest

from feeds.cli.options import make_parser
from feeds.common.times import named_weekdays
from feeds.config import Config
from feeds.daemon.daemon import _GRACE_SECONDS
from tests.support.processes import wait_until
from tests.support.programs import need
from tests.support.site import Site

DEPLOY = Path(__file__).parent.parent.parent / "deploy"
FOLDER = "/srv/feeds"


@pytest.fixture
def installed(site: Site) -> Site:
    """A site with `feeds` in its .venv, as deploy/ takes it to be."""
    command = site.root / ".venv/bin/feeds"
    command.parent.mkdir(parents=True)
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m feeds "$@"\n')
    command.chmod(0o755)
    site.seed()
    return site


def parsed(command: str) -> Namespace:
    """Returns what our command line makes of a command; pytest fails where it refuses."""
    program, *arguments = shlex.split(command)
    assert program.endswith(".venv/bin/feeds")
    return make_parser().parse_args(arguments)


# The crontab line


def crontab_line() -> tuple[str, str]:
    """Returns when the only line of the crontab is due, and its command."""
    text = (DEPLOY / "crontab").read_text(encoding="utf-8")
    assert text.endswith("\n")  # cron passes over a last line without
    (line,) = [line for line in text.splitlines() if line and not line.startswith("#")]
    *times, command = line.split(maxsplit=5)
    assert "%" not in command  # cron would make a line break of it
    return " ".join(times), command


def run_as_cron(site: Site) -> subprocess.CompletedProcess[str]:
    """Runs the command of the crontab line as cron does: by /bin/sh, from home."""
    home = site.root.parent
    return subprocess.run(
        ["/bin/sh", "-c", crontab_line()[1].replace(FOLDER, str(site.root))],
        cwd=home,
        env={"HOME": str(home), "PATH": "/usr/bin:/bin", "SHELL": "/bin/sh", "LOGNAME": "feeds"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_crontab_line_is_due_every_quarter_of_an_hour() -> None:
    when = crontab_line()[0]
    assert when == "*/15 * * * *"
    assert named_weekdays(when) == when


def test_crontab_line_has_flags_that_are_ours() -> None:
    command = crontab_line()[1].split("&&")[1].split(">")[0]
    assert parsed(command).command == "export"


def test_crontab_line_publishes_and_sends_no_mail(installed: Site) -> None:
    ended = run_as_cron(installed)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert b"Story 1" in installed.read("all.atom")


def test_crontab_line_run_again_publishes_what_changed(installed: Site) -> None:
    run_as_cron(installed)
    installed.seed(title="Later")
    assert run_as_cron(installed).returncode == 0
    assert b"Later" in installed.read("all.atom")


@pytest.mark.parametrize(
    ("content", "code", "mail"),
    [("no seed", 1, "seeds/b.txt"), ("---\ntitle: Überschrift\n", 1, "seeds/b.txt")],
)
def test_crontab_line_mails_what_goes_wrong(
    installed: Site, content: str, code: int, mail: str
) -> None:
    installed.write("b.txt", content)
    ended = run_as_cron(installed)
    assert (ended.returncode, ended.stdout) == (code, "")
    assert mail in ended.stderr
    assert b"Story 1" in installed.read("all.atom")


def test_crontab_line_mails_that_nothing_was_published(installed: Site) -> None:
    installed.seeds.rename(installed.root / "away")
    ended = run_as_cron(installed)
    assert ended.returncode == 2
    assert ended.stderr.startswith("feeds: cannot list the seeds folder")


# The systemd unit


def unit(name: str = "feeds") -> configparser.SectionProxy:
    """Returns the [Service] section of a unit."""
    parser = configparser.ConfigParser(interpolation=None, strict=True)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string((DEPLOY / f"{name}.service").read_text(encoding="utf-8"))
    assert parser["Install"]["WantedBy"] == "multi-user.target"
    return parser["Service"]


def test_unit_starts_the_daemon_with_flags_that_are_ours() -> None:
    arguments = parsed(unit()["ExecStart"])
    assert (arguments.command, arguments.log_json) == ("run", True)
    assert arguments.config == Path("config.toml")  # below WorkingDirectory


def test_unit_of_the_server_starts_it_and_may_write_beside_the_state_file_alone() -> None:
    service = unit("feeds-serve")
    arguments = parsed(service["ExecStart"])
    assert (arguments.command, arguments.log_json) == ("serve", True)
    state = Path(service["WorkingDirectory"]) / Config().paths.state.parent
    assert service["ReadWritePaths"] == str(state)
    assert int(service["TimeoutStopSec"]) >= 10  # what the docs promise, answers under way included
    assert {key for key, value in unit().items() if service.get(key) != value} == {
        *("ExecStart", "KillMode", "ReadWritePaths")
    }


def test_unit_may_write_where_the_daemon_writes_and_nowhere_else() -> None:
    paths, service = Config().paths, unit()
    home = Path(service["WorkingDirectory"])
    assert service["ProtectSystem"] == "strict"
    assert set(map(Path, service["ReadWritePaths"].split())) == {
        home / paths.out,
        home / paths.state.parent,
    }


def test_unit_starts_a_daemon_that_needs_no_more_than_it_may_write(installed: Site) -> None:
    service, root = unit(), str(installed.root)
    writable = service["ReadWritePaths"].replace(FOLDER, root).split()
    for folder in writable:
        Path(folder).mkdir()
    script = ["set -e", "cd /", f"mount --bind {root} {root}"]
    script += [f"mount --bind {folder} {folder}" for folder in writable]
    script += [f"mount -o remount,bind,ro {root}", f"cd {root}", "echo mounted", "! touch new"]
    script += [f"exec {service['ExecStart'].replace(FOLDER, root)}"]
    command = ["unshare", "--map-root-user", "--mount", "sh", "-c", "\n".join(script)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as daemon:
        assert daemon.stdout is not None
        if daemon.stdout.readline() != "mounted\n":
            pytest.skip("making a folder read-only by a mount is not allowed here")
        wait_until((installed.out / "all.atom").exists)
        daemon.terminate()
        _, log = daemon.communicate(timeout=60)
    assert daemon.returncode == 0
    assert '"level": "error"' not in log
    assert '"event": "pass"' in log


def test_unit_knows_what_the_daemon_tells_systemd() -> None:
    service = unit()
    assert (service["Type"], service["NotifyAccess"]) == ("notify", "main")
    assert service["ExecReload"] == "/bin/kill -HUP $MAINPID"
    assert int(service["WatchdogSec"]) >= 10
    # Told to stop, the daemon takes ten seconds at most; before that nobody may kill it.
    assert 10 <= int(service["TimeoutStopSec"]) <= 90
    assert int(service["TimeoutStopSec"]) > _GRACE_SECONDS


def test_unit_tells_the_daemon_alone_to_stop() -> None:
    # By default systemd sends SIGTERM to the pass as well, which could then not come to its end.
    assert unit()["KillMode"] == "mixed"


def test_unit_starts_again_what_crashed_but_not_what_was_refused() -> None:
    service = unit()
    assert service["Restart"] == "on-failure"
    assert float(service["RestartSec"]) >= 1


def test_unit_is_hardened() -> None:
    wanted = {
        *("NoNewPrivileges", "PrivateTmp", "PrivateDevices", "ProtectClock"),
        *("ProtectHome", "ProtectKernelModules", "RestrictNamespaces", "RestrictSUIDSGID"),
    }
    assert {key for key in wanted if unit().get(key) != "yes"} == set()


def test_unit_lets_the_daemon_ask_for_images_and_call_hubs_and_no_more() -> None:
    assert "PrivateNetwork" not in unit()
    # getaddrinfo(3) asks the kernel by netlink which addresses the machine has.
    families = unit()["RestrictAddressFamilies"].split()
    assert sorted(families) == ["AF_INET", "AF_INET6", "AF_NETLINK", "AF_UNIX"]
    cache = Path(unit()["WorkingDirectory"]) / Config().images.cache
    assert any(cache.is_relative_to(one) for one in unit()["ReadWritePaths"].split())


def test_unit_needs_no_capability_and_is_not_root() -> None:
    service = unit()
    assert service["CapabilityBoundingSet"] == ""
    assert service["User"] not in ("", "root")


def verified(site: Site, text: str) -> list[str]:
    """Returns what systemd has to say against a unit, made to fit the site."""
    path = site.root / "feeds-any.service"
    path.write_text(text.replace(FOLDER, str(site.root)), encoding="utf-8")
    ended = subprocess.run(
        ["systemd-analyze", "verify", path], capture_output=True, text=True, check=False, timeout=60
    )
    # Other units of the machine may be at fault, too.
    said = [line for line in (ended.stdout + ended.stderr).splitlines() if path.name in line]
    return said if said or not ended.returncode else [ended.stderr]


@pytest.mark.parametrize("name", ["feeds", "feeds-serve"])
def test_unit_is_one_that_systemd_understands(installed: Site, name: str) -> None:
    need("systemd-analyze", "systemd")
    text = (DEPLOY / f"{name}.service").read_text(encoding="utf-8")
    assert verified(installed, text) == []
    misspelt = text.replace("WatchdogSec", "WatchdogSecs")
    assert re.search("Unknown key.*WatchdogSecs", "\n".join(verified(installed, misspelt)))
