"""``feeds state backup``: where it writes to, and what it says of it."""

from __future__ import annotations

import pytest

from tests.support.site import Site

WANTED = "wanted an address"


@pytest.fixture
def site(site: Site) -> Site:
    site.seed(number=1)
    site.publish()
    return site


@pytest.mark.parametrize("named", [["copies/state.db"], []], ids=["named", "configured"])
def test_state_backup_is_written_where_it_is_wanted(named: list[str], site: Site) -> None:
    copy = site.root / "copies/state.db"
    site.configure(f'[state]\nbackup = "{"other.db" if named else "copies/"}"\n')
    ran = site.run("state", "backup", *(str(site.root / one) for one in named))
    told = f"wrote a backup of the state to {copy} ({copy.stat().st_size} bytes)"
    assert (ran.code, told in ran.out + ran.err) == (0, True)


def test_state_backup_reports_to_machines(site: Site) -> None:
    copy = site.root / "state.db"
    ran = site.run("state", "backup", str(copy), "--json")
    assert ran.report() == {"backup": str(copy), "bytes": copy.stat().st_size}


def test_state_backup_without_a_place_says_which_key_is_missing(site: Site) -> None:
    ran = site.run("state", "backup")
    assert (ran.code, "state.backup is not set" in ran.err) == (2, True)


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ("s3://bucket", f"DEST: {WANTED} with a key"),
        ("s3://user:pass-word@bucket/a", f"DEST: {WANTED}"),
    ],
    ids=["no key", "password"],
)
def test_state_backup_refuses_an_address_and_shows_no_password(
    site: Site, where: str, says: str
) -> None:
    ran = site.run("state", "backup", where)
    assert (ran.code, says in ran.err, "pass-word" in ran.err) == (2, True, False)
