"""Passes that look at some paths alone: for these as right as passes that look at everything."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from feeds.common.reports import Callbacks, Options, PassReport
from feeds.pipeline import changed_paths, due_seeds
from feeds.pipeline.changed_paths import find_below
from feeds.pipeline.run import publish_feeds
from feeds.seeds.scan import ScannedFile, scan_below
from feeds.store import Store
from tests.support.site import NOW, Site, documents_in

HOUR = timedelta(hours=1)
# Where flushing costs nothing.
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108
# Statements on these tables cost what exists, unless an index leads to few rows.
LARGE = ("seed", "slot", "item", "memory", "image", "image_use")
FEW = ("seed_problems", "image_news", "image_unnamed", "image_known", "image_due", "image_narrow")


def publish(site: Site, *paths: Path, **options: Any) -> PassReport:
    return site.publish(options=Options(changed=frozenset(map(str, paths)), **options))


@pytest.fixture
def plain(site: Site) -> Site:
    """A published site of four stories."""
    for number in range(1, 5):
        site.seed(f"{number}.txt", number=number)
    site.publish()
    return site


def everything_is_looked_at(site: Site, *paths: Path) -> bool:
    """Tells whether a pass that is told of these paths finds a change that it is not told of."""
    site.seed("4.txt", number=4, title="Untold")
    publish(site, *paths)
    return "Untold" in site.titles()


def test_told_pass_looks_at_what_it_is_told_of_and_at_nothing_else(
    plain: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = plain.seed("1.txt", number=1, title="Told")
    plain.seed("2.txt", number=2, title="Untold")
    with monkeypatch.context() as patch:
        patch.setattr(due_seeds, "list_plain", pytest.fail)
        patch.setattr(due_seeds, "scan", pytest.fail)
        report = publish(plain, told)
    assert (report.seeds, report.read, report.changed) == (4, 1, 1)
    assert sorted(plain.titles()) == ["Story 2", "Story 3", "Story 4", "Told"]
    plain.publish()
    assert sorted(plain.titles()) == ["Story 3", "Story 4", "Told", "Untold"]


def test_told_pass_asks_the_store_for_nothing_that_costs_all_seeds(
    plain: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    make = Store.__init__

    def noting(store: Store, connection: sqlite3.Connection) -> None:
        make(store, connection)
        connection.set_trace_callback(asked.append)

    plain.configure('[[digests]]\nname = "Daily"\n')
    plain.publish()
    monkeypatch.setattr(Store, "__init__", noting)
    new = plain.seed("5.txt", number=5)
    edited = plain.seed("1.txt", number=1, title="Told")
    (plain.seeds / "2.txt").unlink()
    assert publish(plain, new, edited, plain.seeds / "2.txt").changed == 2
    steps: dict[str, str] = {}
    with closing(sqlite3.connect(plain.state)) as store:
        for query in asked:
            # One row of a table, whichever, costs nothing.
            if re.match(r"\s*(SELECT(?! 1 FROM \w+ LIMIT 1)|UPDATE|DELETE|INSERT)", query):
                plan = store.execute(f"EXPLAIN QUERY PLAN {query}").fetchall()
                steps |= dict.fromkeys((step for *_, step in plan), query)
    scans = rf"SCAN ({'|'.join(LARGE)})\b(?!.*({'|'.join(FEW)}))"
    assert [query for step, query in steps.items() if re.match(scans, step)] == []
    assert any(step.startswith("SEARCH seed USING") for step in steps)


def test_told_file_that_went_and_came_back_as_it_was_is_not_overlooked(plain: Site) -> None:
    seed = plain.seeds / "1.txt"
    seed.rename(plain.root / "aside")
    assert publish(plain, seed).gone == 1
    (plain.root / "aside").rename(seed)
    assert plain.publish().items == 4


def test_told_file_that_a_look_did_not_come_by_is_not_forgotten(
    plain: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed, looks = plain.seeds / "1.txt", list[int]()

    def overlooking(*arguments: Any) -> Iterator[ScannedFile]:
        looks.append(1)
        return iter(()) if len(looks) == 1 else scan_below(*arguments)

    monkeypatch.setattr(changed_paths, "scan_below", overlooking)
    assert (publish(plain, seed).gone, len(looks)) == (0, 2)


def test_told_folder_stands_for_all_below_it(plain: Site) -> None:
    plain.seed("x/a.txt", number=5)
    plain.seed("x/y/b.txt", number=6)
    assert publish(plain, plain.seeds / "x").read == 2
    (plain.seeds / "x").rename(plain.seeds / "z")
    report = publish(plain, plain.seeds / "x", plain.seeds / "z")
    assert (report.read, report.gone, report.items) == (2, 2, 6)
    shutil.rmtree(plain.seeds / "z")
    assert publish(plain, plain.seeds / "z").gone == 2


def test_told_paths_that_no_scan_reaches_are_passed_over_with_a_warning(plain: Site) -> None:
    said: list[str] = []
    paths = [plain.root / "README.md", plain.seeds / ".hidden/1.txt", plain.seeds / "picture.png"]
    options = Options(changed=frozenset(map(str, paths)))
    report = plain.publish(options=options, callbacks=Callbacks(warn=said.append))
    assert (report.seeds, report.read, report.written) == (4, 0, [])
    (warning,) = said
    assert warning.startswith("2 of the changed paths are in no folder of paths.seeds, or hidden")
    assert warning.endswith(": README.md, seeds/.hidden/1.txt")


def symbolic(site: Site) -> Path:
    (site.seeds / "0.txt").symlink_to(site.seeds / "1.txt")
    return site.seeds / "0.txt"


def hard(site: Site) -> Path:
    (site.seeds / "0.txt").hardlink_to(site.seeds / "1.txt")
    return site.seeds / "0.txt"


def to_a_folder(site: Site) -> Path:
    site.seed("x/1.txt", number=9)
    (site.seeds / "w").symlink_to(site.seeds / "x")
    return site.seeds / "w/1.txt"


@pytest.mark.parametrize("link", [symbolic, hard, to_a_folder])
def test_told_of_a_link_a_pass_looks_at_everything(
    plain: Site, link: Callable[[Site], Path]
) -> None:
    assert everything_is_looked_at(plain, link(plain))
    # And as long as it is there.
    plain.seed("3.txt", number=3, title="Also untold")
    publish(plain, plain.seeds / "1.txt")
    assert "Also untold" in plain.titles()


@pytest.mark.parametrize(
    "path",
    [lambda site: site.seeds, lambda site: site.root, lambda _: Path("/")],
    ids=["a folder of paths.seeds", "one above it", "the root"],
)
def test_told_of_all_folders_a_pass_looks_at_everything(
    plain: Site, path: Callable[[Site], Path]
) -> None:
    assert everything_is_looked_at(plain, path(plain))


def test_told_with_another_configuration_of_seeds_a_pass_looks_at_everything(plain: Site) -> None:
    plain.configure('timezone = "Europe/Berlin"\n')
    assert publish(plain).read == 4


def test_told_of_a_path_with_a_problem_a_pass_looks_at_everything_once(plain: Site) -> None:
    large = plain.write("0.txt", b"x" * (1 << 20) + b"x")
    assert everything_is_looked_at(plain, large)
    plain.seed("2.txt", number=2, title="Still untold")
    told = plain.seed("1.txt", number=1, title="Told")
    report = publish(plain, told)
    assert (report.seeds, [one.path for one in report.problems]) == (5, ["seeds/0.txt"])
    assert ("Told" in plain.titles(), "Still untold" in plain.titles()) == (True, False)
    plain.seed("0.txt", number=10)
    report = publish(plain, large)
    assert (report.seeds, report.items, report.problems) == (5, 5, [])


def test_told_removal_of_too_much_is_pending_until_it_is_allowed(site: Site) -> None:
    for number in range(30):
        site.seed(f"{number % 2}/{number}.txt", number=number)
    for number in range(100, 140):
        site.seed(f"2/{number}.txt", number=number)
    site.publish()
    some = [site.seeds / f"0/{number}.txt" for number in range(0, 30, 2)]
    for seed in some:
        seed.unlink()
    assert publish(site, *some).gone == 15  # fewer than 20
    others = [site.seeds / f"2/{number}.txt" for number in range(100, 121)]
    for seed in others:
        seed.unlink()
    report = publish(site, *others)
    assert (report.gone, [(one.folder, one.stories) for one in report.held]) == (
        0,
        [("seeds/2", 21)],
    )
    told = site.seed("1/1.txt", number=1, title="Told")
    assert publish(site, told).held == report.held
    assert publish(site, told, allow_empty=True).gone == 21


def test_told_removal_of_the_last_seed_of_a_folder_is_pending(site: Site) -> None:
    (site.root / "more").mkdir()
    site.configure('[paths]\nseeds = ["seeds", "more"]\n')
    site.seed("1.txt", number=1)
    last = site.seed("2.txt", number=2).rename(site.root / "more/2.txt")
    site.publish()
    last.unlink()
    assert [one.folder for one in publish(site, last).held] == ["more"]


def test_told_pass_reads_what_a_young_file_says_later(plain: Site) -> None:
    seed = plain.seed("1.txt", number=1, title="Early")
    os.utime(seed, (4_000_000_000, 4_000_000_000))
    publish(plain, seed)
    seed.write_text(seed.read_text().replace("Early", "Later"))
    os.utime(seed, (4_000_000_000, 4_000_000_000))
    plain.publish()
    assert "Later" in plain.titles()


def test_told_pass_reads_again_in_full_only_if_everything_is(plain: Site) -> None:
    assert publish(plain, plain.seeds / "1.txt", full=True).read == 4


@pytest.mark.parametrize(
    ("path", "found"),
    [
        pytest.param("s/a.txt", ["s/a.txt"], id="relative"),
        pytest.param("s/x/", ["s/x"], id="a folder"),
        pytest.param("s/x/../b.txt", ["s/b.txt"], id="by the folder above"),
        pytest.param("s/x/.", ["s/x"], id="itself"),
        pytest.param("other/s/a.txt", ["s/a.txt"], id="by a link to a folder above"),
        pytest.param("s/gone/a.txt", ["s/gone/a.txt"], id="in a folder that is gone"),
        pytest.param("s/\udcff.txt", ["s/\udcff.txt"], id="not UTF-8"),
        pytest.param("s/.x/a.txt", [], id="in a hidden folder"),
        pytest.param("s/.a.txt", [], id="hidden"),
        pytest.param("sea/a.txt", [], id="of a folder with a longer name"),
        pytest.param("s/link.txt", None, id="a link"),
        pytest.param("s/link/a.txt", None, id="by a link"),
        pytest.param("s", None, id="a folder of seeds"),
        pytest.param("other/s/", None, id="a folder of seeds by a link"),
        pytest.param(".", None, id="a folder above it"),
        pytest.param("..", None, id="one above that"),
    ],
)
def test_told_paths_are_named_as_a_scan_names_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, found: list[str] | None
) -> None:
    (tmp_path / "top/s/x").mkdir(parents=True)
    (tmp_path / "top/s/link").symlink_to("x")
    (tmp_path / "top/s/link.txt").symlink_to("nowhere")
    (tmp_path / "top/other").symlink_to(".")
    monkeypatch.chdir(tmp_path / "top")
    below = find_below([path], [tmp_path / "top/s"])
    assert (below and below.paths) == (
        None if found is None else [str(tmp_path / "top" / one) for one in found]
    )
    assert below is None or below.outside == ([] if below.paths else [path])


def test_told_paths_below_others_are_named_once_and_as_the_configuration_does(
    tmp_path: Path,
) -> None:
    (tmp_path / "real/x").mkdir(parents=True)
    (tmp_path / "s").symlink_to("real")
    paths = [str(tmp_path / one) for one in ("s/x/b.txt", "real/x", "s/x-y", "s/x.txt")]
    below = find_below(paths, [tmp_path / "s"])
    assert below is not None
    assert below.paths == [str(tmp_path / one) for one in ("s/x", "s/x-y", "s/x.txt")]


NAMES = ["a.txt", "b.md", "x/a.txt", "x/y/b.txt", "x/note", "x/.c.txt", "z.txt/a.txt"]
FOLDERS = ["x", "z.txt", "x/y", ".w"]
EDITS = st.tuples(
    st.sampled_from(
        [
            *("write", "write", "write", "break", "remove", "move", "drop-folder", "move-folder"),
            *("link", "link-folder", "second-name", "too-large"),
        ]
    ),
    st.integers(0, 6),
    st.integers(0, 6),
)


def edit(site: Site, kind: str, one: int, other: int) -> list[Path]:
    """Edits the seeds, if that can be done; returns the paths of what came, changed or went."""
    path, second = site.seeds / NAMES[one], site.seeds / NAMES[other]
    folder, target = site.seeds / FOLDERS[one % 4], site.seeds / FOLDERS[other % 4]
    with suppress(OSError):
        for parent in (path.parent, second.parent, target.parent):
            parent.mkdir(parents=True, exist_ok=True)
        if kind in ("write", "break", "too-large", "remove", "link"):
            path.unlink(missing_ok=True)
        match kind:
            case "write":
                title, topics = f"{one} {other}", [f"T{other % 3}"]
                site.seed(NAMES[one], number=other, title=title, topics=topics)
            case "break":
                site.write(NAMES[one], "---\ntitle: [\n---\n")
            case "too-large":
                site.write(NAMES[one], b"x" * (1 << 20) + b"x")
            case "move":
                path.rename(second)
            case "drop-folder":
                shutil.rmtree(folder)
            case "move-folder" if not target.exists():
                folder.rename(target)
            case "link":
                path.symlink_to(second)
            case "link-folder":
                target.symlink_to(folder)
            case "second-name":
                second.hardlink_to(path)
    return [path, second, folder, target]


@settings(max_examples=settings().max_examples // 10)
@given(st.lists(st.lists(EDITS, min_size=1, max_size=5), min_size=1, max_size=4))
def test_told_passes_publish_what_passes_over_everything_do(
    histories: list[list[tuple[str, int, int]]],
) -> None:
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        site = Site(Path(folder) / "site")
        site.configure("[images]\nfetch = 'off'\n")
        site.seed("first.txt", number=9)
        whole = site.load()
        elsewhere = {"out": site.root / "whole", "state": site.root / "whole.db"}
        config = replace(whole.config, paths=replace(whole.config.paths, **elsewhere))
        whole = whole._replace(config=config)
        for hours, edits in enumerate([[], *histories]):
            paths = [str(path) for one in edits for path in edit(site, *one)]
            now = NOW + hours * HOUR
            one = site.publish(now, Options(changed=frozenset(paths)))
            all_ = publish_feeds(whole, clock=partial(datetime.fromtimestamp, now.timestamp(), UTC))
            assert site.documents() == documents_in(site.root / "whole")
            assert (one.problems, one.held) == (all_.problems, all_.held)
            assert (one.seeds, one.items, one.read) == (all_.seeds, all_.items, all_.read)
            assert (one.changed, one.gone) == (all_.changed, all_.gone)
