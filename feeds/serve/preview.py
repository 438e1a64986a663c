"""The server of ``feeds preview``: pages that load themselves again, with a bar of problems."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from feeds.common.media import kind_of

HOST = "127.0.0.1"
# A page asks here what is new, and gets its answer when something is, or after so many seconds.
_NEWS = "/.preview.json"
_PATIENCE_S = 20
_ASSETS = Path(__file__).with_name("preview_assets")
_HEAD = (
    b'<link rel="stylesheet" href="/.preview.bar.css">'
    b'<script src="/.preview.reload.js" defer></script></head>'
)


class Saved(NamedTuple):
    """A state of the preview: pages with another version load themselves again."""

    version: int
    problems: Sequence[str]


class PreviewServer:
    """Serves a folder to this machine alone, in threads; raises OSError if the port is taken."""

    def __init__(self, out: Path, port: int) -> None:
        self.out = out
        self._news = Saved(0, ())
        self._changed = threading.Condition()
        self._server = ThreadingHTTPServer((HOST, port), partial(_Handler, self))
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self.url = f"http://{HOST}:{self.port}/"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def tell(self, problems: Sequence[str]) -> None:
        """Has all open pages load themselves again, and show these problems."""
        with self._changed:
            self._news = Saved(self._news.version + 1, problems)
            self._changed.notify_all()

    def news(self, seen: int) -> Saved:
        """Returns the present state, as soon as it is another than the one that was seen."""
        with self._changed:
            self._changed.wait_for(lambda: self._news.version != seen, _PATIENCE_S)
            return self._news

    def close(self) -> None:
        """Ends serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    """Answers with the files of out/ and of the preview itself."""

    def __init__(self, preview: PreviewServer, *arguments: object) -> None:
        self._preview = preview
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        """Answers GET."""
        port = self._preview.port
        # Another site whose name leads here must not read drafts.
        if self.headers.get("Host") not in {f"{HOST}:{port}", f"localhost:{port}"}:
            self._send(403, "text/plain", b"Only for this machine.\n")
            return
        split = urlsplit(self.path)
        if split.path == _NEWS:
            seen = parse_qs(split.query).get("seen", ["-1"])[0]
            news = self._preview.news(int(seen) if seen.isdigit() else -1)
            self._send(200, "application/json", json.dumps(news._asdict()).encode())
            return
        name = unquote(split.path)[1:] or "index.html"
        status, kind, data = 200, kind_of(name), self._find(name)
        if data is None:
            status, kind = 404, kind_of("html")
            data = self._find("404.html") or b"<title>404</title></head>"
        if kind.media_type == "text/html":
            data = data.replace(b"</head>", _HEAD, 1)
        self._send(status, kind.browser or kind.content_type, data)

    def _find(self, name: str) -> bytes | None:
        """Returns a file of out/, or of the preview itself; no hidden file, and none elsewhere."""
        rest = name.removeprefix(".preview.")
        folder = self._preview.out if rest == name else _ASSETS
        if "/." not in f"/{rest}":
            with suppress(OSError, ValueError):
                return (folder / rest.lstrip("/")).read_bytes()
        return None

    def _send(self, status: int, content_type: str, data: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the library's name)
        """Logs nothing."""
