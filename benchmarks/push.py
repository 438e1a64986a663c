"""How long it takes from saving a seed until a subscriber has the feed, by a hub on loopback."""

import argparse
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from generate import generate

from tests.support.hub import Hub, Subscriber, name_hubs, serving_files
from tests.support.processes import Daemon, wait_until
from tests.support.site import Site

BAR = 2.0


def latencies(count: int, times: int) -> list[float]:
    """Return the seconds of so many edits of a seed among so many."""
    hub, subscriber = Hub(), Subscriber()
    with tempfile.TemporaryDirectory(prefix="feeds-benchmark-") as folder:
        site = Site(Path(folder) / "site")
        generate(count, site.seeds)
        site.out.mkdir()
        with serving_files(site.out) as base_url, hub.up(), subscriber.up() as callback:
            name_hubs(site, base_url, hub.url, more='[schedule]\nevery = "1h"\nwatch = true\n')
            with Daemon(site) as daemon:
                daemon.wait_for("hub told", seconds=300)
                subscriber.subscribe(site.read("all.atom"), callback)
                wait_until(lambda: subscriber.topics)
                return [_edit(site, subscriber, f"Edit {number}") for number in range(times)]


def _edit(site: Site, subscriber: Subscriber, title: str) -> float:
    path = site.seed("edited.txt", title=title, topics=["AI"])
    path.touch()
    saved = time.monotonic()
    wait_until(partial(subscriber.knows, title), 30)
    return subscriber.told[-1].at - saved


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1_000)
    parser.add_argument("--times", type=int, default=10)
    arguments = parser.parse_args()
    found = latencies(arguments.seeds, arguments.times)
    print(f"{arguments.seeds:,} seeds: median {median(found):.2f} s, longest {max(found):.2f} s")
    sys.exit(max(found) > BAR)


if __name__ == "__main__":
    main()
