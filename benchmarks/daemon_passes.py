"""Run passes as the daemon does, in a process beside it; `daemon.py` times this script."""

from collections.abc import Callable
from itertools import count
from pathlib import Path

from feeds.config import load_config
from feeds.daemon.passes import PassRunner


def editor(seed: Path) -> Callable[[], None]:
    """Return a function that gives a seed another title each time that it is called."""
    original = seed.read_text(encoding="utf-8")
    numbers = count(1)

    def edit() -> None:
        text = original.replace('title: "', f'title: "Edit {next(numbers)}: ', 1)
        seed.write_text(text, encoding="utf-8")

    return edit


def main() -> None:
    """Read the command line, and run the passes."""
    # Here, since each process runs this script again as a module: that of the daemon imports it,
    # too, but has it loaded before processes are forked.
    import argparse

    parser = argparse.ArgumentParser(description="Run passes as the daemon does.")
    parser.add_argument("config", type=Path)
    parser.add_argument("passes", type=int)
    parser.add_argument("--edit", type=Path, metavar="SEED", help="change this seed before each")
    arguments = parser.parse_args()
    loaded = load_config(arguments.config)
    edit = editor(arguments.edit) if arguments.edit else lambda: None
    passes = PassRunner()
    for _ in range(arguments.passes):
        edit()
        outcome = passes.run(loaded, print, timeout=600, leave=lambda: None)
        if outcome.report is None:
            raise SystemExit(outcome.reason)
    passes.stop()


if __name__ == "__main__":
    main()
