"""``feeds export``: what its flags do, and what it refuses to do."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from feeds.common.errors import PublishError, SeedsFolderError
from feeds.render.environment import asset_paths
from tests.support.site import Site

TOPIC = "topics/ai"
FORMATS = ("atom", "html", "json", "rss")
DOCUMENTS = [
    f"{feed}.{ending}" for feed in ("all", "providers/example.com", TOPIC) for ending in FORMATS
]
PAGES = [
    *("404.html", "feeds.html", "follow.html", "index.html", "robots.txt", "sitemap.xml"),
    *(f"assets/{name}" for name in ("feed.css", "icon.svg", "site.js", "style.css")),
    *asset_paths(()).values(),
]


def start(site: Site) -> subprocess.Popen[str]:
    """Starts ``feeds export`` in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "feeds", "export"],
        cwd=site.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_export_says_what_it_did(site: Site) -> None:
    site.seed()
    site.seed("b.txt", number=2, quality=500)
    ran = site.run("export")
    first, second, _ = ran.out.splitlines()
    assert first == "2 seeds (2 read, 0 gone, 1 bad), 1 items"
    assert second.startswith(f"3 feeds in {site.out}: 27 documents written, 0 removed, 0 unchanged")
    assert ran.err.startswith("seeds/b.txt:6:10: error: quality: found '500', wanted an integer")
    assert "0 documents written, 0 removed, 27 unchanged" in site.run("export").out


def test_export_says_as_much_as_is_wanted(site: Site) -> None:
    site.seed()
    assert site.run("export", "--quiet") == (0, "", "")
    site.seed(quality=39)
    lines = site.run("export", "--verbose").out.splitlines()
    assert {"wrote all.atom", "wrote index.html"} <= set(lines)
    site.seed("b.txt", quality=500)
    quiet = site.run("export", "-q")
    assert (quiet.code, quiet.out) == (0, "")
    assert quiet.err.startswith("seeds/b.txt:6:10: error")
    assert site.run("export", "-q", "--dry-run").out == ""


def test_export_dry_run_on_a_new_site_writes_nothing_at_all(site: Site) -> None:
    site.seed()
    before = site.files()
    ran = site.run("export", "--dry-run")
    assert site.files() == before
    assert [line for line in ran.out.splitlines() if line.startswith("would write ")] == sorted(
        f"would write {name}" for name in [*DOCUMENTS, "feeds.opml", *PAGES]
    )
    assert "27 documents would be written, 0 would be removed" in ran.out


def test_export_dry_run_foretells_what_the_next_run_does(site: Site) -> None:
    site.seed()
    site.seed("b.txt", number=2, topics=["Art"])
    site.run("export")
    site.seed("c.txt", number=3, topics=["Music"])
    (site.seeds / "b.txt").unlink()
    before = site.files()
    foretold = site.run("export", "--dry-run", "--json").report()
    assert site.files() == before
    done = site.run("export", "--json").report()
    assert (foretold["dry_run"], done["dry_run"]) == (True, False)
    for key in ("written", "removed", "unchanged", "feeds", "items", "read", "gone"):
        assert done[key] == foretold[key]
    assert foretold["removed"] == [f"topics/art.{one}" for one in FORMATS]


def test_export_dry_run_after_a_crash_touches_nothing(site: Site) -> None:
    site.seed()
    site.run("export")
    site.spoil_state()
    (site.out / ".all.atom.feeds-tmp").write_bytes(b"half")
    before = site.files()
    assert site.run("export", "--dry-run").code == 0
    assert site.files() == before


def test_export_out_goes_before_the_configuration(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.seed()
    (site.root / "elsewhere").mkdir()
    monkeypatch.chdir(site.root / "elsewhere")
    report = site.run("export", "--out", "public", "--json").report()
    assert report["out"] == str(site.root / "elsewhere/public")
    assert (site.root / "elsewhere/public/all.atom").exists()
    assert not site.out.exists()
    site.run("export")
    assert site.read("all.atom") == (site.root / "elsewhere/public/all.atom").read_bytes()
    (site.root / "elsewhere/public/all.atom").unlink()
    assert site.run("export", "--out", "public", "--json").report()["written"] == ["all.atom"]


def test_export_out_may_have_a_name_that_is_not_utf8(site: Site) -> None:
    site.seed()
    out = os.fsdecode(os.fsencode(site.root) + b"/\xff")
    ran = site.run("export", "--out", out, "--json")
    assert ran.code in {0, PublishError.exit_code}
    assert ran.code or (Path(out) / "all.atom").exists()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        pytest.param({}, 0, id="nothing"),
        pytest.param({"heat": "hot"}, 1, id="warning"),
        pytest.param({"quality": None}, 1, id="error"),
        pytest.param({"originalUrl": "https://news.example.com/stories/1"}, 1, id="duplicate"),
        pytest.param({"published": False, "unknown": "x", "secured": "x"}, 0, id="no problem"),
    ],
)
def test_export_strict_tells_by_its_code_of_problems_and_publishes(
    changes: dict[str, Any], code: int, site: Site
) -> None:
    site.seed()
    site.seed("b.txt", number=2, **changes)
    for _ in range(2):  # in every pass until it is mended, not only when it is read
        assert site.run("export", "--strict").code == code
        assert site.run("export").code == 0
    assert json.loads(site.read("all.json"))["items"]


def test_export_full_reads_every_seed_and_changes_nothing(site: Site) -> None:
    for number in range(3):
        site.seed(f"{number}.txt", number=number)
    site.run("export")
    before = site.tree()
    report = site.run("export", "--full", "--json").report()
    assert (report["read"], report["written"]) == (3, [])
    assert site.run("export", "--json").report()["read"] == 0
    assert site.tree() == before


def test_export_full_sees_a_change_that_left_no_trace(site: Site) -> None:
    path = site.seed(title="Old")
    site.run("export")
    status = path.stat()
    with path.open("r+b") as file:
        file.write(path.read_bytes().replace(b"Old", b"New"))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert b"Old" in site.read("all.json")
    site.run("export", "--full")
    assert b"New" in site.read("all.json")


@pytest.mark.parametrize("is_known", [True, False], ids=["with state", "state lost"])
def test_export_does_not_empty_the_feeds_until_it_is_allowed(site: Site, *, is_known: bool) -> None:
    path = site.seed()
    site.run("export")
    before = site.tree()
    path.unlink()
    if not is_known:
        shutil.rmtree(site.root / ".feeds")
    for flags, code in (([], 0), (["--full"], 0), (["--strict"], 1)):
        ran = site.run("export", "--json", *flags)
        if not is_known:
            assert (ran.code, ran.out) == (PublishError.exit_code, "")
            assert str(site.seeds) in ran.err
        else:
            assert ran.code == code
            assert ran.report()["held"] == [{"folder": "seeds", "stories": 1}]
        assert "--allow-empty" in ran.err
        assert site.tree() == before
    assert site.run("export", "--allow-empty").code == 0
    assert json.loads(site.read("all.json"))["items"] == []
    assert not (site.out / f"{TOPIC}.atom").exists()
    assert site.run("export").code == 0


def test_export_of_a_site_without_any_seed_yet_is_allowed(site: Site) -> None:
    assert site.run("export").code == 0
    assert json.loads(site.read("all.json"))["items"] == []


@pytest.mark.parametrize("content", ["", "---\n", "no seed"])
def test_export_keeps_the_feeds_when_every_seed_breaks(content: str, site: Site) -> None:
    site.seed()
    site.run("export")
    before = site.tree()
    site.write("a.txt", content)
    assert site.run("export").code == 0
    assert site.tree() == before


def publish_two_folders(site: Site) -> Path:
    """Publishes a site whose seeds lie in two folders; returns the second."""
    site.configure('[paths]\nseeds = ["seeds", "disk/seeds"]')
    site.seed()
    site.seed("../disk/seeds/b.txt", number=2)
    assert site.run("export").code == 0
    return site.root / "disk/seeds"


def test_export_keeps_the_stories_of_a_folder_that_is_not_mounted(site: Site) -> None:
    second = publish_two_folders(site)
    before = site.tree()
    (second / "b.txt").rename(site.root / "b.txt")
    ran = site.run("export")
    assert ran.code == 0
    assert "disk/seeds: the files of too many stories are gone" in ran.err
    assert site.tree() == before
    (site.root / "b.txt").rename(second / "b.txt")
    ran = site.run("export")
    assert (ran.code, ran.err) == (0, "")
    assert site.tree() == before


def test_export_refuses_when_one_of_two_folders_is_gone(site: Site) -> None:
    second = publish_two_folders(site)
    before = site.tree()
    shutil.rmtree(second)
    ran = site.run("export", "--allow-empty")
    assert ran.code == SeedsFolderError.exit_code
    assert "cannot list the seeds folder disk/seeds" in ran.err
    assert site.tree() == before


def test_export_lets_a_folder_go_that_is_no_longer_configured(site: Site) -> None:
    publish_two_folders(site)
    site.configure("")
    assert site.run("export").code == 0
    assert len(json.loads(site.read("all.json"))["items"]) == 1


def test_export_waits_for_another_and_says_for_whom(site: Site) -> None:
    site.seed()
    site.out.mkdir()
    with (site.out / ".feeds.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("process 4711 (since noon)\n")
        lock.flush()
        with start(site) as process:
            assert process.stderr is not None
            told = process.stderr.readline()
            assert told == (
                f"feeds: waiting for process 4711 (since noon), which publishes to {site.out}\n"
            )
            assert site.tree() == {}
            fcntl.flock(lock, fcntl.LOCK_UN)
            out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert "27 documents written" in out


def test_export_three_times_at_once_is_as_good_as_once(site: Site) -> None:
    for number in range(20):
        site.seed(f"{number}.txt", number=number)
    processes = [start(site) for _ in range(3)]
    ends = [(*process.communicate(timeout=60), process.returncode) for process in processes]
    assert [code for *_, code in ends] == [0, 0, 0]
    assert sorted("27 documents written" in out for out, *_ in ends) == [False, False, True]
    at_once = site.tree()
    shutil.rmtree(site.out)
    shutil.rmtree(site.state.parent)
    site.run("export")
    assert {name: data for name, (data, _) in site.tree().items()} == {
        name: data for name, (data, _) in at_once.items()
    }


@pytest.mark.parametrize("name", ["feeds.opml", "all.atom", f"{TOPIC}.json"])
def test_export_leaves_a_file_of_others_in_its_way_alone(name: str, site: Site) -> None:
    site.seed()
    foreign = site.out / name
    foreign.parent.mkdir(parents=True)
    foreign.write_text("mine", encoding="utf-8")
    ran = site.run("export")
    assert ran.code == PublishError.exit_code
    assert f"{foreign} is in the way" in ran.err
    assert foreign.read_text(encoding="utf-8") == "mine"
    assert [path for path in site.tree() if not path.startswith(".")] == [name]
    foreign.unlink()
    assert site.run("export").code == 0


@pytest.mark.parametrize(
    ("toml", "file", "words"),
    [
        ('out = "config.toml/out"', "", "cannot write to "),
        ("", "out/topics", "cannot publish: "),
        ("", "out/.feeds-manifest.json", "is damaged"),
        ('state = "config.toml/state.db"', "", "cannot make "),
    ],
)
def test_export_says_why_it_cannot_publish(toml: str, file: str, words: str, site: Site) -> None:
    site.configure(f"[paths]\n{toml}")
    site.seed()
    for name in filter(None, [file]):
        site.write(f"../{name}", "mine")
    before = site.tree()
    ran = site.run("export", "--json")
    assert (ran.code, ran.out) == (PublishError.exit_code, "")
    assert ran.err.startswith("feeds: ")
    assert words in ran.err
    assert [name for name in site.tree() if not name.startswith(".")] == [
        name for name in before if not name.startswith(".")
    ]


def test_export_tells_how_many_items_were_left_out(site: Site) -> None:
    site.configure("[selection]\nmax_items = 1\nmax_exposed = 1")
    site.seed(publishedDateTime="2021-05-01T00:00:00Z")
    site.run("export")
    for number in range(2, 6):
        site.seed(f"{number}.txt", number=number, publishedDateTime=f"2021-04-0{number}T00:00:00Z")
    ran = site.run("export")
    assert f"feeds: {TOPIC}: 3 recently qualified items were left out" in ran.err


def test_export_publishes_beside_a_seed_whose_provider_makes_no_file_name(site: Site) -> None:
    site.seed()
    site.seed("b.txt", number=2, provider={"domain": ".".join(["a" * 49] * 5)})
    site.run("export")
    assert b"Story 1" in site.read("all.json")


# --changed


@pytest.mark.parametrize(
    ("end", "flags"),
    [(b"\n", []), (b"\0", ["-0"]), (b"\0", ["--null"])],
    ids=["lines", "-0", "NUL"],
)
def test_export_is_told_of_changes_on_standard_input(
    site: Site, end: bytes, flags: list[str]
) -> None:
    for number in (1, 2):
        site.seed(f"{number} \n.txt" if end == b"\0" else f"{number}.txt", number=number)
    site.publish()
    names = sorted(one.name for one in site.seeds.iterdir())
    for number, name in enumerate(names, 1):
        site.seed(name, number=number, title=f"Edited {number}")
    command = [sys.executable, "-m", "feeds", "export", "--changed", "-", *flags]
    ran = subprocess.run(
        command,
        input=end.join([f"seeds/{names[0]}".encode(), b"", b"README.md", b""]),
        cwd=site.root,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert b"1 of the changed paths are in no folder of paths.seeds, or hidden" in ran.stderr
    assert set(site.titles()) == {"Edited 1", "Story 2"}


def test_export_is_told_of_changes_by_a_file(site: Site) -> None:
    site.seed("1.txt", number=1)
    site.publish()
    told = site.root / "told"
    told.write_text(f"{site.seed('2.txt', number=2)}\n", encoding="utf-8")
    ran = site.run("export", "--changed", str(told), "--json")
    assert (ran.code, ran.report()["read"], ran.report()["seeds"]) == (0, 1, 2)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--changed", "missing"], "cannot read missing: No such file or directory"),
        (["--changed", "seeds/1.txt"], "--changed: found a seed, wanted a list of paths"),
        (["--null"], "--null says how --changed lists paths"),
    ],
    ids=["no list", "a seed", "-0 alone"],
)
def test_export_without_a_list_of_changes_ends_with_2(
    site: Site, arguments: list[str], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.seed("1.txt", number=1)
    monkeypatch.chdir(site.root)
    ran = site.run("export", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert reason in ran.err


def test_export_refuses_to_read_every_seed_and_only_some(site: Site) -> None:
    with pytest.raises(SystemExit) as ended:
        site.run("export", "--full", "--changed", "-")
    assert ended.value.code == 2
