"""``feeds reach``: which logs it reads, and what it says."""

from __future__ import annotations

import gzip
import io
import os

import pytest

from feeds.cli.main import main
from tests.support.site import Site

LINE = '192.0.2.{} - - [{:02}/Mar/2026:12:00:00 +0000] "GET /all.atom HTTP/1.1" 304 0 "-" "{}"\n'
READER = LINE.format(1, 1, "NetNewsWire (RSS)") + LINE.format(2, 1, "NetNewsWire (RSS)")
SERVICE = LINE.format(9, 2, "Feedly/1.0 (+http://feedly.com; 40 subscribers)")


def test_reach_reads_the_log_of_the_configuration(site: Site) -> None:
    site.configure('[serve]\naccess_log = "log/access.log"\n')
    (site.root / "log").mkdir()
    (site.root / "log/access.log").write_text(READER + SERVICE, encoding="utf-8")
    ran = site.run("reach")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == "all\t40\t2\t3\t100%\t0%\tFeedly 40, NetNewsWire 2\n"


def test_reach_reads_several_logs_compressed_ones_too_the_oldest_first(site: Site) -> None:
    new, old = site.root / "access.log", site.root / "access.log.1.gz"
    new.write_text(SERVICE.replace("40", "50"), encoding="utf-8")
    old.write_bytes(gzip.compress((READER + SERVICE).encode()))
    os.utime(old, (1, 1))
    (feed,) = site.run("reach", str(new), str(old), "--json").report()
    assert feed["services"] == {"Feedly": 50}
    assert (feed["polls"], feed["unchanged"], feed["programs"]) == (4, 4, {"NetNewsWire": 2})


def test_reach_reads_standard_input(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(READER))
    assert site.run("reach", "-").out.startswith("all\t0\t2\t2")


@pytest.mark.parametrize(
    ("since", "polls"), [("2026-03-02", 1), ("2026-03-01", 3), ("1s", 0), ("5000d", 3)]
)
def test_reach_leaves_out_what_is_older(site: Site, since: str, polls: int) -> None:
    log = site.write("access.log", READER + SERVICE)
    found = site.run("reach", str(log), "--since", since, "--json").report()
    assert sum(one["polls"] for one in found) == polls


def test_reach_tells_of_lines_that_it_does_not_know(site: Site) -> None:
    log = site.write("access.log", b"what\n\xff\n" + READER.encode())
    ran = site.run("reach", str(log))
    assert ran.out.startswith("all\t")
    assert "2 lines are of no format that is known" in ran.err


def test_reach_without_a_log_says_what_to_do(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["reach", "--config", str(site.root / "config.toml")]) == 2
    err = capsys.readouterr().err
    assert err.startswith("feeds: serve.access_log is 'off', so there is no file to read: name a")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("missing.log", "No such file"),
        ("broken.gz", "Not a gzipped file"),
        ("seeds", "Is a directory"),
    ],
)
def test_reach_of_a_log_that_cannot_be_read(site: Site, name: str, reason: str) -> None:
    (site.root / "broken.gz").write_text("plain", encoding="utf-8")
    ran = site.run("reach", str(site.root / name))
    assert ran.code == 2
    assert reason in ran.err
