"""feeds.config.duplicates: aliases that config.toml itself contradicts."""

from __future__ import annotations

import pytest

from feeds.common.errors import ConfigError
from tests.support.site import Site


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
