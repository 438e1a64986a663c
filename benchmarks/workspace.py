"""One set of generated seeds, and the two programs that publish it, each into its own folder."""

import argparse
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import measure
from generate import Story, generate, write_config
from measure import Measurement

REPOSITORY = Path(__file__).resolve().parent.parent
PASSES = Path(__file__).resolve().with_name("daemon_passes.py")
YARDSTICK = Path(__file__).resolve().with_name("yardstick.py")


@dataclass(frozen=True)
class Workspace:
    """The folders of a benchmark below one root."""

    root: Path

    @property
    def seeds(self) -> Path:
        """Where the seeds are."""
        return self.root / "seeds"

    @property
    def out(self) -> Path:
        """Where `feeds` publishes."""
        return self.root / "out"

    @property
    def yardstick_out(self) -> Path:
        """Where the yardstick publishes."""
        return self.root / "yardstick"

    def prepare(self, count: int) -> list[Story]:
        """Write the seeds and the configuration."""
        stories = generate(count, self.seeds)
        write_config(self.config, self.seeds, self.out, self._state / "state.db")
        return stories

    def forget(self) -> None:
        """Remove what `feeds` published and remembers."""
        for folder in (self.out, self._state):
            shutil.rmtree(folder, ignore_errors=True)

    def export(self, *flags: str) -> Measurement:
        """Run `feeds export`."""
        argv = (sys.executable, "-m", "feeds", "export", *flags, "--config", str(self.config))
        return measure.run(argv, REPOSITORY)

    def explain(self, seed: Path) -> Measurement:
        """Run `feeds explain` for a seed."""
        argv = (sys.executable, "-m", "feeds", "explain", str(seed), "--config", str(self.config))
        return measure.run(argv, REPOSITORY)

    def passes(self, number: int, seed: Path | None = None) -> Measurement:
        """Run so many passes as the daemon does; before each, change a seed where one is given."""
        argv = [sys.executable, str(PASSES), str(self.config), str(number)]
        if seed:
            argv += ["--edit", str(seed)]
        return measure.run(argv, REPOSITORY)

    def yardstick(self) -> Measurement:
        """Run the yardstick into an empty folder."""
        shutil.rmtree(self.yardstick_out, ignore_errors=True)
        argv = (sys.executable, str(YARDSTICK), str(self.seeds), str(self.yardstick_out))
        return measure.run(argv, REPOSITORY)

    @property
    def config(self) -> Path:
        """The configuration."""
        return self.root / "config.toml"

    @property
    def _state(self) -> Path:
        return self.root / "state"


def run_comparison(description: str, compare: Callable[[int, int], bool]) -> None:
    """Compare as the command line says, and exit with 1 if a bar is not reached."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--seeds", type=int, default=10_000, metavar="N")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    sys.exit(0 if compare(arguments.seeds, arguments.rounds) else 1)
