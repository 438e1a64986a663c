"""A whole news site in a temporary folder: what most tests begin with."""

from __future__ import annotations

import io
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import chdir, closing, contextmanager, redirect_stderr, redirect_stdout
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from unittest.mock import patch

import yaml
from msgspec.structs import replace

from feeds.cli.main import main
from feeds.common.lock import acquire_lock
from feeds.common.model import ItemHeader, Provider
from feeds.common.reports import DEFAULTS, NO_CALLBACKS, Callbacks, Options, PassReport
from feeds.config import Config, Loaded, load_config
from feeds.config.schema import Table, read_table
from feeds.pipeline.run import publish_feeds
from feeds.publish.manifest import MANIFEST
from feeds.store.our_files import claim

T = TypeVar("T", bound=Table)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
REAL_SEEDS = Path(__file__).parent.parent.parent / "seeds"
# Long enough ago that a rescan trusts the fingerprint of a file with this mtime.
_SETTLED = 1_600_000_000
# The quick one, where PyYAML was built with libyaml.
_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def front_matter(number: int = 1, **changes: Any) -> dict[str, Any]:
    """Returns the fields of a good seed; `changes` replace fields, None drops one."""
    fields: dict[str, Any] = {
        "title": f"Story {number}",
        "excerpt": f"What happened in story {number}.",
        "publishedDateTime": f"2026-02-{number % 28 + 1:02}T08:00:00Z",
        "originalUrl": f"https://news.example.com/stories/{number}",
        "quality": 70,
        "heat": 5,
        "published": True,
        "provider": {"name": "The Example", "domain": "example.com"},
        "topics": ["AI"],
    }
    fields |= changes
    return {name: value for name, value in fields.items() if value is not None}


def seed_text(fields: dict[str, Any], body: str = "") -> str:
    """Returns a seed file of these fields."""
    text = yaml.dump(fields, Dumper=_Dumper, allow_unicode=True, sort_keys=False)
    return f"---\n{text}---\n{body}"


def config_of(toml: str = "") -> Config:
    """Returns the configuration that these tables make."""
    return made(Config, tomllib.loads(toml))


def made(kind: type[T], data: dict[str, Any]) -> T:
    """Returns the table of the configuration that the data makes; raises ValueError for faults."""
    table, faults = read_table(kind, data)
    if table is None:
        raise ValueError(faults)
    return table


def header(number: int = 1, *, provider: str = "example.com", **changes: Any) -> ItemHeader:
    """Returns the header of a good published item, dated `number` seconds after 1970."""
    dated = changes.get("dated", number)
    fields: dict[str, Any] = {
        "number": number,
        "path": f"/seeds/{number:03}.txt",
        "id": f"urn:uuid:{number:03}",
        "dated": dated,
        "revised": dated,
        "quality": 70,
        "heat": -1,
        "is_published": True,
        "provider": Provider(provider, provider),
        "topics": ("AI",),
        "category": "",
        "digest": b"item",
        "reader_digest": b"shown",
    }
    return ItemHeader(**fields | changes)


class Ran(NamedTuple):
    """What a command came to: exit code, standard output, standard error."""

    code: int
    out: str
    err: str

    def report(self) -> Any:
        """Returns the report that ``--json`` gave."""
        return json.loads(self.out)


class Site:
    """A site in a folder: config.toml, seeds/ and what `publish` makes of them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.seeds = root / "seeds"
        self.out = root / "out"
        self.state = root / ".feeds/state.db"
        self.seeds.mkdir(parents=True)
        self._touches = 0
        self.configure("")

    def configure(self, toml: str) -> None:
        """Writes config.toml: the given tables after a minimal [site]."""
        site = '[site]\ntitle = "Site"\nbase_url = "https://feeds.example.org/"\n'
        (self.root / "config.toml").write_text(site + toml, encoding="utf-8")

    def seed(self, name: str = "a.txt", *, number: int = 1, body: str = "", **changes: Any) -> Path:
        """Writes a good seed, with changes; see `front_matter`."""
        return self.write(name, seed_text(front_matter(number, **changes), body))

    def write(self, name: str, content: str | bytes) -> Path:
        """Writes a file below seeds/, with an mtime of its own that is long past."""
        path = self.seeds / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        self._touches += 1
        os.utime(path, (_SETTLED + self._touches, _SETTLED + self._touches))
        return path

    def load(self) -> Loaded:
        """Reads config.toml, without the environment."""
        return load_config(self.root / "config.toml", {})

    def publish(
        self, now: datetime = NOW, options: Options = DEFAULTS, callbacks: Callbacks = NO_CALLBACKS
    ) -> PassReport:
        """Runs one pass at the time `now`."""
        return publish_feeds(self.load(), options, callbacks, lambda: now)

    def publish_whole(self, now: datetime = NOW) -> PassReport:
        """Runs one pass that trusts no published file, and so renders every feed whole."""
        with closing(sqlite3.connect(self.state)) as state, state:
            state.execute("UPDATE document SET mtime_ns = 0, sealed = 0")
            state.execute("UPDATE feed SET key = x'', sealed = 0")
        return self.publish(now)

    def read(self, path: str) -> bytes:
        """Returns the bytes of a document in out/."""
        return (self.out / path).read_bytes()

    def entries(self, address: str = "all") -> dict[str, tuple[str, str]]:
        """Returns when each entry of a feed was published and updated, by title, in its order."""
        items = json.loads(self.read(f"{address}.json"))["items"]
        return {one["title"]: (one["date_published"], one["date_modified"]) for one in items}

    def titles(self, address: str = "all") -> list[str]:
        """Returns the titles of a feed's entries, in its order."""
        return list(self.entries(address))

    def tree(self) -> dict[str, tuple[bytes, int]]:
        """Returns bytes and mtime in ns of every file in out/ but the locks."""
        return {
            str(path.relative_to(self.out)): (path.read_bytes(), path.stat().st_mtime_ns)
            for path in sorted(self.out.rglob("*"))
            if path.is_file() and path.suffix != ".lock"
        }

    def run(self, *arguments: str) -> Ran:
        """Runs ``feeds`` on this site, in this process and by the real clock."""
        config = ["--config", str(self.root / "config.toml")]
        with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
            code = main([*arguments, *config])
        return Ran(code, out.getvalue(), err.getvalue())

    def type(self, *arguments: str) -> Ran:
        """Runs ``feeds`` in this process as it is typed in the folder of this site."""
        variables = {"COLUMNS": "80", "LC_ALL": "C.UTF-8"}
        out, err = io.StringIO(), io.StringIO()
        with (
            chdir(self.root),
            patch.dict(os.environ, variables),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            try:
                code = main(arguments)
            except SystemExit as end:
                code = int(end.code or 0)
        return Ran(code, out.getvalue(), err.getvalue())

    def spoil_state(self) -> None:
        """Makes the state file one of ours that is damaged."""
        self.state.parent.mkdir(exist_ok=True)
        claim(self.state)
        self.state.write_text("no database", encoding="utf-8")

    def documents(self) -> dict[str, bytes]:
        """Returns the bytes of every file in out/ but the locks and the manifest."""
        return documents_in(self.out)

    def fresh(self, now: datetime = NOW) -> dict[str, bytes]:
        """Returns the documents that a first run on the same seeds makes."""
        loaded = self.load()
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            places = {"out": root / "out", "objects": "", "state": root / "state.db"}
            paths = replace(loaded.config.paths, **places)
            config = replace(loaded.config, paths=paths)
            publish_feeds(loaded._replace(config=config), clock=lambda: now)
            return documents_in(root / "out")

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Starts ``feeds`` on this site as a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "feeds", *arguments, "--config", self.root / "config.toml"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Holds out/, so that every pass has to wait."""
        with acquire_lock(self.out, "process 1 (since long ago)", wait=10, on_wait=lambda _: None):
            yield

    def files(self) -> dict[str, tuple[bytes, int]]:
        """Returns every path of the whole site, with bytes and mtime in ns where it is a file."""
        return {
            str(path.relative_to(self.root)): (path.read_bytes(), path.stat().st_mtime_ns)
            if path.is_file()
            else (b"", 0)
            for path in sorted(self.root.rglob("*"))
        }


def documents_in(out: Path) -> dict[str, bytes]:
    """Returns the bytes of every file in a folder but the locks and the manifest."""
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.suffix != ".lock" and path.name not in {MANIFEST, "images.json"}
    }
