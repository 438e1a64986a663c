"""Reading config.toml: what it says, what the environment says, and every fault at once."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.common.errors import ConfigError
from feeds.config import Config, Loaded, load_config
from feeds.config.feed_tables import CustomFeed, Named, Rule
from feeds.config.schema import Table, fields_of


def load(folder: Path, toml: str | bytes, **environment: str) -> Loaded:
    """Reads a config.toml of this text; the names of variables come without ``FEEDS_``."""
    path = folder / "config.toml"
    path.write_bytes(toml if isinstance(toml, bytes) else toml.encode())
    return load_config(path, {f"FEEDS_{name}": value for name, value in environment.items()})


def faults(folder: Path, toml: str | bytes, **environment: str) -> list[str]:
    """Returns what is wrong with it; a fault of the file itself begins with its line."""
    with pytest.raises(ConfigError) as caught:
        load(folder, toml, **environment)
    return [fault.removeprefix(str(folder / "config.toml")) for fault in caught.value.faults]


MINIMAL = '[site]\ntitle = "News"\nbase_url = "https://feeds.example.org/"\n'

# A comment says which fault its line has: the key, and what is said of it.
EVERY_KIND_OF_FAULT = """\
[site]
titel = "News"  # site.titel: unknown key (did you mean title?)
base_url = "ftp://a.org/"  # site.base_url: found 'ftp://a.org/', wanted an absolute http or https
language = "en_GB"  # site.language: found 'en_GB', wanted a language tag such as en or en-GB (did
hub = ["https://hub.example.org/", "hub"]  # site.hub.1: found 'hub', wanted an absolute
author.emial = "a@b.org"  # site.author.emial: unknown key (did you mean email?)
[selection]
min_quality = 101  # selection.min_quality: found 101, wanted at most 100
max_age = "soon"  # selection.max_age: found 'soon', wanted a duration such as
min_heat = true  # selection.min_heat: found True, wanted a whole number, not true or false
[text]
repair = "perhaps"  # text.repair: found 'perhaps', wanted
[schedule]
every = "0s"  # schedule.every: found '0s', wanted at least "1s"
[topics."Computer Vision"]
min_qualty = 60  # topics."Computer Vision".min_qualty: unknown key (did you mean min_quality?)
slug = "Computer Vision"  # topics."Computer Vision".slug: found 'Computer Vision', wanted lower
[providers."sky com"]  # providers."sky com": found 'sky com', wanted a host name such as
[[rules]]  # rules.0.provider: this key is required
topic = "AI"
[[rules]]  # rules.1: wanted either min_quality or exclude = true
topic = "AI"
provider = "rt.com"
[[feeds]]
name = " "  # feeds.0.name: found ' ',
topic = ["AI"]  # feeds.0.topic: unknown key (did you mean topics?)
[[digests]]  # digests.0: on: wanted only with every = "week"
name = "Daily"
on = "fri"
[[digests]]
name = "Weekly"
at = "7:00"  # digests.1.at: found '7:00', wanted a time of day such as "07:00"
on = "friday"  # digests.1.on: found 'friday', wanted 'mon', 'tue', 'wed', 'thu', 'fri', 'sat' or
[selektion]  # selektion: unknown key (did you mean selection?)
max_items = 5
"""


def test_load_reports_every_fault_at_once_with_its_line(tmp_path: Path) -> None:
    found = faults(tmp_path, EVERY_KIND_OF_FAULT)
    wanted = [
        f":{number}: {line.partition('  # ')[2]}"
        for number, line in enumerate(EVERY_KIND_OF_FAULT.splitlines(), 1)
        if "  # " in line
    ]
    assert [one for one in wanted if not any(fault.startswith(one) for fault in found)] == []
    assert len(found) == len(wanted)


def keys_of(kind: type[Table], table: str) -> Iterator[tuple[str, str]]:
    """Yields every key of a table, and of those in it, with the table's head."""
    for key, field in fields_of(kind).items():
        yield table, key
        if isinstance(field.type, type) and issubclass(field.type, Table):
            inner = f"{table.strip('[]')}.{key}".lstrip(".")
            yield from keys_of(field.type, f"[{inner}]")


EVERY_KEY = [
    *keys_of(Config, ""),
    *keys_of(Named, "[topics.AI]"),
    *keys_of(Named, '[providers."sky.com"]'),
    *keys_of(Rule, "[[rules]]"),
    *keys_of(CustomFeed, "[[feeds]]"),
]


@pytest.mark.parametrize(("table", "key"), EVERY_KEY)
def test_load_suggests_the_key_that_was_misspelt(table: str, key: str, tmp_path: Path) -> None:
    misspelt = key[:-2] + key[-1] + key[-2] if key[-1] != key[-2] else key[:-1]
    (fault,) = (one for one in faults(tmp_path, f"{table}\n{misspelt} = 1") if misspelt in one)
    assert fault.startswith(":2: ")
    assert fault.endswith(f"{misspelt}: unknown key (did you mean {key}?)")


def test_load_names_the_keys_there_are_where_none_is_near(tmp_path: Path) -> None:
    assert faults(tmp_path, "[text]\nxyz = 1") == [":2: text.xyz: unknown key (known here: repair)"]


@pytest.mark.parametrize(
    ("toml", "line", "key"),
    [
        ("site = 5", 1, "site"),
        ('[[site]]\ntitle = "x"', 1, "site"),
        ('[[sites]]\ntitle = "x"', 1, "sites"),
        ("[site]\nauthor = 'me'", 2, "site.author"),
        ("\ntopics = ['AI']", 2, "topics"),
        ("[topics]\nAI = 60", 2, "topics.AI"),
        ("[[topics]]\nname = 'AI'", 1, "topics"),
        ("[rules]\ntopic = 'AI'", 1, "rules"),
        ("rules = ['AI']", 1, "rules.0"),
        ("[feeds.best]\nname = 'Best'", 1, "feeds"),
        ("[paths]\nseeds = 'seeds'", 2, "paths.seeds"),
        ("[paths]\nseeds = []", 2, "paths.seeds"),
        ("[paths]\nseeds = ['a', 5]", 2, "paths.seeds.1"),
        ("[paths]\nout = ['out']", 2, "paths.out"),
        ("[site]\ntitle = 2021-08-19", 2, "site.title"),
        ("[site]\ntitle = ['News']", 2, "site.title"),
        ("[site]\nid = 'my site'", 2, "site.id"),
        ("[selection]\nmin_quality = {}", 2, "selection.min_quality"),
        ("[schedule]\nevery = '1m'\ncron = '* * * * *'", 1, "schedule"),
        ("[schedule]\ncron = 'hourly'", 2, "schedule.cron"),
    ],
)
def test_load_reports_a_value_of_the_wrong_kind_once_and_for_people(
    toml: str, line: int, key: str, tmp_path: Path
) -> None:
    (fault,) = faults(tmp_path, toml)
    assert fault.startswith(f":{line}: {key}: ")
    assert not re.search("dictionary|tuple|instance|class|pathlib|datetime", fault)


TWICE = {
    "[topics.AI]\n[topics.ai]": "topics: 'ai'",
    '[topics.AI]\n[topics." AI "]': "topics: ",
    '[providers."sky.com"]\n[providers."Sky.com"]': "providers: 'sky.com'",
    "[topics.AI]\nslug = 'x'\n[topics.B]\nslug = 'x'": "topics.slug: 'x'",
    "[providers.a]\nslug = 'x'\n[providers.b]\nslug = 'x'": "providers.slug: 'x'",
    "[[rules]]\ntopic = 'AI'\nprovider = 'a.org'\nexclude = true\n[[rules]]\n"
    "topic = 'ai'\nprovider = 'A.org'\nmin_quality = 5": "rules: 'ai from a.org'",
    "[[feeds]]\nname = 'Best'\n[[feeds]]\nname = 'best'": "feeds: 'best'",
    "[[feeds]]\nname = 'a b'\n[[feeds]]\nname = 'c'\nslug = 'a-b'": "feeds: 'a-b'",
    "[[digests]]\nname = 'Best'\n[[digests]]\nname = 'best'": "digests: 'best'",
}


@pytest.mark.parametrize("toml", TWICE)
def test_load_refuses_what_stands_there_twice(toml: str, tmp_path: Path) -> None:
    (fault,) = faults(tmp_path, toml)
    assert TWICE[toml] in fault
    assert "twice" in fault


def test_load_reports_repeats_with_their_line_and_with_all_other_faults(tmp_path: Path) -> None:
    found = faults(tmp_path, "[text]\nrepiar = true\n[topics.AI]\n[topics.ai]\n")
    assert sorted(fault[:4] for fault in found) in ([":2: ", ":3: "], [":2: ", ":4: "])


@pytest.mark.parametrize(
    ("variable", "value", "key", "wanted"),
    [
        ("SITE__BASE_URL", "https://x.org", "site.base_url", "https://x.org/"),
        ("SITE__TITLE", "5", "site.title", "5"),
        ("SITE__TITLE", "[Beta] News", "site.title", "[Beta] News"),
        ("SITE__AUTHOR__NAME", "Desk", "site.author.name", "Desk"),
        ("SITE__HUB", "https://h.org/", "site.hub", ("https://h.org/",)),
        ("SITE__HUB", '["https://h.org/", "https://i.org/"]', "site.hub.1", "https://i.org/"),
        ("SITE__HUB", "", "site.hub", ()),
        ("PATHS__SEEDS", '["/a", "/b"]', "paths.seeds", (Path("/a"), Path("/b"))),
        ("PATHS__OUT", "/srv/out", "paths.out", Path("/srv/out")),
        ("TEXT__REPAIR", "true", "text.repair", True),
        ("SCHEDULE__WATCH", "False", "schedule.watch", False),
        ("SELECTION__MIN_QUALITY", "7", "selection.min_quality", 7),
        ("SELECTION__MIN_HEAT", "-1", "selection.min_heat", -1),
        ("SELECTION__MAX_AGE", "1w", "selection.max_age", timedelta(weeks=1)),
        ("TOPICS__AI__MIN_QUALITY", "7", "topics.AI.min_quality", 7),
        ("TOPICS__AI__SLUG", "x", "topics.AI.slug", "x"),
    ],
)
def test_load_lets_a_variable_go_before_the_file(
    variable: str, value: str, key: str, wanted: object, tmp_path: Path
) -> None:
    file = """
        [site]\ntitle = "File"\nbase_url = "https://file.org/"\nhub = "https://file.org/"
        [text]\nrepair = false\n[schedule]\nwatch = true\n[topics.AI]\nmin_quality = 90"""
    found: Any = load(tmp_path, file, **{variable: value}).config
    for step in key.split("."):
        plain = isinstance(found, dict | tuple)
        found = found[int(step) if step.isdigit() else step] if plain else getattr(found, step)
    assert found == wanted


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("SITE__BASE_ULR", "x", "site.base_ulr: unknown key (did you mean base_url?)"),
        ("STIE__TITLE", "x", "stie: unknown key (did you mean site?)"),
        ("SITE__AUTHOR__NAEM", "x", "site.author.naem: unknown key (did you mean name?)"),
        ("SITE__TITLE__X", "1", "site.title is not a table, so it has no key x"),
        ("__X", "1", "wanted FEEDS_, a table, two underscores and a key"),
        ("____X", "1", "wanted FEEDS_, a table"),
        ("SITE___TITLE", "x", "wanted FEEDS_, a table"),
        ("SITE__", "x", "wanted FEEDS_, a table"),
        ("SITE__TITLE__", "x", "wanted FEEDS_, a table"),
        ("RULES__0__TOPIC", "AI", "[[rules]] can only stand in config.toml"),
        ("FEEDS__BEST__NAME", "x", "[[feeds]] can only stand in config.toml"),
        ("SITE__TITLE", "", "site.title: found '', wanted a text that is not empty"),
        ("SCHEDULE__EVERY", "5m", "schedule: wanted either every or cron, not both"),
        ("SITE__RIGHTS__X", "1", ""),
        ("SITE__AUTHOR", "Desk", "site.author: found 'Desk'"),
        ("SELECTION__MIN_QUALITY", "101", "selection.min_quality: found '101', wanted at most"),
        ("SELECTION__MIN_QUALITY", "", "selection.min_quality: found '', wanted"),
        ("TEXT__REPAIR", "perhaps", "text.repair: found 'perhaps', wanted"),
        ("PATHS__SEEDS", "seeds", "paths.seeds: found 'seeds', wanted"),
        ("PATHS__SEEDS", '["a"', ""),
        ("PATHS__SEEDS", "[" * 5000, ""),
        ("SITE__TITLE", "a\udcff", ""),
        ("PATHS__OUT", "a\udcff", ""),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_load_blames_the_variable_and_not_the_file(
    variable: str, value: str, words: str, tmp_path: Path
) -> None:
    file = "[site]\ntitle = 'x'\n[schedule]\ncron = '* * * * *'"
    (fault,) = faults(tmp_path, file, **{variable: value})
    assert fault.startswith(f"environment variable FEEDS_{variable}: {words}")


def test_load_reports_faults_of_variables_and_of_the_file_together(tmp_path: Path) -> None:
    bad = {"SITE__URL": "x", "SITE__HUB": "[", "PATHS__SEEDS": '["'}
    assert len(faults(tmp_path, "[text]\nrepiar = true", **bad)) == 4


@pytest.mark.parametrize("name", ["SITE", "PATHS", "RULES", "FEEDS", "TOPICS", "VERSION", "_X", ""])
def test_load_ignores_variables_without_two_underscores_after_the_prefix(
    name: str, tmp_path: Path
) -> None:
    for value in ("x", "[{topic = 'AI'}]", "{title = 'x'}"):
        assert load(tmp_path, "", **{name: value}).config == load(tmp_path, "").config


@pytest.mark.parametrize(
    ("toml", "fault"),
    [
        ('[site]\ntitle = ""', ":2: site.title: found '', wanted a text that is not empty"),
        ("[site]\ntitle = 5", ":2: site.title: found 5, wanted a text, in quotes"),
        ('[site]\npages = "no way"', ":2: site.pages: found 'no way', wanted true or false"),
        ("title = 'x'", ":1: title: unknown key (it belongs in [site])"),
        ("seeds = 'x'", ":1: seeds: unknown key (it belongs in [paths])"),
        ('"" = 1', ':1: "": unknown key (known here: '),
        ('[topics."a.b"]\nx = 1', ':2: topics."a.b".x: unknown key ('),
        ('[topics."[key]"]\nx = 1', ':2: topics."[key]".x: unknown key ('),
        ("[paths]\nout = ''", ":2: paths.out: found '', wanted a path"),
        ("[paths]\nseeds = ['']", ":2: paths.seeds.0: found '', wanted a path"),
        ("[images]\nconcurrency = 1.5", ":2: images.concurrency: found 1.5, wanted a whole"),
    ],
)
def test_load_tells_a_newcomer_what_is_wanted(toml: str, fault: str, tmp_path: Path) -> None:
    assert faults(tmp_path, toml)[0].startswith(fault)


def test_load_shows_the_beginning_of_a_long_value(tmp_path: Path) -> None:
    (fault,) = faults(tmp_path, f"[site]\nid = '{'x' * 10_000}'")
    assert len(fault) < 400


def test_load_blames_the_file_for_what_only_the_file_says(tmp_path: Path) -> None:
    both = "[schedule]\nevery = '1m'\ncron = '* * * * *'"
    (fault,) = faults(tmp_path, both, SCHEDULE__WATCH="true")
    assert fault.startswith(":1: schedule: ")


def test_load_leaves_variables_of_others_alone(tmp_path: Path) -> None:
    load(tmp_path, "", HOME="x", _="x")
    others = {"FEEDS": "x", "FEEDSX_SITE__TITLE": "x", "SITE__TITLE": "x", "feeds_site__title": "x"}
    assert load_config(tmp_path / "config.toml", others).config.site.title == "Feeds"


def test_load_reads_the_environment_of_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(tmp_path, "")
    monkeypatch.setenv("FEEDS_SITE__TITLE", "From outside")
    assert load_config(tmp_path / "config.toml").config.site.title == "From outside"


@pytest.mark.parametrize("start", ["\ufeff[site]\n", "[site]\r\n"], ids=["BOM", "CRLF"])
def test_load_reads_files_of_windows(start: str, tmp_path: Path) -> None:
    assert load(tmp_path, f"{start}title = 'Café'").config.site.title == "Café"
    (fault,) = faults(tmp_path, f"{start}titel = 'Café'")
    assert fault.startswith(":2: site.titel: unknown key")


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        (b"[site\n", ":1:6: not valid TOML: Expected ']'"),
        (b"\n[site", ":2: not valid TOML: Expected ']'"),
        (b"a = 1\na = 2\n", ":2:6: not valid TOML: Cannot overwrite a value"),
        (b"a = 1\na = 2", ":2: not valid TOML: Cannot overwrite a value"),
        (b"[a.b]\n[a.b]\n", ":2:5: not valid TOML: the table [a.b] is given twice"),
        (b"site:\n  title: x", ":1:5: not valid TOML: "),
        (b"[site]\ntitle = News", ":2:9: not valid TOML: Invalid value: a text stands in quotes"),
        (b"a = 1\nb = [1,\n\n# end\n", ":2: not valid TOML: a value is missing, or not closed"),
        (b'\na = """x\n\n', ":2: not valid TOML: Unterminated string"),
        (b"[site]\ntitle = 'Caf\xe9'", ":2:13: not UTF-8 at byte 20"),
        ("[site]".encode("utf-16"), ":1:1: not UTF-8 at byte 1"),
        (b"a = 1\x00", ":1:6: not valid TOML: "),
        (b"a = 2021-99-99", ":1:9: not valid TOML: "),
        (b"[a]\nb = 1\na = " + b"9" * 5000, ":3: not valid TOML: a number is too long"),
        (b"[a]\na = " + b"[" * 5000, ":2: not valid TOML: too deeply nested"),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_load_says_why_a_file_cannot_be_read(toml: bytes, words: str, tmp_path: Path) -> None:
    (fault,) = faults(tmp_path, toml)
    assert fault.startswith(words)


def test_load_says_why_a_path_is_no_file(tmp_path: Path) -> None:
    load(tmp_path, "")
    for path, words in ((tmp_path, "Is a directory"), (tmp_path / "config.toml/x", "Not a dir")):
        with pytest.raises(ConfigError, match=f"cannot be read: {words}"):
            load_config(path, {})


def test_load_says_how_to_get_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"missing\.toml does not exist. 'feeds init' makes one.*--config PATH"
    ):
        load_config(tmp_path / "missing.toml", {})


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("data/out", "{base}/data/out"),
        ("./out/", "{base}/out"),
        ("../out", "{base.parent}/out"),
        ("/srv/out", "/srv/out"),
        ("~/out", "/home/desk/out"),
        ("Entwürfe", "{base}/Entwürfe"),
    ],
)
def test_load_starts_relative_paths_at_the_folder_of_the_file(
    written: str, meant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/desk")
    wanted = Path(meant.format(base=tmp_path))
    seeds = load(tmp_path, f"[paths]\nout = 'o'\nseeds = ['a', '{written}']").config.paths.seeds
    assert seeds == (tmp_path / "a", wanted)
    paths = load(tmp_path, f"[paths]\nout = '{written}'").config.paths
    assert (paths.out, paths.state) == (wanted, tmp_path / ".feeds/state.db")


@pytest.mark.parametrize("path", ["site/config.toml", "site/seeds/../config.toml"])
def test_load_by_a_relative_path_gives_absolute_ones(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "site/seeds").mkdir(parents=True)
    load(tmp_path / "site", "")
    monkeypatch.chdir(tmp_path)
    loaded = load_config(Path(path), {})
    assert loaded.base == tmp_path / "site"
    assert loaded.config.paths.out == tmp_path / "site/out"


@pytest.mark.parametrize("path", ["~nobody-of-this-name/out", "a\\u0000b"])
@pytest.mark.parametrize("key", ["seeds", "out", "state"])
def test_load_refuses_a_path_that_cannot_be(key: str, path: str, tmp_path: Path) -> None:
    value = f'["{path}"]' if key == "seeds" else f'"{path}"'
    (fault,) = faults(tmp_path, f"[paths]\n{key} = {value}")
    assert fault.startswith(f":2: paths.{key}")


def test_load_gives_a_configuration_that_cannot_be_changed(tmp_path: Path) -> None:
    config: Any = load(tmp_path, "").config
    with pytest.raises(AttributeError):
        config.site.title = "Other"


VALUES = st.recursive(
    st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=2),
    max_leaves=4,
)


@given(st.lists(st.tuples(st.sampled_from(EVERY_KEY), VALUES), max_size=3), st.binary(max_size=4))
def test_load_of_any_file_gives_a_configuration_or_faults(
    tmp_path: Path, keys: list[tuple[tuple[str, str], object]], end: bytes
) -> None:
    lines = [f"{table}\n{key} = {json.dumps(value)}" for (table, key), value in keys]
    try:
        loaded = load(tmp_path, "\n".join(lines).encode() + end)
    except ConfigError:
        return
    assert loaded.base == tmp_path


def test_load_takes_no_further_keys_from_a_variable_with_a_list(tmp_path: Path) -> None:
    value = '["https://hub.example.org/"]\ntitle = "Another"'
    (fault,) = faults(tmp_path, MINIMAL, SITE__HUB=value)
    assert fault.startswith("environment variable FEEDS_SITE__HUB: site.hub: found ")
