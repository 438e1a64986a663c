"""deploy/compose.cluster.yaml and nginx.bucket.conf: they fit feeds, Dask, and each other."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from distributed.cli import dask_scheduler, dask_worker

from feeds.config import Loaded, load_config
from tests.support.buckets import make_bucket, s3_server, use_server
from tests.support.ports import HOST, free_port
from tests.support.processes import PATIENCE, wait_until
from tests.support.programs import need
from tests.support.servers import NGINX
from tests.support.site import Site

DEPLOY = Path(__file__).parent.parent.parent / "deploy"
COMPOSE: Any = yaml.safe_load((DEPLOY / "compose.cluster.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
CONF = (DEPLOY / "nginx.bucket.conf").read_text(encoding="utf-8")
BUCKET = "bucket:7070"


def configured(site: Site) -> Loaded:
    """Returns the configuration that the daemon has."""
    environment = {name: str(value) for name, value in SERVICES["feeds"]["environment"].items()}
    return load_config(site.root / "config.toml", environment)


def test_cluster_of_compose_is_that_of_the_daemon(site: Site) -> None:
    engine = configured(site).config.engine
    assert (engine.kind, engine.address) == ("dask", "tls://scheduler:8786")
    files = [str(path) for path in (engine.tls_ca, engine.tls_cert, engine.tls_key)]
    for name, command in (("scheduler", dask_scheduler.main), ("workers", dask_worker.main)):
        words = SERVICES[name]["command"]
        known = {one for option in command.params for one in (*option.opts, *option.secondary_opts)}
        assert {one for one in words if one.startswith("--")} <= known
        given = dict(pairwise(words))
        assert [given[f"--tls-{one}"] for one in ("ca-file", "cert", "key")] == files
        assert SERVICES[name]["entrypoint"] == ["dask", name.removesuffix("s")]
        assert "tls:/tls:ro" in SERVICES[name]["volumes"]
    assert "tls:/tls:ro" in SERVICES["feeds"]["volumes"]
    assert engine.address in SERVICES["workers"]["command"]


def test_buckets_of_compose_are_those_of_the_daemon_and_nginx(site: Site) -> None:
    config = configured(site).config
    made = SERVICES["buckets"]["command"][0]
    used = [*config.paths.seeds, config.paths.objects, config.state.backup]
    assert config.hooks.after_publish == (("feeds", "state", "backup"),)
    for address in map(str, used):
        assert address.startswith("s3://")
        assert f" {address.split('/')[2]} " in made.replace(";", " ")
    assert f"proxy_pass http://{BUCKET}/{config.paths.objects.split('/')[2]}/;" in CONF
    assert SERVICES["feeds"]["environment"]["AWS_ENDPOINT"] == f"http://{BUCKET}"
    named = {
        one.split(":")[0] for service in SERVICES.values() for one in service.get("volumes", ())
    }
    assert {one for one in named if one[0] != "."} == set(COMPOSE["volumes"])


@pytest.mark.parametrize("name", ["feeds", "scheduler", "workers", "web"])
def test_services_of_the_cluster_have_no_more_rights_than_they_need(name: str) -> None:
    service = SERVICES[name]
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    assert "no-new-privileges:true" in service["security_opt"]


def test_certificates_of_compose_are_good_for_tls(tmp_path: Path) -> None:
    need("openssl", "openssl")
    script = SERVICES["certificates"]["command"][0]
    assert "chown 10001:10001 key.pem\n" in script
    script = script.replace("cd /tls", f"cd {tmp_path}").replace("chown 10001:10001 key.pem\n", "")
    for _ in range(2):  # the second time it keeps what there is
        subprocess.run(["/bin/sh", "-euc", script], check=True, capture_output=True)
    context = ssl.create_default_context(cafile=tmp_path / "ca.pem")
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    assert not (tmp_path / "ca.key").exists()


@contextmanager
def nginx(root: Path, server: str, bucket: str) -> Iterator[str]:
    """Runs nginx before a bucket; yields its address."""
    program, port = need("nginx", "nginx"), free_port()
    text = CONF.replace(f"http://{BUCKET}/site/", f"{server}/{bucket}/")
    text = text.replace(BUCKET, server.removeprefix("http://"))
    text = text.replace("listen 80;", f"listen {HOST}:{port};").replace("/var/cache", str(root))
    (root / "feeds.conf").write_text(text, encoding="utf-8")
    main = NGINX if os.geteuid() else f"user root; {NGINX}"
    (root / "nginx.conf").write_text(main, encoding="utf-8")
    (root / "nginx").mkdir()
    command = [program, "-p", str(root), "-c", str(root / "nginx.conf"), "-e", "nginx.log"]
    with subprocess.Popen(command, cwd=root) as process:
        try:
            wait_until((root / "nginx.pid").exists)
            yield f"http://{HOST}:{port}"
        finally:
            process.terminate()


def test_bucket_behind_nginx_is_the_site(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with s3_server() as server:
        make_bucket(server)
        use_server(monkeypatch, server)
        allow = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}
        policy = {"Statement": [allow | {"Resource": "arn:aws:s3:::news/*"}]}
        url, text = f"{server}/news?policy", json.dumps(policy)
        httpx.put(url, content=text, timeout=PATIENCE).raise_for_status()
        site.configure('[paths]\nout = "s3://news/"\n')
        site.seed(body="Words. " * 99)
        site.publish()
        with (
            nginx(tmp_path, server, "news") as address,
            httpx.Client(base_url=address, timeout=PATIENCE) as reader,
        ):
            feed = reader.get("/all.atom")
            assert feed.headers["Content-Type"] == "application/atom+xml; charset=utf-8"
            assert feed.headers["Access-Control-Allow-Origin"] == "*"
            assert feed.headers["Content-Encoding"] == "gzip"
            assert feed.headers["Cache-Control"].startswith("public, max-age=")
            again = reader.get("/all.atom", headers={"If-None-Match": feed.headers["ETag"]})
            assert again.status_code == 304
            page = reader.get("/")
            assert (page.status_code, "Story 1" in page.text) == (200, True)
            assert "frame-ancestors" in page.headers["Content-Security-Policy"]
            for path in ("/nothing.atom", "/.feeds-manifest.json"):
                missing = reader.get(path)
                assert (missing.status_code, missing.text[:15]) == (404, page.text[:15])
            refused = reader.put("/all.atom")
            assert (refused.status_code, refused.headers["Allow"]) == (405, "GET, HEAD")
            assert not [name for name in feed.headers if name.startswith("x-amz")]
