"""How the server begins: the files it may open, and the wait until it can be reached."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Iterator

import pytest

from feeds.serve.server import _is_listening, _raise_file_limit
from tests.support.ports import HOST, free_port


@pytest.fixture
def hard() -> Iterator[int]:
    """The most files that a process may be allowed to open here; the limit is put back."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield before[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize("most", [1_000, 10_000])
def test_limit_of_files_is_raised_and_leaves_some_for_the_server_itself(
    hard: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if hard < most + 256:
        pytest.skip(f"needs {most + 256} open files (ulimit -Hn)")
    monkeypatch.setattr("feeds.serve.server._MOST_CONNECTIONS", most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (500, hard))
    assert _raise_file_limit() == most
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (most + 256, hard)
    assert _raise_file_limit() == most  # it is there already


@pytest.mark.parametrize("listens", [True, False], ids=["later", "never"])
def test_server_is_waited_for_until_it_listens_or_has_ended(*, listens: bool) -> None:
    async def main() -> bool:
        port = free_port()

        async def serve() -> None:
            await asyncio.sleep(0.1)
            if listens:
                async with await asyncio.start_server(lambda _, writer: writer.close(), HOST, port):
                    await asyncio.sleep(3600)

        serving = asyncio.create_task(serve())
        found = await _is_listening(HOST, port, serving)
        serving.cancel()
        await asyncio.wait([serving])
        return found

    assert asyncio.run(main()) is listens
