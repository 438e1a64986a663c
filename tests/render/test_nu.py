"""The Nu HTML checker (validator.github.io), which is what the W3C's own checker runs."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from tests.support.browsing import needed, serving
from tests.support.many_feeds import smaller_limits
from tests.support.markdown import ROOT
from tests.support.rendering import HOSTILE
from tests.support.site import Site

# What stands in other pages stands in these.
PAGES = (
    *("index.html", "feeds.html", "follow.html", "404.html", "all.html"),
    *("topics/nothing-yet.html", "providers/paper1.example.com.html", "digests/daily.html"),
    *("assets/style.css", "assets/feed.css"),
)
PAGES_OF_PARTS = ("feeds.html", "feeds/topics/a.html", "feeds/topics/a-2.html")
_JAR = ROOT / "build/npm/node_modules/vnu-jar/build/dist/vnu.jar"


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    site = Site(tmp_path_factory.mktemp("site") / "site")
    site.configure(
        'description = "What our editors picked."\nrights = "© <all> & sundry"\n'
        'language = "de"\n[topics."Nothing yet"]\n[[feeds]]\nname = "Best <of> all"\n'
        '[[digests]]\nname = "Daily"\n'
    )
    image = {"url": "https://images.example.com/a.png", "isCached": True}
    for number, text in enumerate(("A plain text", *HOSTILE), 1):
        site.seed(
            f"{number}.txt",
            number=number,
            title=f"{text} {number}",
            excerpt=text,
            topics=["AI", f"About {text}"],
            provider={"name": f"The {text}", "domain": f"paper{number % 3}.example.com"},
            images=[image | ({"width": 9, "height": 6} if number % 2 else {"title": text})],
            related=[{"title": f"More {text}", "webUrl": "https://other.example.com/1"}],
            locale="en" if number % 2 else None,
            updatedDateTime="2026-02-28T09:00:00Z" if number % 2 else None,
        )
    site.publish()
    parts = Site(site.root / "parts")
    parts.configure("")
    for seed in site.seeds.iterdir():
        parts.write(seed.name, seed.read_bytes())
    with smaller_limits(together=3, in_part=12):
        parts.publish()
    with serving(site.root) as url:
        yield [
            *(f"{url}out/{page}" for page in PAGES),
            *(f"{url}parts/out/{page}" for page in PAGES_OF_PARTS),
        ]


def test_nu_finds_nothing(addresses: list[str]) -> None:
    java = needed(shutil.which("java"), "Java (apt-get install default-jre-headless)")
    jar = needed(
        _JAR if _JAR.exists() else None,
        "the Nu HTML checker (npm install --prefix build/npm vnu-jar)",
    )
    # By HTTP, as for visitors: a page on disk has no origin that its policy could allow.
    allow = "-Dnu.validator.servlet.allow-forbidden-hosts=true"
    options = ("--also-check-css", "--format", "json", "--exit-zero-always")
    checked = subprocess.run(
        [java, allow, "-jar", jar, *options, *addresses],
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    # It takes "feed:" for another "http:", so that "feed:https://..." would lack a slash. Readers
    # and the URL Standard name a feed that is served by HTTPS in this way.
    messages = json.loads(checked.stderr)["messages"]
    assert [one for one in messages if "“feed:https://" not in one["message"]] == []
