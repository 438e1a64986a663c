"""What publish.precompress costs, and what each level of compression gives, in one run."""

import argparse
import tempfile
import time
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import brotli
from measure import Measurement, in_turn, print_table
from workspace import Workspace

BROTLI = (5, 6, 7, 9, 11)
GZIP = (6, 9)


def levels(data: bytes) -> None:
    """Print size and time of each level on one document."""
    ways: dict[str, Callable[[], bytes]] = {
        **{f"brotli {n}": partial(brotli.compress, data, quality=n) for n in BROTLI},
        **{f"gzip {n}": partial(zlib.compress, data, n, wbits=31) for n in GZIP},
    }
    rows = []
    for name, way in ways.items():
        begin = time.process_time()
        size = len(way())
        rows.append((name, f"{size:,}", f"{1000 * (time.process_time() - begin):.1f}"))
    print(f"\nThe largest feed, {len(data):,} bytes")
    print_table(("", "bytes", "CPU ms"), rows)


def cold(space: Workspace) -> Measurement:
    """Export with nothing published and nothing remembered."""
    space.forget()
    return space.export()


def compare(count: int, rounds: int) -> None:
    """Print what a cold export costs with copies and without, and the levels."""
    with tempfile.TemporaryDirectory(prefix="feeds-benchmark-") as folder:
        plain, copies = Workspace(Path(folder) / "plain"), Workspace(Path(folder) / "copies")
        for space in (plain, copies):
            space.root.mkdir()
            space.prepare(count)
        with (copies.root / "config.toml").open("a", encoding="utf-8") as config:
            config.write("\n[publish]\nprecompress = true\n")
        results = in_turn(rounds, {"plain": partial(cold, plain), "copies": partial(cold, copies)})
        base = results["plain"]
        rows = [
            (name, f"{one.wall:.2f}", f"{one.cpu:.2f}", f"{one.cpu / base.cpu:.2f}")
            for name, one in results.items()
        ]
        print(f"\nCold export, {count:,} seeds, median of {rounds} rounds")
        print_table(("", "wall s", "CPU s", "ratio"), rows)
        largest = max(copies.out.rglob("*.atom"), key=lambda path: path.stat().st_size)
        levels(largest.read_bytes())


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    compare(arguments.seeds, arguments.rounds)


if __name__ == "__main__":
    main()
