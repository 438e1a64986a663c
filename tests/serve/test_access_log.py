"""The access log of a real server: its lines, what is cut, and that no fault reaches a reader."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path

import pytest

from feeds.serve.access_log import _escaped, read_line
from tests.support.processes import wait_until
from tests.support.serving import Server
from tests.support.site import Site

COMBINED = re.compile(
    r"127\.0\.0\.0 - - \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d \+0000\] "
    r'"GET /all\.atom HTTP/1\.1" 200 (\d+) "-" "Reader/1\.0"\n'
)


@pytest.fixture
def site(site: Site) -> Site:
    """A site with one story, whose server writes a log."""
    configure(site)
    site.seed()
    site.publish()
    return site


def configure(site: Site, more: str = "", log: str = "access.log") -> None:
    """Configures the log."""
    site.configure(f'[serve]\naccess_log = "{log}"\n{more}')


def lines(site: Site, count: int) -> list[str]:
    """Waits for so many lines of the log, and returns all."""
    path = site.root / "access.log"
    wait_until(lambda: path.exists() and path.read_text().count("\n") >= count)
    return path.read_text().splitlines(keepends=True)


def test_log_has_a_line_for_each_answer_ready_or_not(site: Site) -> None:
    with Server(site) as server:
        sizes = [len(server.get("/all.atom", user_agent="Reader/1.0").raw) for _ in range(3)]
        for line, size in zip(lines(site, 3), sizes, strict=True):
            match = COMBINED.fullmatch(line)
            assert match, line
            assert int(match[1]) == size


@pytest.mark.parametrize("form", ["combined", "json"])
def test_log_can_be_read_again(site: Site, form: str) -> None:
    configure(site, f'access_format = "{form}"\n')
    agent = 'A "reader" \\ of feeds'
    with Server(site) as server:
        tag = server.get("/all.atom?a=b").tag
        assert server.get("/all.atom?a=b", if_none_match=tag, user_agent=agent).status == 304
        assert server.get("/nothing", method="HEAD").status == 404
        found = [read_line(line) for line in lines(site, 3)]
    assert all(found)
    first, second, third = [one for one in found if one]
    assert (first.client, first.target, first.status) == ("127.0.0.0", "/all.atom?a=b", 200)
    assert (second.status, second.size) == (304, 0)
    assert second.agent.replace("\\x22", '"').replace("\\x5C", "\\") == agent
    assert (third.method, third.status, third.size) == ("HEAD", 404, 0)


@pytest.mark.parametrize(
    ("more", "forwarded", "client"),
    [
        ("", "2001:db8:1:2::3", "127.0.0.0"),
        ("log_addresses = true\n", "", "127.0.0.1"),
        ('trusted_proxies = ["127.0.0.1"]\n', "203.0.113.77", "203.0.113.0"),
        ('trusted_proxies = ["127.0.0.1"]\n', "2001:db8:1:2::3", "2001:db8:1::"),
        ('trusted_proxies = ["127.0.0.1"]\nlog_addresses = true\n', "2001:db8::3", "2001:db8::3"),
    ],
    ids=["cut", "whole", "cut behind a proxy", "cut of IPv6", "whole behind a proxy"],
)
def test_log_has_no_more_of_addresses_than_it_may(
    site: Site, more: str, forwarded: str, client: str
) -> None:
    configure(site, more)
    with Server(site) as server:
        headers = {"x_forwarded_for": forwarded} if forwarded else {}
        server.get("/all.atom", **headers)
        server.get("/all.atom", **headers)
        assert {line.split()[0] for line in lines(site, 2)} == {client}


def test_log_is_opened_again_at_sighup(site: Site) -> None:
    log = site.root / "access.log"
    with Server(site) as server:
        server.get("/all.atom")
        lines(site, 1)
        log.rename(site.root / "access.log.1")
        server.get("/all.rss")
        server.process.send_signal(signal.SIGHUP)
        wait_until(log.exists)
        server.get("/all.json")
        wait_until(lambda: "/all.json" in log.read_text())
    before = (site.root / "access.log.1").read_text()
    assert "/all.atom" in before
    assert "/all.rss" in before + log.read_text()


def test_log_is_whole_after_a_stop(site: Site) -> None:
    with Server(site) as server:
        for _ in range(200):
            server.get("/all.atom")
        assert server.stop() == 0
    assert len(lines(site, 200)) == 200


def test_log_on_a_full_disk_costs_lines_and_no_answer(site: Site) -> None:
    configure(site, log="/dev/full")
    with Server(site) as server:
        assert server.get("/all.atom").status == 200
        wait_until(lambda: "lines of the access log are lost: No space left" in server.log())
        assert server.get("/all.atom").status == 200


def test_log_to_standard_output(site: Site) -> None:
    configure(site, log="stdout")
    with Server(site) as server:
        server.get("/all.atom", user_agent="Reader/1.0")
        wait_until(lambda: '"GET /all.atom HTTP/1.1" 200' in server.log())


def test_log_that_cannot_be_written_is_an_error_at_the_start(site: Site) -> None:
    (site.root / "file").touch()
    configure(site, log="file/access.log")
    with site.start("serve") as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert err.startswith("feeds: cannot write the access log ")
    assert err.endswith("(serve.access_log)\n")


def test_log_in_out_is_refused(site: Site) -> None:
    configure(site, log="out/access.log")
    ran = site.run("check")
    assert ran.code == 2
    assert "serve.access_log: " in ran.err
    assert "is inside paths.out" in ran.err


def test_log_is_off_unless_it_is_asked_for(site: Site) -> None:
    site.configure("")
    with Server(site) as server:
        server.get("/all.atom")
    assert [path for path in site.root.rglob("*") if "access" in path.name] == []
    assert not Path("access.log").exists()


def test_log_is_counted_in_the_metrics(site: Site) -> None:
    from tests.support.ports import free_port
    from tests.support.servers import Server as Client

    port = free_port()
    configure(site, f'metrics = "127.0.0.1:{port}"\n')
    with Server(site) as server:
        server.get("/all.atom", user_agent="Feedly/1.0 (+http://feedly.com; 12 subscribers)")
        server.get("/all.rss", user_agent="Feedly/1.0 (+http://feedly.com; 30 subscribers)")
        tag = server.get("/all.atom", user_agent="Miniflux/2").tag
        server.get("/all.atom", user_agent="Miniflux/2", if_none_match=tag)
        lines(site, 4)
        text = Client("feeds", site, port).get("/metrics").body.decode()
    assert 'feeds_reach_subscribers{service="Feedly"} 42.0' in text
    assert 'feeds_reach_readers{program="Miniflux"} 1.0' in text
    assert 'feeds_reach_polls_total{answer="unchanged"} 1.0' in text
    assert "127.0.0" not in text


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("plain/1.0 (text; a-b)", "plain/1.0 (text; a-b)"),
        ('say "hello"', "say \\x22hello\\x22"),
        ("back\\slash", "back\\x5Cslash"),
        ("line\nbreak", "line\\x0Abreak"),
        ("ü\x1b[31m", "\\xC3\\xBC\\x1B[31m"),
    ],
)
def test_log_has_no_line_that_a_client_made_up(text: str, escaped: str) -> None:
    assert _escaped(text) == escaped
    assert json.dumps(escaped)
