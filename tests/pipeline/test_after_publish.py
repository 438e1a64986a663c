"""Commands after a pass: what they are given, how long they may take, what is told of failures."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from feeds.common.reports import PassReport
from feeds.pipeline import after_publish
from feeds.pipeline.after_publish import HookRun
from tests.support.processes import wait_until
from tests.support.site import Site

READ = "import sys; open('got', 'ab').write(sys.stdin.buffer.read() + b'\\n')"


def configure(site: Site, *commands: list[str]) -> None:
    """Configures these commands."""
    site.configure(f"[hooks]\nafter_publish = {json.dumps(commands)}\n")


def python(code: str, *arguments: str) -> list[str]:
    """Returns a command that runs Python code."""
    return [sys.executable, "-c", code, *arguments]


def run(site: Site, *commands: list[str]) -> tuple[PassReport, HookRun]:
    """Publishes one story, and starts these commands with the report."""
    configure(site, *commands)
    site.seed()
    report = site.publish()
    return report, HookRun(site.load(), report)


def test_hooks_read_the_report_in_the_folder_of_the_configuration(site: Site) -> None:
    report, started = run(site, python(READ), python(READ))
    assert started.wait() == []
    lines = (site.root / "got").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 2
    assert json.loads(lines[0])["written"] == report.written
    assert lines[0] == lines[1]


def test_hooks_words_reach_the_command_as_they_are(site: Site) -> None:
    code = "import json, sys; json.dump(sys.argv[1:], open('words', 'w'))"
    words = ["a  b", "$HOME; exit 1", "*", "", "ü"]
    assert run(site, python(code, *words))[1].wait() == []
    assert json.loads((site.root / "words").read_bytes()) == words


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import sys; sys.exit(3)", "died with exit code 3"),
        ("import sys; print('one'); sys.exit('no  such\\thost\\n')", "code 1: no such host"),
        ("import os; os.kill(os.getpid(), 9)", "was killed by SIGKILL"),
        ("print('x' * 9000); raise SystemExit(2)", f"code 2: {'x' * 499}"),
    ],
    ids=["code", "last line", "signal", "long line"],
)
def test_hooks_failure_has_its_reason_and_the_next_is_run(
    site: Site, code: str, reason: str
) -> None:
    (failure,) = run(site, python(code, "--token=secret"), python(READ))[1].wait()
    assert failure.startswith(f"hooks.after_publish, command 1 ({sys.executable}) ")
    assert failure.endswith(reason)
    assert (site.root / "got").exists()


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("/nowhere/at/all", "No such file or directory"),
        (".", "Permission denied"),
        ("a\0b", "embedded null byte"),
    ],
    ids=["missing", "folder", "NUL"],
)
def test_hooks_command_that_cannot_start_has_its_reason(site: Site, word: str, reason: str) -> None:
    (failure,) = run(site, [word], python(READ))[1].wait()
    assert f"could not be started: {reason}" in failure
    assert (site.root / "got").exists()


def test_hooks_command_that_takes_too_long_is_killed_with_its_children(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = """
import os, signal, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
open("new", "w").write(f"{os.getpid()} {child.pid}")
os.rename("new", "pids")
signal.pause()
"""
    _, started = run(site, python(code))
    pids = site.root / "pids"
    assert started.poll() is None
    wait_until(pids.exists)
    monkeypatch.setattr(started, "_deadline", time.monotonic())
    (failure,) = started.wait()
    assert failure.endswith("was killed, since it took more than 60 s")
    for pid in map(int, pids.read_text().split()):
        wait_until(lambda: is_gone(pid))  # noqa: B023 (it is over before the next)


def is_gone(pid: int) -> bool:
    """Tells whether a process has ended, though perhaps nobody has asked how."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_hooks_are_given_a_minute() -> None:
    assert after_publish._HOOK_SECONDS == 60


def test_hooks_that_are_stopped_are_killed_and_no_other_is_started(site: Site) -> None:
    _, started = run(site, python("import signal; signal.pause()"), python(READ))
    (failure,) = started.wait(0)
    assert failure.endswith("was killed, since feeds stops")
    assert not (site.root / "got").exists()


# In `feeds export`


def test_hooks_of_export_are_run_when_documents_changed_alone(site: Site) -> None:
    configure(site, python(READ))
    site.seed()
    assert "would write" in site.run("export", "--dry-run").out
    assert not (site.root / "got").exists()
    ran = site.run("export", "--json")
    assert ran.code == 0
    assert "after_publish" not in ran.err
    assert site.run("export").code == 0
    (line,) = (site.root / "got").read_bytes().splitlines()
    assert json.loads(line) == ran.report()


def test_hooks_of_export_that_fail_warn_and_its_exit_code_stays_0(site: Site) -> None:
    configure(site, python("print('out'); raise SystemExit(4)"))
    site.seed()
    ran = site.run("export", "--strict")
    assert ran.code == 0
    assert "died with exit code 4: out" in ran.err
    assert "out\n" not in ran.out.splitlines()


def test_hooks_of_an_interrupted_export_are_killed(site: Site) -> None:
    code = """
import os, signal
open("new", "w").write(str(os.getpid()))
os.rename("new", "pid")
signal.pause()
"""
    configure(site, python(code))
    site.seed()
    with site.start("export") as export:
        wait_until((site.root / "pid").exists)
        export.send_signal(signal.SIGINT)
        assert export.wait(30) == 130
    pid = int((site.root / "pid").read_text())
    wait_until(lambda: is_gone(pid))
    assert pid != os.getpid()
