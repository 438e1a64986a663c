"""Keys of config.toml that clash: aliases given twice, and paths that must lie apart."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from feeds.common.errors import ConfigError
from feeds.config import load_config
from feeds.config.clashes import find_overlaps
from tests.support.site import Site

REFUSED = {
    "out is the site": ("[paths]\nout = '.'", "paths.out", "the configuration"),
    "out is the root": ("[paths]\nout = '/'", "paths.out", "the configuration"),
    "out is seeds": ("[paths]\nout = 'seeds'", "paths.out", "paths.seeds.0"),
    "out in seeds": ("[paths]\nout = 'seeds/a/out'", "paths.out", "paths.seeds.0"),
    "out in seeds by dots": ("[paths]\nout = 'x/../seeds/o'", "paths.out", "paths.seeds.0"),
    "out in seeds by a link": ("[paths]\nout = 'link/out'", "paths.out", "paths.seeds.0"),
    "seeds in out": ("[paths]\nseeds = ['a', 'out/b']", "paths.seeds.1", "paths.out"),
    "seeds by a link in out": ("[paths]\nseeds = ['out/link']", "paths.seeds.0", "paths.out"),
    "seeds around all": ("[paths]\nseeds = ['.']", "paths.seeds.0", "paths.out"),
    "state in out": ("[paths]\nstate = 'out/state.db'", "paths.state", "paths.out"),
    "state is out": ("[paths]\nstate = 'out'", "paths.state", "paths.out"),
    "out below state": ("[paths]\nstate = 'a'\nout = 'a/out'", "paths.out", "paths.state"),
    "state in seeds": ("[paths]\nstate = 'seeds/s.db'", "paths.state", "paths.seeds.0"),
    "state in a dot folder of seeds that are watched": (
        "[paths]\nstate = 'seeds/.x/s.db'\n[schedule]\nwatch = true",
        "paths.state",
        "paths.seeds.0",
    ),
    "state is the configuration": (
        "[paths]\nstate = 'config.toml'",
        "paths.state",
        "the configuration",
    ),
    "log is the configuration": (
        "[serve]\naccess_log = 'config.toml'",
        "serve.access_log",
        "the configuration",
    ),
    "log in seeds": ("[serve]\naccess_log = 'seeds/a.md'", "serve.access_log", "paths.seeds.0"),
    "backup in seeds": ("[state]\nbackup = 'seeds/s.db'", "state.backup", "paths.seeds.0"),
    "templates in out": ("[paths]\ntemplates = 'out/t'", "paths.templates", "paths.out"),
    "templates are out": ("[paths]\ntemplates = 'out'", "paths.templates", "paths.out"),
    "cache is out": ("[images]\ncache = 'out'", "images.cache", "paths.out"),
    "cache in out": ("[images]\ncache = 'out/a/b'", "images.cache", "paths.out"),
    "out in cache": ("[images]\ncache = '.'", "images.cache", "paths.out"),
    "cache in seeds": ("[images]\ncache = 'seeds/i'", "images.cache", "paths.seeds.0"),
    "cache is state": ("[images]\ncache = '.feeds/state.db'", "images.cache", "paths.state"),
    "state in a cache that is served": (
        "[images]\ncache = '.feeds'\nbase_url = 'https://img.example.org/'",
        "images.cache",
        "paths.state",
    ),
}


@pytest.fixture
def linked(site: Site) -> Site:
    """A site with a link to its seeds beside them, and one to elsewhere in out/."""
    (site.root / "link").symlink_to("seeds")
    site.out.mkdir()
    (site.root / "elsewhere").mkdir()
    (site.out / "link").symlink_to(site.root / "elsewhere")
    return site


@pytest.mark.parametrize(("toml", "key", "other"), REFUSED.values(), ids=REFUSED)
def test_overlap_is_refused_with_both_keys_and_lines(
    toml: str, key: str, other: str, linked: Site
) -> None:
    path = linked.root / "config.toml"
    path.write_text(toml, encoding="utf-8")
    before = linked.files()
    with pytest.raises(ConfigError) as caught:
        load_config(path, {})
    (fault,) = (one for one in caught.value.faults if f": {key}: " in one and other in one)
    line = 3 if toml.count("\n") == 2 and key == "paths.out" else 2
    assert fault.startswith(f"{path}:{line}: {key}: ")
    assert linked.files() == before


ALLOWED = {
    "seeds in seeds": "[paths]\nseeds = ['seeds', 'seeds/a']",
    "state in a dot folder of seeds": "[paths]\nstate = 'seeds/.x/s.db'",
    "cache in a dot folder of seeds": "[images]\ncache = 'seeds/.x'",
    "state in the cache": "[images]\ncache = '.feeds'",
    "state in the site": "[paths]\nstate = 'state.db'",
    "out beside seeds by name": "[paths]\nout = 'seeds-out'",
    "out beside the state": "[paths]\nout = '.feeds/out'",
    "templates around out": "[paths]\ntemplates = '.'",
    "out above the site": "[paths]\nout = '../public'",
    "cache that is served": "[images]\nbase_url = 'https://img.example.org/'",
}


@pytest.mark.parametrize("toml", ALLOWED.values(), ids=ALLOWED)
def test_overlap_that_does_no_harm_is_allowed(toml: str, linked: Site) -> None:
    path = linked.root / "config.toml"
    path.write_text(toml, encoding="utf-8")
    load_config(path, {})


@pytest.mark.parametrize("out", ["seeds/out", ".", "link", ""])
@pytest.mark.parametrize("command", ["export", "export --dry-run", "status", "run", "serve"])
def test_overlap_of_the_option_out_is_refused(
    command: str, out: str, linked: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(linked.root)
    before = linked.files()
    ran = linked.run(*command.split(), "--out", out)
    assert ran.code == 2
    assert "feeds: --out: paths.out: " in ran.err
    assert linked.files() == before


@pytest.mark.parametrize("side", ["", "-wal", "-shm"])
@pytest.mark.parametrize("name", ["versions.db", "Search.db"])
def test_state_that_is_called_like_a_file_of_the_server_is_refused(
    name: str, side: str, site: Site
) -> None:
    site.configure(f'[paths]\nstate = "{name}{side}"\n')
    with pytest.raises(ConfigError, match=f"5: paths.state: .*{name}{side}"):
        load_config(site.root / "config.toml", {})


def test_overlap_by_variables_names_them(site: Site) -> None:
    variables = {"FEEDS_PATHS__OUT": "a", "FEEDS_PATHS__STATE": "a/state.db"}
    with pytest.raises(ConfigError) as caught:
        load_config(site.root / "config.toml", variables)
    (fault,) = caught.value.faults
    assert fault.startswith("environment variable FEEDS_PATHS__STATE: paths.state: ")
    assert "environment variable FEEDS_PATHS__OUT)" in fault


def test_overlap_is_told_by_what_is_on_the_disk_where_names_do_not_tell(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a disk that takes SEEDS for seeds, or with one folder mounted at two places."""
    (site.root / "SEEDS").mkdir()
    real = Path.stat
    one, two = (site.root / name for name in ("SEEDS", "seeds"))
    monkeypatch.setattr(Path, "stat", lambda path: real(two if path == one else path))
    config = site.load().with_out(site.root / "elsewhere").config
    paths = replace(config.paths, out=Path(one / "new/out"))
    (fault,) = find_overlaps(replace(config, paths=paths), site.root / "config.toml", {})
    assert "is inside paths.seeds.0" in fault


@pytest.mark.parametrize(
    ("toml", "line", "keys"),
    [
        pytest.param(
            '[topics.AI]\nslug = "x"\n[topics.B]\naliases = ["x"]',
            7,
            ('topics."B".aliases', 'topics."AI".slug'),
            id="slug of another",
        ),
        pytest.param(
            '[topics.B]\nslug = "x"\naliases = ["y", "x"]',
            6,
            ('topics."B".aliases', 'topics."B".slug'),
            id="its own slug",
        ),
        pytest.param(
            '[topics.AI]\naliases = ["x"]\n[topics.B]\naliases = ["x"]',
            7,
            ('topics."B".aliases', 'topics."AI".aliases'),
            id="alias of another",
        ),
        pytest.param(
            '[topics.AI]\naliases = ["x", "x"]', 5, ('topics."AI".aliases',), id="given twice"
        ),
        pytest.param(
            '[providers."a.org"]\naliases = ["B.org"]\n[providers."b.org"]',
            5,
            ('providers."a.org".aliases', 'providers."b.org"'),
            id="domain with a table",
        ),
        pytest.param(
            '[providers."a.org"]\naliases = ["b.org"]\n[providers."b.org"]\nslug = "c"',
            5,
            ('providers."a.org".aliases', 'providers."b.org"'),
            id="domain with a table and a slug",
        ),
        pytest.param(
            '[providers."a.org"]\naliases = ["a.org"]',
            5,
            ('providers."a.org".aliases', 'providers."a.org"'),
            id="its own domain",
        ),
        pytest.param(
            '[providers."a.org"]\naliases = ["c.org"]\n[providers."b.org"]\naliases = ["c.org"]',
            7,
            ('providers."b.org".aliases', 'providers."a.org".aliases'),
            id="former domain of another",
        ),
        pytest.param(
            '[[feeds]]\nname = "One"\n[[feeds]]\nname = "Two"\naliases = ["one"]',
            8,
            ('feeds."Two".aliases', 'feeds."One".name'),
            id="name of a custom feed",
        ),
        pytest.param(
            '[providers."a.org"]\naliases = ["b.org"]\n'
            '[[rules]]\ntopic = "AI"\nprovider = "a.org"\nmin_quality = 1\n'
            '[[rules]]\ntopic = "ai"\nprovider = "b.org"\nmin_quality = 2\n',
            10,
            ("rules", 'providers."a.org".aliases'),
            id="rules of one pair",
        ),
    ],
)
def test_alias_that_clashes_is_refused_with_both_keys(
    site: Site, toml: str, line: int, keys: tuple[str, ...]
) -> None:
    site.configure(toml)
    with pytest.raises(ConfigError) as caught:
        site.load()
    (fault,) = caught.value.faults
    assert fault.startswith(f"{site.root / 'config.toml'}:{line}: ")
    assert all(key in fault for key in keys), fault
    assert site.run("export").code == 2
    assert not site.out.exists()


@pytest.mark.parametrize("alias", ['""', '"A b"', '"../x"', "3"])
def test_alias_is_a_slug(site: Site, alias: str) -> None:
    site.configure(f"[topics.AI]\naliases = [{alias}]")
    with pytest.raises(ConfigError, match=r"topics.AI.aliases.0: found"):
        site.load()


def test_alias_of_another_kind_is_no_clash(site: Site) -> None:
    site.configure(
        '[topics.AI]\naliases = ["x"]\n[providers."a.org"]\nslug = "x"\n'
        '[[feeds]]\nname = "F"\nslug = "x"\n'
    )
    assert site.load().config.topics["AI"].aliases == ("x",)
