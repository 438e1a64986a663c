"""The server of previews: what it shows, to whom, and what open pages hear."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from feeds.serve import preview
from feeds.serve.preview import HOST, PreviewServer
from tests.support.processes import PATIENCE, wait_until


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PreviewServer]:
    """A server of a folder with a page, a feed and a hidden file; it takes half a second to end."""
    folder = tmp_path_factory.mktemp("preview")
    out = folder / "out"
    (out / "topics").mkdir(parents=True)
    for name in ("index.html", "all.html", "404.html", "topics/ä.html"):
        (out / name).write_text(f"<head></head>{name}<pre></head></pre>", "utf-8")
    (out / "all.atom").write_text("<feed/>")
    (out / ".feeds-manifest.json").write_text("{}")
    (folder / "state.db").write_text("secret")
    with closing(PreviewServer(out, 0)) as server:
        yield server


def get(server: PreviewServer, path: str, host: str = HOST) -> tuple[int, str, str]:
    """Returns status, media type and body of an answer."""
    connection = http.client.HTTPConnection(HOST, server.port, timeout=PATIENCE)
    with closing(connection):
        connection.request("GET", path, headers={"Host": f"{host}:{server.port}"})
        answer = connection.getresponse()
        assert answer.headers["Cache-Control"] == "no-store"
        return answer.status, answer.headers["Content-Type"], answer.read().decode()


@pytest.mark.parametrize(
    ("path", "name"),
    [
        pytest.param("/", "index.html", id="index"),
        pytest.param("/all.html?a=1", "all.html", id="page"),
        pytest.param("/topics/%C3%A4.html", "topics/ä.html", id="encoded"),
    ],
)
def test_preview_gives_pages_that_load_themselves_again(
    server: PreviewServer, path: str, name: str
) -> None:
    status, kind, body = get(server, path)
    assert (status, kind.partition(";")[0]) == (200, "text/html")
    assert body.count(".preview.reload.js") == 1
    assert body.endswith(f"</head>{name}<pre></head></pre>")


def test_preview_gives_feeds_as_they_are(server: PreviewServer) -> None:
    status, kind, body = get(server, "/all.atom")
    assert (status, "xml" in kind, body) == (200, True, "<feed/>")


@pytest.mark.parametrize("name", ["bar.css", "reload.js"])
def test_preview_gives_what_its_bar_is_made_of(server: PreviewServer, name: str) -> None:
    status, _, body = get(server, f"/.preview.{name}")
    assert (status, body) == (
        200,
        (Path(preview.__file__).parent / "preview_assets" / name).read_text("utf-8"),
    )


@pytest.mark.parametrize(
    "path",
    [
        "/.feeds-manifest.json",
        "/../state.db",
        "/%2e%2e/state.db",
        "/topics/../../state.db",
        "/.preview.../preview.py",
        "//etc/passwd",
        "/%00",
        "/never",
    ],
)
def test_preview_gives_no_hidden_file_and_none_elsewhere(server: PreviewServer, path: str) -> None:
    status, kind, body = get(server, path)
    assert (status, kind.partition(";")[0]) == (404, "text/html")
    assert "404.html" in body


def test_preview_without_a_page_for_what_is_not_there_answers_all_the_same(
    server: PreviewServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "out", tmp_path)
    status, _, body = get(server, "/never")
    assert (status, ".preview.reload.js" in body) == (404, True)


@pytest.mark.parametrize(
    ("host", "status"), [("localhost", 200), ("evil.example.org", 403), ("127.0.0.2", 403)]
)
def test_preview_is_for_this_machine_alone(server: PreviewServer, host: str, status: int) -> None:
    assert get(server, "/all.html", host)[0] == status


def test_preview_tells_open_pages_what_is_new(
    server: PreviewServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preview, "_PATIENCE_S", 2 * PATIENCE)
    before = server.news(-1).version
    with ThreadPoolExecutor() as threads:
        waits = threads.submit(get, server, f"/.preview.json?seen={before}")
        wait_until(lambda: bool(vars(server._changed)["_waiters"]))
        server.tell(["a.txt: error"])
        _, _, body = waits.result(PATIENCE)
    assert json.loads(body) == {"version": before + 1, "problems": ["a.txt: error"]}
    for seen in ("", f"?seen={before}", "?seen=x"):
        assert json.loads(get(server, f"/.preview.json{seen}")[2])["version"] == before + 1


def test_preview_tells_a_page_after_a_while_that_nothing_is_new(
    server: PreviewServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preview, "_PATIENCE_S", 0.01)
    now = server.news(-1)
    assert server.news(now.version) is now
