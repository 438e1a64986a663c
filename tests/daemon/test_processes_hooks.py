"""Commands after a pass, beside the passes of a real daemon."""

from __future__ import annotations

import json
import sys

from feeds.daemon.processes import Hooks
from tests.support.processes import Daemon, wait_until
from tests.support.site import Site

READ = "import sys; open('got', 'ab').write(sys.stdin.buffer.read() + b'\\n')"
# Says that it runs, and ends when it is allowed to.
WAIT = f"""
import os, time
open("running", "w").close()
while not os.path.exists("allowed"):
    time.sleep(0.02)
{READ}
"""


def configure(site: Site, code: str, more: str = "") -> None:
    """Configures Python code as the one command."""
    command = json.dumps([[sys.executable, "-c", code]])
    site.configure(f'[schedule]\nevery = "1s"\n[hooks]\nafter_publish = {command}\n{more}')


def test_hooks_run_beside_the_passes_and_get_what_came_meanwhile_as_one(site: Site) -> None:
    configure(site, WAIT)
    site.seed()
    with Daemon(site) as daemon:
        wait_until((site.root / "running").exists)
        for number in (2, 3):
            site.seed(f"{number}.txt", number=number, topics=[f"T{number}"])
            wait_until((site.out / f"topics/t{number}.atom").exists)
        daemon.wait_for("pass", len(daemon.events("pass")) + 1)
        (site.root / "allowed").touch()
        got = site.root / "got"
        wait_until(lambda: got.exists() and got.read_bytes().count(b"\n") >= 2)
        first, second = map(json.loads, got.read_text(encoding="utf-8").splitlines())
        assert "topics/ai.atom" in first["written"]
        assert {"topics/t2.atom", "topics/t3.atom"} <= set(second["written"])
        assert daemon.stop() == 0
        assert [event for event in daemon.events() if event["level"] == "error"] == []


def test_hooks_failure_is_logged_once(site: Site) -> None:
    code = f"{READ}; import os; os.path.exists('good') or sys.exit('no such host')"
    configure(site, code)
    site.seed()
    got = site.root / "got"
    with Daemon(site) as daemon:
        for number in (2, 3, 4):
            wait_until(lambda: got.exists() and got.read_bytes().count(b"\n") >= number - 1)  # noqa: B023 (it is over before the next)
            site.seed(f"{number}.txt", number=number)
        (site.root / "good").touch()
        daemon.wait_for("hooks succeed again")
        (failed,) = daemon.events("hook failed")
        assert failed["level"] == "error"
        assert failed["reason"].endswith("died with exit code 1: no such host")


def test_hooks_that_run_at_a_stop_have_as_long_as_a_pass(site: Site) -> None:
    configure(site, WAIT)
    site.seed()
    with Daemon(site) as daemon:
        wait_until((site.root / "running").exists)
        daemon.send(15)
        (site.root / "allowed").touch()
        assert daemon.wait() == 0
        assert (site.root / "got").exists()
        assert daemon.events("hook failed") == []


def test_hooks_that_are_not_configured_any_more_are_not_run(site: Site) -> None:
    site.seed()
    ended: list[list[str]] = []
    hooks = Hooks(ended.append)
    hooks.want(site.publish())
    hooks.tend(site.load())
    configure(site, READ)
    hooks.tend(site.load())
    hooks.stop(0)
    assert ended == []
