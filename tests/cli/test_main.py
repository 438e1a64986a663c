"""``feeds`` as a process: exit codes, streams, signals and terminals; never a traceback."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from feeds.cli.options import COMMANDS
from tests.support.site import Ran, Site

OLD = "2021-03-01T08:00:00Z"
FEEDS = [sys.executable, "-m", "feeds"]
TITLE = "Café ‘très’ 😀"


def environment(**variables: str) -> dict[str, str]:
    """Returns the variables of this process without those that feeds reads, and these."""
    return {key: value for key, value in os.environ.items() if not key.startswith("FEEDS_")} | (
        variables
    )


def run(site: Site, *arguments: str, **variables: str) -> Ran:
    """Runs feeds in the folder of a site; no process may end with a traceback."""
    process = subprocess.run(
        [*FEEDS, *arguments],
        cwd=site.root,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in process.stderr
    return Ran(process.returncode, process.stdout, process.stderr)


@pytest.fixture
def story(site: Site) -> Site:
    """A site with one good story."""
    site.seed(publishedDateTime=OLD)
    return site


def loaded_by(*arguments: str) -> set[str]:
    """Returns the names of the packages that a command loads."""
    code = (
        "import sys\n"
        "before = {*sys.modules}  # with those that measure coverage\n"
        "from feeds.cli.main import main\n"
        f"try: main({arguments!r})\n"
        "except SystemExit: pass\n"
        "print(*{name.split('.')[0] for name in {*sys.modules} - before})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_cli_starts_without_any_library_that_is_slow_to_import(option: str) -> None:
    loaded = loaded_by(option)
    assert {"feeds", "argparse"} <= loaded
    slow = {
        "pydantic",
        "lxml",
        "feedgen",
        "rich",
        "yaml",
        "msgspec",
        "sqlite3",
        "asyncio",
        "zoneinfo",
    }
    assert loaded.isdisjoint(slow | {"apscheduler", "structlog", "watchfiles", "multiprocessing"})


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_imports_none_of_the_libraries_that_do_its_work(command: str) -> None:
    loaded = loaded_by(*command.split(), "--help")
    assert "feeds" in loaded
    work = {"asyncio", "multiprocessing", "apscheduler", "structlog", "watchfiles", "rich"}
    work |= {"granian", "uvloop", "prometheus_client", "httpx", "httpcore", "PIL", "brotli"}
    work |= {"yaml", "ryml", "nh3", "markdown_it", "ftfy", "feedgen", "lxml", "jinja2"}
    assert loaded.isdisjoint(work)


@pytest.mark.parametrize("command", ["check", "explain", "export", "images", "list"])
def test_help_of_a_command_imports_neither_configuration_nor_store(command: str) -> None:
    assert loaded_by(command, "--help").isdisjoint({"msgspec", "sqlite3"})


def test_export_of_a_misread_seed_loads_nothing_that_only_other_passes_need(story: Site) -> None:
    story.seed("b.txt", number=2, title="The â€œDailyâ€\x9d", publishedDateTime=OLD)
    loaded = loaded_by("export", "--config", str(story.root / "config.toml"))
    assert {"feedgen", "yaml"} <= loaded
    assert loaded.isdisjoint({"ftfy", "multiprocessing", "email", "ryml", "asyncio", "httpx"})
    assert "The “Daily”" in (story.out / "all.rss").read_text()


def file(name: str, text: str = "mine") -> Callable[[Site], object]:
    """Writes a file into the folder of the site."""
    return lambda site: site.write(f"../{name}", text)


def nothing(_: Site) -> None:
    """Leaves the site as it is."""


def emptied(site: Site) -> None:
    """Publishes and then takes the only seed away, and the state file."""
    site.publish()
    (site.seeds / "a.txt").unlink()
    shutil.rmtree(site.state.parent)


NO_SEEDS = '[paths]\nseeds = ["sedes"]'
NO_STATE = '[paths]\nstate = "config.toml/state"'

ENDS: list[tuple[str, Callable[[Site], object], int, str]] = [
    ("--version", nothing, 0, "feeds 0."),
    ("--help", nothing, 0, "0 done; 1 problems found"),
    ("export", nothing, 0, "27 documents written"),
    ("check", nothing, 0, "0 errors, 0 warnings"),
    ("list", nothing, 0, "https://feeds.example.org/all.atom"),
    ("explain a.txt", nothing, 0, "in:  quality 70 reaches 40"),
    ("export", Site.spoil_state, 0, "It was moved to"),
    ("export", file(".feeds/state.db"), 2, "not a file of feeds (no database)"),
    ("export --dry-run", file(".feeds/state.db"), 2, "not a file of feeds (no database)"),
    ("list", file(".feeds/state.db"), 2, "not a file of feeds (no database)"),
    ("images fetch", file(".feeds/state.db"), 2, "not a file of feeds (no database)"),
    ("export --strict", file("seeds/b.txt"), 1, "error: no front matter"),
    ("check", file("seeds/b.txt"), 1, "error: no front matter"),
    ("", nothing, 2, "COMMAND is missing\n\nusage: feeds"),
    ("exprot", nothing, 2, "unknown command 'exprot' (did you mean export?)"),
    ("export --strickt", nothing, 2, "unknown option --strickt (did you mean --strict?)"),
    ("export --ful", nothing, 2, "unknown option --ful (did you mean --full?)"),
    ("export --dry", nothing, 2, "unknown option --dry (did you mean --dry-run?)"),
    ("list --js", nothing, 2, "unknown option --js (did you mean --json?)"),
    ("list --conf config.toml", nothing, 2, "unknown option --conf (did you mean --config?)"),
    ("explain a.txt --js", nothing, 2, "unknown option --js (did you mean --json?)"),
    ("images fetch --dig", nothing, 2, "unknown option --dig (did you mean --digests?)"),
    ("serve --por 8000", nothing, 2, "unknown option --por (did you mean --port?)"),
    ("run --log", nothing, 2, "unknown option --log (did you mean --log-json?)"),
    ("--vers", nothing, 2, "unknown option --vers (did you mean --version?)"),
    ("explain", nothing, 2, "SEED|URL|ID|FEED is missing"),
    ("explain b.txt", nothing, 2, "no seed b.txt: there is no such file"),
    ("export --config no.toml", nothing, 2, "feeds: no configuration: no.toml does not exist"),
    ("list", file("config.toml", "[site"), 2, "config.toml:1: not valid TOML"),
    ("check", file("config.toml", "titel = 1"), 2, "config.toml:1: titel: unknown key"),
    ("export", file("config.toml", NO_SEEDS), 2, "cannot list the seeds folder sedes: No such"),
    ("export", file("out"), 3, "feeds: cannot write to "),
    ("export", file("out/all.atom"), 3, "all.atom is in the way"),
    ("export", file("config.toml", NO_STATE), 3, "feeds: cannot make "),
    ("export", emptied, 3, "Refusing to empty the feeds"),
]


@pytest.mark.parametrize(
    ("arguments", "prepare", "code", "words"), ENDS, ids=[f"{end[2]} {end[3]}" for end in ENDS]
)
def test_cli_exit_code_and_words(
    arguments: str, prepare: Callable[[Site], object], code: int, words: str, story: Site
) -> None:
    prepare(story)
    ran = story.type(*arguments.split())
    assert ran.code == code
    assert words in (ran.out + ran.err if code in {0, 1} else ran.err)
    if code in {2, 3}:
        assert ran.out == ""
        assert re.match(r"feeds: |usage: ", ran.err)


def test_cli_reads_variables_of_the_environment(story: Site) -> None:
    assert "Elsewhere\t1\t" in run(story, "list", FEEDS_SITE__TITLE="Elsewhere").out
    ran = run(story, "list", FEEDS_SITE__TITEL="x")
    assert (ran.code, ran.out) == (2, "")
    assert "FEEDS_SITE__TITEL: site.titel: unknown key (did you mean title?)" in ran.err


@pytest.mark.parametrize("command", ["export", "check", "list", "explain a.txt", "status"])
def test_cli_json_stands_alone_on_standard_output(command: str, site: Site) -> None:
    site.seed(title=TITLE, publishedDateTime=OLD, topics=[TITLE])
    site.seed("b.txt", number=2, heat=TITLE)
    site.publish()
    ran = run(site, *command.split(), "--json", PYTHONIOENCODING="ascii")
    assert TITLE in str(json.loads(ran.out))
    assert ran.err


@pytest.mark.parametrize("command", ["check", "list"])
def test_cli_writes_what_ascii_cannot_hold_as_escapes(command: str, site: Site) -> None:
    site.seed(publishedDateTime=OLD, topics=[TITLE], heat=TITLE)
    ran = run(site, command, PYTHONIOENCODING="ascii")
    assert r"Caf\xe9 \u2018tr\xe8s\u2019 \U0001f600" in ran.out + ran.err


def run_with(site: Site, *arguments: str, **streams: Any) -> tuple[int, str]:
    """Runs feeds with other streams; returns its code and what arrived on standard error."""
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True} | streams
    process = subprocess.run(
        [*FEEDS, *arguments], cwd=site.root, env=environment(), timeout=60, check=False, **streams
    )
    return process.returncode, process.stderr or ""


@contextmanager
def broken_pipe() -> Iterator[int]:
    """Gives the writing end of a pipe whose reader has gone."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


@pytest.mark.parametrize("command", ["list", "export", "--version"])
def test_cli_is_quiet_when_the_reader_of_its_output_has_gone(command: str, story: Site) -> None:
    with broken_pipe() as pipe:
        assert run_with(story, *command.split(), stdout=pipe) == (0, "")


def test_cli_into_head_ends_well(story: Site) -> None:
    story.configure("".join(f"[topics.{number:04}]\n" for number in range(2000)))
    line = f"{sys.executable} -m feeds list | head -n 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], cwd=story.root, capture_output=True, check=True)
    assert done.stdout.endswith(b"https://feeds.example.org/all.atom\n0\n")
    assert done.stderr == b""


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_cli_keeps_its_exit_code_when_a_reader_has_gone(stream: str, story: Site) -> None:
    story.seed("b.txt", number=2, quality=500)
    with broken_pipe() as pipe:
        assert run_with(story, "export", "--strict", **{stream: pipe})[0] == 1
    assert story.read("all.atom")


def test_cli_publishes_although_nobody_reads_its_warnings(story: Site) -> None:
    story.spoil_state()
    with broken_pipe() as pipe:
        assert run_with(story, "export", stderr=pipe)[0] == 0
    assert story.read("all.atom")


@pytest.mark.parametrize("line", ["list --json >&-", "export >&-", "export 2>&-"])
def test_cli_does_its_work_with_a_stream_that_is_closed(line: str, story: Site) -> None:
    story.spoil_state()
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m feeds {line}"],
        cwd=story.root,
        env=environment(),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0
    assert b"Traceback" not in done.stderr
    assert not line.startswith("export") or story.read("all.atom")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("command", ["list", "list --json"])
def test_cli_says_that_its_output_found_no_room(command: str, story: Site) -> None:
    with Path("/dev/full").open("w") as full:
        code, err = run_with(story, *command.split(), stdout=full)
    assert code != 0
    assert "Traceback" not in err
    assert "No space left on device" in err


def test_cli_interrupted_while_it_waits_says_so_in_one_line(story: Site) -> None:
    story.out.mkdir()
    with (story.out / ".feeds.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with subprocess.Popen(
            [*FEEDS, "export"], cwd=story.root, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stderr is not None
            assert process.stderr.readline().startswith("feeds: waiting for another run")
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == "feeds: interrupted; every published file is whole, the next run does the rest\n"
    assert story.tree() == {}


def children(pid: int) -> list[int]:
    """Returns the processes that a process started, and those that these did."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except OSError:
        return []
    own = [int(child) for child in text.split()]
    return own + [grandchild for child in own for grandchild in children(child)]


@pytest.mark.skipif(os.cpu_count() == 1, reason="there are no workers on one core")
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks for workers in /proc")
def test_cli_interrupted_from_the_keyboard_takes_its_workers_along(story: Site) -> None:
    text = (story.seeds / "a.txt").read_text(encoding="utf-8")
    for number in range(700):
        story.write(f"{number}.txt", text.replace("stories/1", f"stories/{number}"))
    codes = []
    for milliseconds in (0, 5, 10, 20, 40):  # each time the workers have come somewhat further
        shutil.rmtree(story.root / ".feeds", ignore_errors=True)
        shutil.rmtree(story.out, ignore_errors=True)
        process = subprocess.Popen(
            [*FEEDS, "export"],
            cwd=story.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        while len(children(process.pid)) < 3 and process.poll() is None:
            time.sleep(0.001)  # multiprocessing starts two helpers before the first worker
        time.sleep(milliseconds / 1000)
        # Ctrl-C reaches every process of the terminal's foreground group.
        os.killpg(process.pid, signal.SIGINT)
        try:
            _, err = process.communicate(timeout=60)  # until the last one has closed the pipes
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        assert "Traceback" not in err
        codes.append(process.returncode)
        # Unless the export was over before a busy machine came to type it.
        assert process.returncode == 130 or (story.out / "all.atom").exists()
    assert 130 in codes


def screen(site: Site, *arguments: str, **variables: str) -> tuple[int, list[str]]:
    """Runs feeds on a terminal of 80 columns; returns its code and the lines that are left."""
    terminal, line = pty.openpty()
    with subprocess.Popen(
        [*FEEDS, *arguments],
        cwd=site.root,
        env=environment(TERM="xterm", COLUMNS="80", LINES="24", **variables),
        stdin=subprocess.DEVNULL,
        stdout=line,
        stderr=line,
    ) as process:
        os.close(line)
        data = b""
        while chunk := _read(terminal):
            data += chunk
    os.close(terminal)
    return process.returncode, shown(data.decode())


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # how Linux tells that the other end is closed
        return b""


def shown(text: str) -> list[str]:
    """Returns the lines that a terminal shows after a text with the control codes of rich."""
    lines, row, column = [""], 0, 0
    for code in re.findall(r"\x1b\[[?0-9;]*[A-Za-z]|[^\x1b]", text):
        if code == "\r":
            column = 0
        elif code == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif code.endswith("A") and code.startswith("\x1b"):
            row = max(0, row - int(code[2:-1] or 1))
        elif code == "\x1b[2K":
            lines[row] = ""
        elif not code.startswith("\x1b"):
            lines[row] = lines[row][:column].ljust(column) + code + lines[row][column + 1 :]
            column += 1
    return "\n".join(line.rstrip() for line in lines).rstrip("\n").split("\n")


def test_shown_draws_as_a_terminal_does() -> None:
    assert shown("ab\r\ncd\rX\x1b[1m!\x1b[0m\x1b[1A\r\x1b[2KY\r\n\n") == ["Y", "X!"]


@pytest.mark.parametrize("coding", ["utf-8", "ascii"])
def test_cli_lists_on_a_terminal_with_nothing_cut_off(coding: str, site: Site) -> None:
    site.seed(title=TITLE, publishedDateTime=OLD, topics=["Café [b]au lait[/b]"])
    code, lines = screen(site, "list", PYTHONIOENCODING=coding)
    assert code == 0
    assert [*lines[0].split()] == ["Feed", "Entries", "Newest", "Address"]
    assert not any("…" in line or "..." in line for line in lines)
    text = re.sub(r"\s+", "", " ".join(lines))
    assert "[b]aulait[/b]" in text
    assert sum(line.count("https://") for line in lines) == 3


@pytest.mark.parametrize("command", ["explain a.txt", "check"])
def test_cli_leaves_on_a_terminal_what_it_would_pipe(command: str, site: Site) -> None:
    site.seed(title=TITLE, publishedDateTime=OLD)
    site.seed("b.txt", number=2, heat="warm")
    piped = site.run(*command.split())
    code, lines = screen(site, *command.split())
    assert code == piped.code
    assert lines == (piped.err + piped.out).rstrip("\n").split("\n")


@pytest.mark.parametrize("coding", ["utf-8", "ascii"])
def test_cli_exports_on_a_terminal_with_a_bar_that_goes_away(coding: str, site: Site) -> None:
    site.seed(title=TITLE, publishedDateTime=OLD, heat=TITLE)
    site.spoil_state()
    code, lines = screen(site, "export", PYTHONIOENCODING=coding)
    assert code == 0
    assert lines[0].startswith("feeds: the state file")
    assert lines[-4].startswith("seeds/a.txt:7:7: warning: heat: found ")
    assert lines[-3] == "1 seeds (1 read, 0 gone, 0 bad), 1 items"
    assert lines[-2].startswith(f"3 feeds in {site.out}: 27 documents written")
    assert lines[-1].startswith("look at them: ")


def test_cli_interrupted_twice_tidies_up_once(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    tidied: list[str] = []

    def work(*_: object) -> int:
        try:
            signal.raise_signal(signal.SIGINT)
        finally:
            signal.raise_signal(signal.SIGTERM)
            tidied.append("all")
        return 0

    monkeypatch.setattr("feeds.cli.check.run_check", work)
    ran = site.run("check")
    assert (ran.code, tidied) == (130, ["all"])
    assert ran.err.startswith("feeds: interrupted; ")


# The end of the process

ENDING = """
import atexit, sys, threading
from feeds.cli.main import run_command

class Late:
    def __del__(self):
        print("freed")

late = Late()
late.itself = late
atexit.register(print, "tidied up")
if {others}:
    threading.Thread(target=threading.main_thread().join).start()
run_command()
"""


@pytest.mark.parametrize(
    ("others", "end"), [(False, "tidied up\n"), (True, "tidied up\nfreed\n")], ids=["alone", "not"]
)
def test_process_ends_without_freeing_everything_unless_a_thread_is_at_work(
    site: Site, *, others: bool, end: str
) -> None:
    site.seed()
    site.write("../end.py", ENDING.format(others=others))
    ran = subprocess.run(
        [sys.executable, site.root / "end.py", "check"],
        check=False,
        cwd=site.root,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("1 seeds")
    assert ran.stdout.endswith(end)
    assert ran.stdout.count("freed") == end.count("freed")


def test_process_ends_with_the_exit_code_of_its_command(site: Site) -> None:
    site.seed(quality=500)
    assert run(site, "check").code == 1
    assert run(site, "check", "--config", "nosuch.toml").code == 2
