"""``feeds check``: reads everything, writes nothing, lists all problems of config and seeds."""

from __future__ import annotations

import os
from typing import Any

import pytest

from feeds.common.errors import ConfigError, SeedsFolderError
from tests.support.site import Site

KNOWN = '[topics.AI]\n[providers."example.com"]\n'


def test_check_of_a_good_site_finds_nothing(site: Site) -> None:
    site.configure(KNOWN)
    site.seed()
    site.seed("b.txt", number=2, published=False)
    ran = site.run("check")
    assert ran == (0, "2 seeds, 2 usable: 0 errors, 0 warnings\n", "")


def test_check_lists_every_problem_with_its_place(site: Site) -> None:
    site.seed("a.txt", quality=101, title="", heat="hot")
    site.seed("b.txt", number=2, published="perhaps")
    site.seed("c.txt", number=2)
    site.write("d.txt", b"---\ntitle: \xff\n---\n")
    site.write("e.yaml", "title: *anchor")
    os.mkfifo(site.seeds / "f.txt")
    ran = site.run("check")
    assert ran.code == 1
    assert [line.split("; ")[0].partition(", wanted")[0] for line in ran.err.splitlines()] == [
        "seeds/a.txt:2:8: error: title: missing",
        "seeds/a.txt:6:10: error: quality: found '101'",
        "seeds/a.txt:7:7: warning: heat: found 'hot'",
        "seeds/b.txt:8:12: warning: published: found 'perhaps'",
        "seeds/c.txt: error: originalUrl: a duplicate of seeds/b.txt",
        "seeds/d.txt:2:8: error: not UTF-8: byte 0xff at byte 8 of the line (save the file as UTF-8)",  # noqa: E501
        "seeds/e.yaml:1:8: error: aliases (*name) are not allowed",
        "seeds/f.txt: error: a named pipe (FIFO)",
    ]
    assert ran.out == "6 seeds, 2 usable: 6 errors, 2 warnings\n"


@pytest.mark.parametrize(
    "changes",
    [{"heat": "hot"}, {"quality": None}, {"originalUrl": "https://news.example.com/stories/1"}],
    ids=["a warning", "an error", "a duplicate"],
)
def test_check_tells_by_its_code_that_it_found(changes: dict[str, Any], site: Site) -> None:
    site.seed()
    site.seed("b.txt", number=2, **changes)
    for _ in range(2):
        assert site.run("check").code == 1
    site.run("export")
    assert site.run("check").code == 1


def test_check_writes_nothing(site: Site) -> None:
    site.seed()
    site.seed("b.txt", quality=None)
    before = site.files()
    site.run("check")
    assert site.files() == before
    site.run("export")
    before = site.files()
    site.run("check")
    assert site.files() == before


def test_check_reads_every_seed_again(site: Site) -> None:
    path = site.seed(quality=70)
    site.run("export")
    status = path.stat()
    path.write_bytes(path.read_bytes().replace(b"quality: 70", b"quality: xx"))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert "found 'xx'" in site.run("check").err


def test_check_needs_no_state(site: Site) -> None:
    site.seed()
    site.spoil_state()
    assert site.run("check").code == 0
    assert site.state.read_bytes() == b"no database"


def test_check_gives_a_report_for_machines(site: Site) -> None:
    site.configure("[topics.Robotix]")
    site.seed(topics=["Robotics"])
    site.seed("b.txt", number=2, quality=500)
    ran = site.run("check", "--json")
    assert ran.report() == {
        "seeds": 2,
        "items": 1,
        "problems": [
            {
                "path": "seeds/b.txt",
                "line": 6,
                "column": 10,
                "field": "quality",
                "reason": "found '500', wanted an integer from 0 to 100",
                "severity": "error",
            }
        ],
        "hints": ["no seed has the topic 'Robotix' (did you mean 'Robotics'?)"],
    }
    assert "2 seeds, 1 usable: 1 errors, 0 warnings" in ran.err


def test_check_reports_every_fault_of_the_configuration(site: Site) -> None:
    site.configure("titel = 'x'\n[text]\nrepiar = true")
    ran = site.run("check", "--json")
    assert (ran.code, ran.out) == (ConfigError.exit_code, "")
    path = site.root / "config.toml"
    assert sorted(ran.err.splitlines()) == [
        f"feeds: {path}:4: site.titel: unknown key (did you mean title?)",
        f"feeds: {path}:6: text.repiar: unknown key (did you mean repair?)",
    ]


def test_check_says_that_a_folder_is_missing(site: Site) -> None:
    site.seeds.rmdir()
    ran = site.run("check")
    assert ran.code == SeedsFolderError.exit_code
    assert "cannot list the seeds folder seeds: No such file or directory" in ran.err
