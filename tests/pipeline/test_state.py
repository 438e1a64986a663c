"""The memos of the last pass on seeds: documented, each of use, and none kept for too long.

For every memo a test shows which work it saves, and another that it is given up in time.
"""

from __future__ import annotations

import ast
import os
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from feeds import pipeline
from feeds.common.reports import Callbacks, Options
from feeds.pipeline import due_seeds, rescan
from feeds.pipeline.state import PassState
from feeds.seeds import read
from feeds.store import Store
from tests.support.site import NOW, Site
from tests.support.spying import spy

_TABLE = Path(__file__).parent.parent.parent / "docs/internals/incremental.md"
# By a clock that is ahead: a file with this mtime is never old enough to be trusted.
YOUNG = 4_000_000_000
OLD = 1_500_000_000


MEMOS = PassState._fields


def test_state_and_documentation_list_the_same_memos() -> None:
    lines = _TABLE.read_text().splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("| `")]
    assert tuple(name.strip("`") for name, *_ in rows) == MEMOS
    # What it covers, who clears it, and where it is kept.
    assert [row for row in rows if len(row) != 4 or not all(row)] == []


@pytest.mark.parametrize("claim", ["saves?_", "(is|are)_cleared_"])
def test_every_memo_has_a_test_that_it_saves_work_and_one_that_it_is_cleared(claim: str) -> None:
    text = "".join(file.read_text() for file in Path(__file__).parent.glob("test_*.py"))
    untested = [
        memo for memo in MEMOS if not re.search(f"^def test_{memo}_{claim}", text, re.MULTILINE)
    ]
    assert untested == []


def test_every_memo_is_read_by_a_pass() -> None:
    package = Path(pipeline.__file__).parent
    trees = [ast.parse(path.read_bytes()) for path in package.glob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    assert set(MEMOS) <= {node.attr for node in nodes if isinstance(node, ast.Attribute)}


def rewrite(path: Path, old: str, new: str, mtime: float) -> None:
    """Changes a file in place, and gives it an mtime in seconds."""
    path.write_text(path.read_text().replace(old, new))
    os.utime(path, (mtime, mtime))


# listing


def test_listing_saves_the_look_at_the_table_of_seeds(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.seed("a.txt", number=1)
    site.seed("b/b.txt", number=2)
    site.publish()
    asked = spy(monkeypatch, Store, "seed_fingerprints")
    report = site.publish()
    assert (report.seeds, report.read, report.changed, report.gone) == (2, 0, 0, 0)
    assert asked == []


@pytest.mark.parametrize("name", ["b.txt", "c.txt"], ids=["edited", "new"])
def test_listing_saves_the_look_at_the_seeds_of_other_folders(
    site: Site, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    site.seed("a.txt", number=1)
    site.seed("b/b.txt", number=2)
    site.seed("b/c/c.txt", number=3)
    site.publish()
    site.seed(f"b/{name}", number=4)
    asked = spy(monkeypatch, Store, "seed_fingerprints")
    assert site.publish().read == 1
    assert [folder for _, _, folder in asked] == [str(site.seeds / "b")]
    assert site.documents() == site.fresh()


@pytest.mark.parametrize(("gone", "folder"), [("b/b.txt", "b"), ("b/c/c.txt", "b/c")])
def test_listing_saves_the_look_at_the_seeds_of_other_folders_when_one_goes(
    site: Site, monkeypatch: pytest.MonkeyPatch, gone: str, folder: str
) -> None:
    site.seed("a.txt", number=1)
    site.seed("b/b.txt", number=2)
    site.seed("b/c/c.txt", number=3)
    site.publish()
    (site.seeds / gone).unlink()
    if folder == "b/c":
        (site.seeds / folder).rmdir()
    asked, scans = spy(monkeypatch, Store, "seed_fingerprints"), spy(monkeypatch, due_seeds, "scan")
    assert site.publish().gone == 1
    assert [one for _, _, one in asked] == [str(site.seeds / folder)]
    assert scans == []
    assert site.documents() == site.fresh()


def test_listing_saves_the_look_at_the_table_of_seeds_with_links(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed = site.seed("a.txt", number=1)
    (site.seeds / "b.txt").symlink_to(seed)
    site.publish()
    asked = spy(monkeypatch, Store, "seed_fingerprints")
    assert site.publish().seeds == 1
    assert asked == []


def test_listing_is_cleared_by_files_that_come_and_go(site: Site) -> None:
    site.seed("a.txt", number=1)
    site.publish()
    other = site.seed("b.txt", number=2)
    site.publish()
    assert sorted(site.titles()) == ["Story 1", "Story 2"]
    other.unlink()  # now the files are those of the first pass again
    site.publish()
    assert site.titles() == ["Story 1"]


def test_listing_is_cleared_by_a_folder_that_goes(site: Site) -> None:
    site.seed("a.txt", number=1)
    other = site.seed("b/b.txt", number=2)
    site.publish()
    other.rename(site.seeds / "b.txt")
    other.parent.rmdir()
    site.publish()
    assert sorted(site.titles()) == ["Story 1", "Story 2"]
    (site.seeds / "b.txt").unlink()
    site.publish()
    assert site.titles() == ["Story 1"]


def test_listing_is_cleared_by_a_second_name_and_by_its_end(site: Site) -> None:
    first, second = site.seed("a/a.txt", number=1), site.seeds / "b/b.txt"
    second.parent.mkdir()
    site.publish()
    os.link(first, second)
    assert site.publish().seeds == 1
    first.unlink()
    assert site.publish().seeds == 1
    assert site.documents() == site.fresh()
    os.link(second, first)
    second.unlink()
    assert site.publish().gone == 1
    assert site.documents() == site.fresh()


def test_listing_is_cleared_while_a_file_is_young(site: Site) -> None:
    seed = site.seed(title="Early")
    os.utime(seed, (YOUNG, YOUNG))
    site.publish()
    rewrite(seed, "Early", "Later", YOUNG)
    site.publish()
    assert site.titles() == ["Later"]


def test_listing_is_cleared_while_a_path_has_a_problem(site: Site) -> None:
    site.seed("a.txt", number=1)
    (site.seeds / "b.txt").symlink_to("nowhere")
    problems = site.publish().problems
    assert [one.path for one in problems] == ["seeds/b.txt"]
    assert site.publish().problems == problems


# plain


def test_plain_saves_the_look_at_folders_for_a_pass_that_is_told_paths(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed = site.seed("a.txt", number=1)
    site.publish()
    told = Options(changed=frozenset([str(seed)]))
    looks = spy(monkeypatch, due_seeds, "list_plain")
    site.publish(options=told)
    assert looks == []
    with closing(sqlite3.connect(site.state)) as state, state:
        state.execute("DELETE FROM fact WHERE name = 'plain'")
    for _ in range(2):  # the first look at everything, quiet as it is, is enough
        site.publish(options=told)
    assert len(looks) == 1


def test_plain_is_cleared_by_a_link_and_void_for_other_folders(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed = site.seed("a.txt", number=1)
    site.publish()
    (site.seeds / "b.txt").symlink_to(seed)
    site.publish()
    told = Options(changed=frozenset([str(seed)]))
    looks = spy(monkeypatch, due_seeds, "list_plain")
    site.publish(options=told)
    (site.seeds / "b.txt").unlink()
    site.publish(options=told)
    assert len(looks) == 2
    site.publish(options=told)
    (site.root / "more").mkdir()
    site.configure('[paths]\nseeds = ["seeds", "more"]\n')
    site.publish(options=told)
    assert len(looks) == 3


# seed_fingerprints


def test_seed_fingerprints_save_the_reading_of_seeds_that_did_not_change(site: Site) -> None:
    site.seed("a.txt", number=1)
    site.seed("b.txt", number=2)
    site.publish()
    site.seed("b.txt", number=2, title="Edited")
    report = site.publish()
    assert (report.seeds, report.read, report.changed) == (2, 1, 1)


def test_seed_fingerprints_are_cleared_while_a_file_is_young(site: Site) -> None:
    site.seed("a.txt", number=1)
    young = site.seed("b.txt", number=2, title="Early")
    os.utime(young, (YOUNG, YOUNG))
    site.publish()
    rewrite(young, "Early", "Later", YOUNG)
    report = site.publish()
    assert (report.read, report.changed) == (1, 1)
    assert "Later" in site.titles()


def test_seed_fingerprints_are_cleared_by_another_way_to_read(site: Site) -> None:
    site.seed("a.txt", number=1, title="â€œQuoteâ€\x9d")
    site.publish()
    assert site.titles() == ["“Quote”"]
    site.configure("[text]\nrepair = false\n")
    assert site.publish().read == 1
    assert site.documents() == site.fresh()
    assert site.titles() != ["“Quote”"]


# seed_contents


def test_seed_contents_save_the_parsing_of_files_that_were_only_touched(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed = site.seed()
    site.publish()
    parsed = spy(monkeypatch, read, "parse")
    os.utime(seed, (OLD, OLD))
    report = site.publish()
    assert (report.read, report.changed, parsed) == (1, 0, [])


def test_seed_contents_save_the_parsing_while_other_files_go(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed, other = site.seed("a.txt", number=1), site.seed("b.txt", number=2)
    site.publish()
    parsed = spy(monkeypatch, read, "parse")
    os.utime(seed, (OLD, OLD))
    other.unlink()
    report = site.publish()
    assert (report.read, report.changed, report.gone, parsed) == (1, 0, 1, [])


def test_seed_contents_are_cleared_by_other_bytes(site: Site) -> None:
    for title in ("Early", "Later", "Early"):
        site.seed(title=title)
        assert site.publish().changed == 1
        assert site.titles() == [title]


def test_seed_contents_are_cleared_by_another_way_to_read(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.seed()
    site.publish()
    parsed = spy(monkeypatch, read, "parse")
    monkeypatch.setattr(due_seeds, "PARSER_VERSION", 99)
    site.publish()
    assert len(parsed) == 1


# readings


def cut(site: Site, after: int) -> None:
    """Runs a pass that ends once it has read so many seeds, each of which it keeps at once."""

    def progress(_: str, done: int, __: int) -> None:
        if done == after:
            raise InterruptedError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rescan, "_KEEP_SECONDS", 0.0)
        patch.setattr(read, "_CHUNK_SECONDS", -1.0)
        with pytest.raises(InterruptedError):
            site.publish(callbacks=Callbacks(progress))


def test_readings_save_the_parsing_of_what_a_pass_cut_short_has_read(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        site.seed(f"{number}.txt", number=number)
    cut(site, 2)
    parsed = spy(monkeypatch, read, "parse")
    assert site.publish().read == 3
    assert [shown for shown, *_ in parsed] == ["seeds/2.txt"]
    assert site.documents() == site.fresh()


def test_readings_are_cleared_by_an_edit_before_the_next_pass(site: Site) -> None:
    site.seed(title="Early")
    cut(site, 1)
    site.seed(title="Later")
    site.publish()
    assert site.titles() == ["Later"]


def test_readings_are_cleared_by_another_way_to_read(site: Site) -> None:
    site.seed(title="â€œQuoteâ€\x9d")
    cut(site, 1)
    site.configure("[text]\nrepair = false\n")
    site.publish()
    assert site.titles() != ["“Quote”"]


def test_readings_are_cleared_by_the_pass_that_publishes_them(site: Site) -> None:
    seed = site.seed(title="Early")
    site.publish()
    os.utime(seed, (OLD, OLD))
    cut(site, 1)  # it read that the bytes are those of the first pass
    site.publish()
    rewrite(seed, "Early", "Later", OLD + 1)
    site.publish()
    assert site.titles() == ["Later"]
    rewrite(seed, "Later", "Early", OLD)
    site.publish()
    assert site.titles() == ["Early"]


# held


def unmount(site: Site) -> Path:
    """Publishes 24 stories, then takes their folder away; returns where it is now."""
    for number in range(24):
        site.seed(f"disk/{number:02}.txt", number=number)
    site.seed("a.txt", number=30)
    site.publish()
    return (site.seeds / "disk").rename(site.root / "away")


def test_held_saves_the_second_look_for_files_that_are_gone(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    unmount(site)
    looks = spy(monkeypatch, due_seeds, "list_plain")
    for count in (2, 3):
        assert [one.stories for one in site.publish().held] == [24]
        assert len(looks) == count
    site.seed("b.txt", number=31)
    assert [one.stories for one in site.publish().held] == [24]
    assert len(looks) == 4
    assert len(site.titles()) == 26


def test_held_is_cleared_by_files_that_are_back(site: Site) -> None:
    away = unmount(site)
    site.publish()
    away.rename(site.seeds / "disk")
    assert site.publish().held == []
    (site.seeds / "disk/00.txt").unlink()
    assert site.publish().gone == 1
    assert "Story 0" not in site.titles()


def test_held_is_cleared_by_leave_to_empty(site: Site) -> None:
    unmount(site)
    site.publish()
    report = site.publish(NOW, Options(allow_empty=True))
    assert (report.held, report.gone) == ([], 24)
    assert site.titles() == ["Story 30"]


def test_held_is_cleared_for_a_folder_that_leaves_the_configuration(site: Site) -> None:
    unmount(site)
    site.publish()
    (site.root / "other").mkdir()
    (site.seeds / "a.txt").rename(site.root / "other/a.txt")
    site.configure('[paths]\nseeds = ["other"]\n')
    report = site.publish()
    assert (report.held, site.titles()) == ([], ["Story 30"])
