"""Checks some seeds alone: what is about to be committed, or what an editor holds."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from feeds.common.errors import UnknownSeedError
from feeds.common.model import ParsedSeed, Problem
from feeds.common.objects import is_object
from feeds.common.text import did_you_mean
from feeds.config import Loaded
from feeds.pipeline.check import CheckReport
from feeds.seeds.objects import look_at_objects
from feeds.seeds.parse import ParseOptions
from feeds.seeds.read import ReadRequest, judge_seed, read_seed
from feeds.seeds.scan import SUFFIXES, ScannedFile, display_path, is_below, scan
from feeds.select.membership import without_duplicates


def check_files(loaded: Loaded, texts: Mapping[str, bytes | None], base: Path) -> CheckReport:
    """Judges some seeds alone, each by itself, and whether two of them are one story.

    Args:
        loaded: the configuration.
        texts: the names of seeds, or of folders of seeds, relative to `base`, each with the bytes
            to judge instead of those of the file, if any.
        base: the current folder.

    Raises:
        UnknownSeedError: there is no such file.
        SeedsFolderError: a folder cannot be listed.
    """
    config = loaded.config
    options = ParseOptions.of(config)
    seeds: list[ParsedSeed] = []
    hints: list[str] = []
    for name, data in texts.items():
        if is_object(name):
            seeds += _objects(name, loaded, options)
            continue
        path, shown = os.path.normpath(base / name), display_path(name, str(base))
        if path == str(loaded.path):
            continue  # it has been read, and has no faults
        if not any(is_below(f"{path}/", str(folder)) for folder in config.paths.folders):
            hints.append(f"{shown} is not below paths.seeds, so no pass reads it")
        if data is not None and name.endswith(SUFFIXES):
            seeds.append(judge_seed(path, shown, data, options))
        elif os.path.isdir(path):  # noqa: PTH112
            seeds += _judged(Path(path), base, options)
        elif not name.endswith(SUFFIXES):
            reason = f"not a seed: its name does not end in {', '.join(SUFFIXES)}"
            seeds.append(ParsedSeed(path, b"", problems=(Problem(shown, 0, 0, "", reason),)))
        elif not os.path.lexists(path):
            beside = [one.name for one in Path(path).parent.glob("*")]
            hint = did_you_mean(Path(path).name, beside)
            raise UnknownSeedError(f"no seed {shown}: there is no such file or folder{hint}")
        else:
            seeds.append(read_seed(ReadRequest(path, shown, b""), options))
    headers = [seed.header for seed in seeds if seed.header]
    problems = [problem for seed in seeds for problem in seed.problems]
    problems += without_duplicates(headers).problems
    return CheckReport(len(seeds), len(headers), sorted(problems), hints)


def _judged(folder: Path, base: Path, options: ParseOptions) -> Iterator[ParsedSeed]:
    for found in scan([folder], base):
        yield _judge(found, display_path(found.path, str(base)), options)


def _objects(address: str, loaded: Loaded, options: ParseOptions) -> Iterator[ParsedSeed]:
    """Yields the seeds at and below an address.

    Raises:
        UnknownSeedError: there is none.
    """
    address, is_any = address.rstrip("/"), False
    prefixes = [*loaded.config.paths.prefixes, f"{address.rpartition('/')[0]}/"]
    for found in look_at_objects([address], prefixes, loaded.base):
        is_any = True
        yield _judge(found, found.path, options)
    if not is_any:
        raise UnknownSeedError(f"no seed {address}: there is no such object, nor one below it")


def _judge(found: ScannedFile, shown: str, options: ParseOptions) -> ParsedSeed:
    if found.problem:
        return ParsedSeed(found.path, b"", problems=(found.problem,))
    return read_seed(ReadRequest(found.path, shown, b"", found.inode), options)
