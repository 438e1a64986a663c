"""What deploy/ says of queries, in real nginx and Caddy before a real ``feeds serve``."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from tests.support import serving
from tests.support.crowd import ask, flooding
from tests.support.ports import free_port
from tests.support.processes import wait_until
from tests.support.servers import Server, prepared, start

OWN = {"date", "server", "connection", "transfer-encoding", "content-length", "keep-alive", "via"}


@pytest.fixture(scope="module", params=["nginx", "caddy"])
def servers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Server, serving.Server]]:
    root = tmp_path_factory.mktemp("queries")
    site = prepared(root)
    site.configure('[publish]\nprecompress = true\n[serve]\ntrusted_proxies = ["127.0.0.1"]\n')
    with serving.Server(site) as back:
        front = Server(request.param, site, free_port())
        with start(front.kind, site, root, front.port, back.port) as process:
            try:
                wait_until(partial(front.is_up, process))
                # In the second in which its index changed, an answer to a query has no date yet.
                wait_until(lambda: "last-modified" in back.get("/query.atom").headers)
                yield front, back
            finally:
                process.terminate()


@pytest.mark.parametrize(
    ("path", "encoding"),
    [
        *(("/query.atom?q=story", "gzip"), ("/query.rss", "identity")),
        *(("/query.json?limit=1", "gzip"), ("/query", "identity")),
    ],
)
def test_deploy_query_comes_with_the_headers_of_our_own_server(
    servers: tuple[Server, serving.Server], path: str, encoding: str
) -> None:
    front, back = servers
    wanted = back.get(path, Accept_Encoding=encoding)
    got = front.get(path, Accept_Encoding=encoding)
    assert (got.status, got.body) == (200, wanted.raw)
    names = {name.lower() for name in got.headers} - OWN
    assert {name: got[name] for name in names} == {
        name: value for name, value in wanted.headers.items() if name not in OWN
    }
    again = front.get(path, Accept_Encoding=encoding, If_None_Match=str(got["ETag"]))
    assert again.status == 304


def test_deploy_query_that_is_wrong_is_told_why(servers: tuple[Server, serving.Server]) -> None:
    front, _ = servers
    got = front.get("/query.atom?limit=0")
    assert (got.status, got["Content-Type"]) == (400, "text/plain; charset=utf-8")
    assert b"limit: found '0'" in got.body
    assert front.get("/queries.atom").status == 404
    assert front.get("/all.atom").status == 200


def test_deploy_crowd_of_one_address_delays_nobody_else(
    servers: tuple[Server, serving.Server],
) -> None:
    front, _ = servers
    with flooding(front.port, "127.0.0.2"):
        statuses = [ask(front.port, f"/query.json?limit={n}", "127.0.0.3") for n in range(1, 21)]
        assert statuses == [200] * 20
