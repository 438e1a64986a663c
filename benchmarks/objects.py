"""See what seeds and feeds in a bucket cost beside folders: CPU and memory of feeds, and requests.

The bucket is one of moto's server on this machine, whose own work does not count. A request takes
no time here, but 10 to 50 ms in a real bucket: 16 wait at once in each process that reads.
"""

import logging
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

from daemon_passes import editor
from measure import MEBIBYTE, Bar, Measurement, print_bars, print_table
from moto.server import ThreadedMotoServer
from rescan import newest_shown
from workspace import Workspace, run_comparison

from feeds.common.buckets import Objects

_URL = "http://127.0.0.1:28787"
_PREFIX = "s3://news/seeds/"
_OUT = "s3://news/site/"
_ENVIRONMENT = {
    "AWS_ENDPOINT": _URL,
    "AWS_ALLOW_HTTP": "true",
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_REGION": "us-east-1",
}
# What reading from a bucket may add to a cold export, and listing it to a pass over nothing new.
_BAR_COLD, _BAR_QUIET = 1.5, 2.0
# What putting into a bucket may add to a pass with one changed seed.
_BAR_ONE = 1.5


class _Count(logging.Handler):
    """Counts the requests that the server logs."""

    total = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Count one."""
        del record
        self.total += 1


@contextmanager
def _server() -> Iterator[_Count]:
    """Run a server with a bucket, in this process, whose work is not measured."""
    count, log = _Count(), logging.getLogger("werkzeug")
    log.setLevel(logging.INFO)
    log.addHandler(count)
    log.propagate = False
    server = ThreadedMotoServer("127.0.0.1", 28787, verbose=False)
    server.start()
    try:
        urlopen(Request(f"{_URL}/news", method="PUT")).close()  # noqa: S310
        yield count
    finally:
        server.stop()


def _use(space: Workspace, key: str, place: str) -> None:
    """Change one of the paths in the configuration."""
    value = f'["{place}"]' if key == "seeds" else f'"{place}"'
    text = space.config.read_text()
    space.config.write_text(re.sub(rf"(?m)^{key} = .*$", f"{key} = {value}", text))


def compare(count: int, rounds: int) -> bool:
    """Compare passes over so many seeds in a folder and in a bucket."""
    del rounds  # one: what is compared runs one after the other
    os.environ.update(_ENVIRONMENT)
    with tempfile.TemporaryDirectory(prefix="feeds-benchmark-") as folder:
        root = Path(folder)
        space, requests = Workspace(root), dict[str, int]()
        stories = space.prepare(count)

        with _server() as count_of:

            def export(name: str, *flags: str) -> Measurement:
                before = count_of.total
                found = space.export(*flags)
                requests[name] = count_of.total - before
                return found

            bucket = Objects(_PREFIX)
            for story in stories:
                bucket.put(story.path, (space.seeds / story.path).read_bytes())
            costs = {"folder, cold": export("folder, cold")}
            export("")  # the seeds are so new that another pass may look at some again
            costs["folder, nothing changed"] = export("folder, nothing changed")
            space.forget()
            _use(space, "seeds", _PREFIX)
            costs["bucket, cold"] = export("bucket, cold")
            costs["bucket, nothing changed"] = export("bucket, nothing changed")
            newest = stories[-1].path
            bucket.put(newest, (space.seeds / newest).read_bytes() + b"\nMore.\n")
            (root / "changed").write_text(f"{_PREFIX}{newest}\n")
            name = "bucket, told of one"
            costs[name] = export(name, "--changed", str(root / "changed"))
            _use(space, "seeds", str(space.seeds))
            edit = editor(space.seeds / newest_shown(stories).path)
            for out in (str(space.out), _OUT):
                _use(space, "out", out)
                space.forget()
                kind = "feeds in a bucket" if out == _OUT else "both in folders"
                for what in ("cold", "settled", "nothing changed", "one changed"):
                    if what == "one changed":
                        edit()
                    name = f"{kind}, {what}"
                    costs[name] = export(name)
    print(f"\n{count:,} seeds")
    print_table(
        ("", "CPU s", "wall s", "peak MiB", "requests"),
        [
            (
                name,
                f"{one.cpu:.2f}",
                f"{one.wall:.2f}",
                f"{one.peak_memory / MEBIBYTE:.0f}",
                f"{requests[name]:,}",
            )
            for name, one in costs.items()
        ],
    )
    cold, quiet = (
        costs[f"bucket, {what}"].cpu / costs[f"folder, {what}"].cpu
        for what in ("cold", "nothing changed")
    )
    one = costs["feeds in a bucket, one changed"].cpu / costs["both in folders, one changed"].cpu
    return print_bars(
        [
            Bar("feeds in a bucket, one changed, CPU of that of a folder", one, _BAR_ONE),
            Bar("cold, CPU of that of a folder", cold, _BAR_COLD),
            Bar("nothing changed, CPU of that of a folder", quiet, _BAR_QUIET),
        ]
    )


if __name__ == "__main__":
    run_comparison("See what seeds and feeds in a bucket cost beside folders.", compare)
