"""Publication beside readers, on full disks, and killed at every step: real processes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from feeds.common.child_process import fork_context
from feeds.publish import read_manifest
from feeds.publish.manifest import PARTS
from tests.support.publishing import (
    contents,
    documents,
    named,
    publish,
    publish_and_die,
    split_manifest,
)
from tests.support.site import Site

_ROOT = Path(__file__).parent.parent.parent
_FIRST = {f"topics/{n}.atom": f"old {n}" for n in range(3)} | {
    "all.atom": "old",
    "gone.atom": "old",
}
# Of images one stays, one comes, one goes, one is replaced.
_OLD = _FIRST | {"media/a.png": "stays", "media/b.png": "goes", "media/d.png": "old"}
_NEW = {f"topics/{n}.atom": f"new {n}" for n in range(3)} | {"all.atom": "new", "c/c.atom": "new"}
_NEW |= {"media/a.png": "stays", "media/c.png": "comes", "media/d.png": "new"}
_CHANGED = {path: f"changed {path}" for path in _OLD}


def _run(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("old", "killed", "wanted"),
    [
        pytest.param(_OLD, _NEW, _NEW, id="done again"),
        pytest.param(_OLD, _CHANGED, _OLD, id="taken back"),
        pytest.param(_FIRST, _NEW, _FIRST, id="first images, taken back"),
    ],
)
@pytest.mark.parametrize(
    ("before", "together"),
    [
        pytest.param(None, None, id="one manifest"),
        pytest.param(2, 2, id="manifest in parts"),
        pytest.param(None, 2, id="to parts"),
        pytest.param(2, 100, id="from parts"),
    ],
)
def test_publication_killed_at_any_step_leaves_whole_files_and_is_repaired(
    tmp_path: Path,
    old: dict[str, str],
    killed: dict[str, str],
    wanted: dict[str, str],
    before: int | None,
    together: int | None,
) -> None:
    def publish_with(together: int | None, texts: dict[str, str]) -> None:
        with nullcontext() if together is None else split_manifest(together):
            publish(out, texts)

    # Not multiprocessing's own: the server that all later tests fork from must block signals.
    context = fork_context([])
    step, code = 0, -signal.SIGKILL
    while code == -signal.SIGKILL:
        step += 1
        out = tmp_path / f"{step}"
        publish_with(before, old)
        options = {"together": together}
        process = context.Process(target=publish_and_die, args=(out, killed, step), kwargs=options)
        process.start()
        process.join()
        code = process.exitcode or 0
        for path, text in documents(out).items():
            assert "feeds-tmp" in path or text in {old.get(path), killed.get(path)}, (step, path)
        assert {path for path in documents(out) if "feeds-tmp" not in path} <= set(named(out)), step
        publish_with(together, wanted)
        assert documents(out) == wanted, step
        assert named(out) == sorted(wanted)
        assert all("feeds-tmp" not in path for path in contents(out))
        assert (out / PARTS).exists() == (together == 2 or wanted is not _FIRST)
        assert (out / PARTS / "images.json").exists() == (together != 2 and wanted is not _FIRST)
        assert not read_manifest(out).unfinished
    assert code == 0
    assert step > 10


# Reads all files over and over; says how often, or what it saw that nobody published.
_READER = """
import os, sys
from pathlib import Path
from typing import Any
out, rounds = Path(sys.argv[1]), 0
print("ready", flush=True)
while not (out / "stop").exists():
    for name in ("all.atom", "topics/ai.atom"):
        text = (out / name).read_text()
        assert text == text[:8] * 20000, (name, len(text), set(text.split()))
    rounds += 1
print(rounds)
"""


def test_reader_never_sees_a_part_of_a_file(tmp_path: Path) -> None:
    def texts(number: int) -> dict[str, str]:
        text = f"{number:07}\n" * 20_000
        return {"all.atom": text, "topics/ai.atom": text, f"topics/{number % 3}.atom": text}

    publish(tmp_path, texts(0))
    command = [sys.executable, "-c", _READER, str(tmp_path)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "ready\n"
        for number in range(200):
            publish(tmp_path, texts(number))
        (tmp_path / "stop").touch()
        output, errors = reader.communicate(timeout=60)
    assert errors == ""
    assert int(output) > 20


# Publishes where no file may grow beyond the given size.
_LIMITED = """
import json, resource, sys
from pathlib import Path
from typing import Any
from tests.support.publishing import publish
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), -1))
try:
    publish(Path(sys.argv[1]), json.loads(sys.argv[2]))
except PublishError as error:
    sys.exit(str(error))
"""


@pytest.mark.parametrize("limit", [0, 1, 100, 4096, 9_999])
def test_full_disk_leaves_everything_as_it_was(tmp_path: Path, limit: int) -> None:
    publish(tmp_path, _OLD)
    before = contents(tmp_path)
    texts = _NEW | {"topics/1.atom": "x" * 10_000}
    run = _run(_LIMITED, tmp_path, json.dumps(texts), limit)
    assert run.returncode == 1
    assert "File too large" in run.stderr
    assert "out/ is left as it was" in run.stderr
    assert contents(tmp_path) == before
    publish(tmp_path, texts)
    assert documents(tmp_path) == texts


_EXPORT = """
import resource, sys
from feeds.cli.main import main
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), -1))
sys.exit(main(["export", "--config", sys.argv[1]]))
"""


@pytest.mark.parametrize(
    ("limit", "published", "message"),
    [
        pytest.param(1, True, "cannot write to", id="lock"),
        # Between the state file as it is then (at most 1.1 MB) and the largest document (1.5 MB).
        pytest.param(1_300_000, True, "out/ is left as it was", id="document"),
        pytest.param(100_000, False, "cannot write the state file", id="state"),
    ],
)
def test_export_on_a_full_disk_fails_whole_and_recovers(
    site: Site, limit: int, *, published: bool, message: str
) -> None:
    fields: dict[str, Any] = {"publishedDateTime": "2021-08-19T08:00:00Z", "published": True}
    site.seed("0.txt", number=0, **fields)
    config = site.root / "config.toml"
    assert _run(_EXPORT, config, 10**9).returncode == 0
    files, before = set(contents(site.out)), documents(site.out)
    for number in range(1, 17):
        fields |= {"number": number, "published": published, "body": '&<" ' * 5_000}
        site.seed(f"{number}.txt", **fields)
    run = _run(_EXPORT, config, limit)
    assert (run.returncode, "Traceback" in run.stderr) == (3, False), run.stderr
    assert message in run.stderr
    assert (set(contents(site.out)), documents(site.out)) == (files, before)
    assert _run(_EXPORT, config, 10**9).returncode == 0
    fresh = Site(site.root / "fresh")
    for seed in site.seeds.iterdir():
        fresh.write(seed.name, seed.read_bytes())
    fresh.publish()
    assert documents(site.out) == documents(fresh.out)
