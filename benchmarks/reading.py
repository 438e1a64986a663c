"""Measure what it costs to read a seed: with PyYAML alone, and with rapidyaml before it.

Usage: python benchmarks/reading.py [--seeds N] [--rounds N]

One process, no workers, microseconds of CPU per seed; the least of the rounds, which take turns.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from generate import generate

from feeds.seeds import yaml_reader
from feeds.seeds.frontmatter import split
from feeds.seeds.parse import ParseOptions
from feeds.seeds.quick_reader import QuickReader
from feeds.seeds.read import ReadRequest, _read_chunk, read_seed

CHUNK = 100


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        generate(options.seeds, Path(folder))
        paths = [str(path) for path in sorted(Path(folder).rglob("*.txt"))]
        sources = [split(Path(path).read_bytes(), all_yaml=False).source for path in paths]
        quick, known = QuickReader(), ParseOptions()
        requests = [ReadRequest(path, path, b"") for path in paths]
        chunks = [requests[start : start + CHUNK] for start in range(0, len(requests), CHUNK)]
        ways: dict[str, tuple[Callable[[Any], object], Sequence[object]]] = {
            "YAML, PyYAML": (yaml_reader.load, sources),
            "YAML, rapidyaml first": (quick.load, sources),
            "whole seed, PyYAML": (lambda one: read_seed(one, known), requests),
            "whole seed, rapidyaml first": (
                lambda one: read_seed(one, known, quick),
                requests,
            ),
            # 0 is no process of ours, so the chunk is read as in a worker.
            "whole seed, as workers read": (lambda chunk: _read_chunk(known, 0, chunk), chunks),
        }
        least = dict.fromkeys(ways, float("inf"))
        for _ in range(options.rounds):
            for name, (read, texts) in ways.items():
                start = time.process_time()
                for text in texts:
                    read(text)
                least[name] = min(least[name], (time.process_time() - start) / len(paths))
    for name, seconds in least.items():
        print(f"{name:<30}{seconds * 1e6:7.0f} us")


if __name__ == "__main__":
    main()
