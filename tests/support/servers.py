"""Real nginx and Caddy before a site, with what deploy/ has for them."""

from __future__ import annotations

import os
import re
import socket
import subprocess
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPMessage
from pathlib import Path

from tests.support.programs import need
from tests.support.site import Site

DEPLOY = Path(__file__).parent.parent.parent / "deploy"
BROTLI_MODULE = Path("/usr/lib/nginx/modules/ngx_http_brotli_static_module.so")
NGINX = """
daemon off; pid nginx.pid; error_log nginx.log; worker_processes 1;
events {}
http {
    access_log off;
    client_body_temp_path a; proxy_temp_path b; fastcgi_temp_path c; uwsgi_temp_path d;
    scgi_temp_path e;
    include feeds.conf;
}
"""
CADDY = "{\n\tadmin off\n\tauto_https off\n}\n"


@dataclass(frozen=True)
class Answer:
    """An answer whose headers can be asked for by name."""

    status: int
    headers: HTTPMessage
    body: bytes

    def __getitem__(self, name: str) -> str | None:
        """Returns a header; several of a name joined, as HTTP has it."""
        values = self.headers.get_all(name)
        return ", ".join(values) if values else None


class Server:
    """A web server before a site; it knows brotli or does not."""

    def __init__(self, kind: str, site: Site, port: int) -> None:
        self.kind = kind
        self.site = site
        self.brotli = kind != "nginx"
        self.port = port

    def get(self, path: str, method: str = "GET", **headers: str) -> Answer:
        """Sends a request with exactly this path."""
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            connection.putrequest(method, path, skip_accept_encoding=True)
            for name, value in fields.items():
                connection.putheader(name, value)
            connection.endheaders()
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())

    def is_up(self, process: subprocess.Popen[bytes]) -> bool:
        """Tells whether it listens; fails where it has ended."""
        assert process.poll() is None
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


def prepared(root: Path) -> Site:
    """Returns a site whose documents are compressed, with a page, a picture and a secret."""
    site = Site(root / "site")
    hidden = '[providers."example.com"]\nnoindex = true\n'
    site.configure(f'[publish]\nprecompress = true\n[topics.AI]\naliases = ["machines"]\n{hidden}')
    site.seed(body="What is to be read. " * 20)
    site.publish()
    (site.out / "index.html").write_text("<title>Feeds</title>")
    (site.out / "media/ab").mkdir(parents=True)
    (site.out / "media/ab/cd.jpg").write_bytes(b"\xff\xd8\xff" * 99)
    (site.out / "plain.json").write_text("[1, 2, 3]\n" * 99)  # without copies
    (site.out / ".secret").write_text("secret")
    return site


def adapted(name: str, site: Site, changes: dict[str, str]) -> str:
    """Returns a file of deploy/ as an operator would adapt it; the hub's line is made to count."""
    text = (DEPLOY / name).read_text(encoding="utf-8")
    assert text.count("/srv/feeds/out") == 3  # the folder, and two files in it
    text = text.replace("/srv/feeds/out", str(site.out))
    for before, after in changes.items():
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    text, count = re.subn(r"# (.*hub\.example\.org/>; rel=\"hub\")", r"\1", text)
    assert count == 1
    return text


def with_queries(text: str, port: int) -> str:
    """Returns a file of deploy/ whose lines about queries count; `port` is ours."""
    lines, start = text.splitlines(), "# Queries, if `feeds serve` runs beside"
    first = next(number for number, line in enumerate(lines) if start in line) + 2
    last = next(n for n, line in enumerate(lines) if n > first and line.strip() == "# }")
    for number in range(first, last + 1):
        lines[number] = lines[number].replace("# ", "", 1).replace("#\t", "\t", 1)
    return "\n".join(lines).replace("127.0.0.1:8000", f"127.0.0.1:{port}") + "\n"


def start(
    kind: str, site: Site, root: Path, port: int, queries: int | None = None
) -> subprocess.Popen[bytes]:
    """Starts a server with what deploy/ has for it; `queries` is the port they are handed on to."""
    if kind == "caddy":
        changes = {
            "feeds.example.org {": f"http://127.0.0.1:{port} {{",
            "feeds.example.org/query": f"http://127.0.0.1:{port}/query",
        }
        text = CADDY + adapted("Caddyfile", site, changes)
        text = text if queries is None else with_queries(text, queries)
        (root / "Caddyfile").write_text(text, encoding="utf-8")
        program = need("caddy", "caddy")
        command = [program, "run", "--config", "Caddyfile", "--adapter", "caddyfile"]
    else:
        changes = {"listen 80;": f"listen 127.0.0.1:{port};", "listen [::]:80;": ""}
        main = NGINX
        if os.geteuid() == 0:
            main = f"user root; {main}"
        if kind == "nginx with brotli":
            changes["# brotli_static on;"] = "brotli_static on;"
            main = f"load_module {BROTLI_MODULE};\n{main}"
        text = adapted("nginx.conf", site, changes)
        text = text if queries is None else with_queries(text, queries)
        (root / "feeds.conf").write_text(text, encoding="utf-8")
        (root / "nginx.conf").write_text(main, encoding="utf-8")
        program = need("nginx", "nginx")
        command = [program, "-p", str(root), "-c", str(root / "nginx.conf"), "-e", "nginx.log"]
    home = {name: str(root) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")}
    with (root / "output").open("wb") as output:
        return subprocess.Popen(
            command, cwd=root, env={**os.environ, **home}, stdout=output, stderr=output
        )
