"""A server on this machine that speaks S3 (moto), and buckets in it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from feeds.seeds import listing
from tests.support.dying import end_fork_server
from tests.support.ports import HOST, free_port
from tests.support.processes import PATIENCE

BUCKET = "news"


@contextmanager
def s3_server() -> Iterator[str]:
    """Runs the server, which starts empty; yields its address."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", HOST, "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _wait_for(f"http://{HOST}:{port}/moto-api/data.json", process)
            yield f"http://{HOST}:{port}"
        finally:
            process.kill()


def make_bucket(server: str) -> None:
    """Empties the server, and makes `BUCKET` in it."""
    httpx.post(f"{server}/moto-api/reset", timeout=PATIENCE).raise_for_status()
    httpx.put(f"{server}/{BUCKET}", timeout=PATIENCE).raise_for_status()


def use_server(monkeypatch: pytest.MonkeyPatch, server: str) -> None:
    """Has this process, and those that it starts, find their buckets at this address."""
    values = {
        "AWS_ENDPOINT": server,
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "test-key",
        "AWS_SECRET_ACCESS_KEY": "test-secret",
        "AWS_REGION": "us-east-1",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    listing._opened.cache_clear()
    end_fork_server()


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        assert process.poll() is None
        try:
            httpx.get(url, timeout=PATIENCE)
        except httpx.HTTPError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return
