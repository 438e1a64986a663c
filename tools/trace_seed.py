"""Count the modules that one changed seed crosses, from its file to the documents.

.venv/bin/python -m tools.trace_seed [--functions]

Publishes a copy of seeds/, changes the title of one seed, and publishes again. Of feeds/ it lists
the modules in which that second pass enters a function, and marks with * those that the seed
crosses: what one of their functions is given or returns has its title or the name of its file in
it. To count in another checkout: `PYTHONPATH=CHECKOUT python tools/trace_seed.py`.
"""

import argparse
import inspect
import os
import shutil
import sys
import tempfile
import threading
from contextlib import redirect_stdout
from pathlib import Path
from types import FrameType

import feeds
from feeds.cli.main import main as run_command

SEEDS = Path(__file__).parent.parent / "seeds"
PACKAGE = Path(feeds.__file__).parent
CONFIG = '[site]\ntitle = "Traced"\nbase_url = "https://feeds.example.org/"\n'
# What a seed is known by: a word that is put into its title, and the name of its file.
MARK = "Mxqz"
NAME = min(path.name for path in SEEDS.glob("*.txt"))
# Long enough ago that a pass trusts the fingerprints of files.
SETTLED = 1_600_000_000


class Trace:
    """The functions of feeds/ that are entered while `publish_pass` runs, by module."""

    def __init__(self) -> None:
        self.entered: dict[str, set[str]] = {}
        self.crossed: dict[str, set[str]] = {}
        self._is_pass = False

    def __call__(self, frame: FrameType, event: str, value: object) -> None:
        """Note a function that is entered or left; called by Python for each."""
        if event not in {"call", "return"}:
            return
        code = frame.f_code
        if code.co_name == "publish_pass":
            self._is_pass = event == "call"
        # Bodies of modules and classes run as they are imported, whatever the seed.
        if not self._is_pass or not code.co_flags & inspect.CO_OPTIMIZED:
            return
        path = Path(code.co_filename)
        if not path.is_relative_to(PACKAGE):
            return
        module = path.relative_to(PACKAGE.parent).as_posix()
        self.entered.setdefault(module, set()).add(code.co_qualname)
        data = list(frame.f_locals.values()) if event == "call" else value
        if has_mark(data):
            self.crossed.setdefault(module, set()).add(code.co_qualname)


def has_mark(data: object) -> bool:
    """Tell whether the seed is in what some values show of themselves."""
    try:
        text = repr(data)
    except Exception:  # noqa: BLE001 (objects that are not whole yet)
        return False
    return MARK in text or NAME in text


def main() -> None:
    """Trace a pass, and print the modules that it entered."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--functions", action="store_true", help="name the functions, too")
    with_functions = parser.parse_args().functions
    with tempfile.TemporaryDirectory() as folder:
        trace = trace_change(Path(folder))
    for module, functions in sorted(trace.entered.items()):
        names = sorted(trace.crossed.get(module, functions)) if with_functions else []
        print("*" if module in trace.crossed else " ", module, *names)
    count = sum(map(len, trace.entered.values()))
    print(f"{len(trace.entered)} modules, {count} functions; crossed: {len(trace.crossed)}")


def trace_change(root: Path) -> Trace:
    """Return what a pass enters after one of our seeds changed."""
    shutil.copytree(SEEDS, root / "seeds")
    for seed in (root / "seeds").iterdir():
        os.utime(seed, (SETTLED, SETTLED))
    (root / "config.toml").write_text(CONFIG, encoding="utf-8")
    export(root)
    seed = root / "seeds" / NAME
    seed.write_bytes(seed.read_bytes().replace(b"title: ", f"title: {MARK} ".encode(), 1))
    trace = Trace()
    threading.setprofile(trace)
    sys.setprofile(trace)
    try:
        export(root)
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return trace


def export(root: Path) -> None:
    """Run `feeds export` in this process."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
        code = run_command(["export", "--config", str(root / "config.toml")])
    if code:
        sys.exit(code)


if __name__ == "__main__":
    main()
