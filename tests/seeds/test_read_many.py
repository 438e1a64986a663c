"""feeds.seeds.read: many seeds read in processes, as if they were read one after the other."""

from __future__ import annotations

import json
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from itertools import islice
from pathlib import Path
from typing import TypeVar

import pytest

from feeds.common.model import ParsedSeed
from feeds.seeds import read as module
from feeds.seeds.parse import ParseOptions
from feeds.seeds.read import ReadRequest, read_seed, read_seeds
from tests.support.processes import wait_until
from tests.support.site import Site, front_matter, seed_text

T = TypeVar("T")

_COUNT = 700
_OPTIONS = ParseOptions(timezone="Europe/London", repair=False)


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> list[ReadRequest]:
    """700 seeds in no order of their names: most are good, some broken, known or gone."""
    folder = tmp_path_factory.mktemp("seeds")
    seeds = []
    for number in (step * 337 % _COUNT for step in range(_COUNT)):
        path = folder / f"{number}.txt"
        text = seed_text(
            front_matter(number, publishedDateTime="2026-07-01", title="Itâ€™s"), "*a*"
        )
        path.write_bytes(b"\xff" if number % 50 == 0 else text.encode())
        seed = ReadRequest(str(path), path.name, b"")
        if number % 50 == 1:
            seed = seed._replace(known_content=read_seed(seed, _OPTIONS).content)
        elif number % 50 == 2:
            path.unlink()
        seeds.append(seed)
    return seeds


@pytest.mark.parametrize("cores", [1, 2])
def test_readings_are_the_same_in_order_with_and_without_processes(
    wanted: list[ReadRequest], cores: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    readings = read_seeds(iter(wanted), _OPTIONS)
    first = next(readings)
    # One for each core, and a spare one, which may begin after the first reading.
    processes = cores + 1 if cores > 1 else 0
    wait_until(lambda: len(multiprocessing.active_children()) == processes)
    alone: list[ParsedSeed] = [read_seed(seed, _OPTIONS) for seed in wanted]
    assert [first, *readings] == alone
    assert multiprocessing.active_children() == []
    assert sum(reading.header is not None for reading in alone) == _COUNT * 47 // 50
    assert sum(reading.same for reading in alone) == _COUNT // 50


class Elsewhere:
    """An engine whose workers see none of our files."""

    def __call__(
        self, work: Callable[[list[T]], bytes], source: Iterator[T], chunk: int
    ) -> Generator[bytes]:
        there = pickle.loads(pickle.dumps(work))  # noqa: S301 (our own)
        while part := list(islice(source, chunk)):
            sent = pickle.dumps(part)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(module, "_bytes_of", None)
                yield there(pickle.loads(sent))  # noqa: S301 (our own)


def test_readings_are_the_same_of_an_engine_that_is_sent_the_bytes(
    wanted: list[ReadRequest],
) -> None:
    alone = [read_seed(seed, _OPTIONS) for seed in wanted]
    assert list(read_seeds(wanted, _OPTIONS, Elsewhere())) == alone


def _refuse(*_: object) -> Generator[bytes]:
    pytest.fail("an engine was asked")


@pytest.mark.parametrize("engine", [None, _refuse], ids=["none", "an engine"])
@pytest.mark.parametrize("count", [0, 1, 599])
def test_few_seeds_are_read_without_processes_and_engines(
    wanted: list[ReadRequest],
    count: int,
    engine: Callable[..., Generator[bytes]] | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    paths = []
    for reading in read_seeds(wanted[:count], _OPTIONS, engine):
        assert multiprocessing.active_children() == []
        assert isinstance(reading, ParsedSeed)
        paths.append(reading.path)
    assert paths == [one.path for one in wanted[:count]]


def test_processes_end_when_the_reader_loses_interest(
    wanted: list[ReadRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    readings = read_seeds(wanted, _OPTIONS)
    next(readings)
    readings.close()  # type: ignore[attr-defined]
    assert multiprocessing.active_children() == []


def test_processes_killed_from_outside_lose_no_seed(
    wanted: list[ReadRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    readings = read_seeds(wanted * 3, _OPTIONS)
    first = next(readings)
    for worker in multiprocessing.active_children():
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGKILL)
    assert [first, *readings] == [read_seed(seed, _OPTIONS) for seed in wanted] * 3
    assert multiprocessing.active_children() == []


def test_pass_without_libyaml_warns_once_however_many_processes_read(
    site: Site, tmp_path: Path
) -> None:
    # Every process of this site runs sitecustomize first, and so cannot import libyaml.
    (tmp_path / "sitecustomize.py").write_text('import sys\nsys.modules["yaml._yaml"] = None\n')
    for number in range(_COUNT):
        site.seed(f"{number}.txt", number=number)
    done = subprocess.run(
        [sys.executable, "-m", "feeds", "export", "--json"],
        cwd=site.root,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    assert json.loads(done.stdout)["items"] == _COUNT
    assert done.stderr.count("built without libyaml") == 1


def test_readings_come_one_by_one_and_in_order_where_seeds_are_slow(
    wanted: list[ReadRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_CHUNK_SECONDS", -1.0)
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    read: list[str] = []
    read_bytes = module._read_bytes

    def reading(path: str) -> bytes | str:
        read.append(path)
        return read_bytes(path)

    monkeypatch.setattr(module, "_read_bytes", reading)
    for number, one in enumerate(read_seeds(wanted, _OPTIONS), 1):
        assert isinstance(one, ParsedSeed)
        assert one.path == wanted[number - 1].path
        assert len(read) == number
    assert len(read) == len(wanted)
