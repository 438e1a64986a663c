"""[engine]: what is wrong with an address, and with the files of TLS."""

from __future__ import annotations

import pytest

from feeds.common.errors import ConfigError
from tests.support.site import Site

_TLS = 'tls_ca = "ca.pem"\ntls_cert = "cert.pem"\ntls_key = "key.pem"\n'


@pytest.mark.parametrize(
    ("toml", "fault"),
    [
        ('kind = "spark"', "wanted 'processes' or 'dask'"),
        ('kind = "dask"', "address: wanted that of a Dask scheduler"),
        ('kind = "dask"\naddress = "localhost:8786"', "address: wanted that of a Dask scheduler"),
        ('kind = "dask"\naddress = "tcp://localhost"', "address: wanted that of a Dask scheduler"),
        ('kind = "dask"\naddress = "tcp://localhost:x"', "address: wanted that of a Dask"),
        ('kind = "dask"\naddress = "tls://a:b@localhost:1"', "address: wanted that of a Dask"),
        (
            'kind = "dask"\naddress = "tcp://10.0.0.7:8786"',
            "address: wanted tls://",
        ),
        ('kind = "dask"\naddress = "tcp://scheduler:8786"', "address: wanted tls:// for a sched"),
        ('kind = "dask"\naddress = "tls://scheduler:8786"', "tls_ca: wanted a file of TLS"),
        (f'{_TLS}kind = "dask"\naddress = "tcp://[::1]:1"', "address: wanted one with tls://"),
    ],
)
def test_engine_that_cannot_be_is_refused(site: Site, toml: str, fault: str) -> None:
    site.configure(f"[engine]\n{toml}\n")
    with pytest.raises(ConfigError) as caught:
        site.load()
    assert fault in str(caught.value)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.9", "[::1]"])
def test_engine_on_this_machine_needs_no_tls(site: Site, host: str) -> None:
    site.configure(f'[engine]\nkind = "dask"\naddress = "tcp://{host}:8786"\n')
    assert site.load().config.engine.address == f"tcp://{host}:8786"


def test_engine_has_its_files_below_the_folder_of_the_configuration(site: Site) -> None:
    site.configure(f'[engine]\nkind = "dask"\naddress = "tls://scheduler:8786"\n{_TLS}')
    engine = site.load().config.engine
    assert (engine.tls_ca, engine.tls_key) == (site.root / "ca.pem", site.root / "key.pem")
