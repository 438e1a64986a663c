"""Which feeds a pass renders: those of which anything that they show is another."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.publishing import rendering
from tests.support.site import Site


@pytest.mark.parametrize(
    ("changes", "rendered"),
    [
        pytest.param({"title": "New"}, {"all", "topics/ai", "providers/example.com"}, id="title"),
        pytest.param({"quality": 39}, {"all", "topics/ai", "providers/example.com"}, id="leaves"),
        pytest.param(
            {"topics": ["AI", "Cars"]},
            {"all", "topics/ai", "topics/cars", "providers/example.com"},
            id="enters",
        ),
        pytest.param({"published": False, "quality": 1}, None, id="leaves as a draft"),
    ],
)
def test_feed_is_rendered_again_only_when_something_it_shows_changed(
    site: Site, changes: dict[str, Any], rendered: set[str] | None
) -> None:
    concerned = rendered or {"all", "topics/ai", "providers/example.com"}
    site.seed("a.txt", number=1)
    site.seed("b.txt", number=2)
    site.seed("c.txt", number=3, topics=["Cars"], provider={"domain": "other.org"})
    site.publish()
    before = site.tree()
    site.seed("a.txt", number=1, **changes)
    count, report = rendering(site)
    assert count == len(concerned)
    written = {name.rpartition(".")[0] for name in report.written}
    assert written - {"feeds", "index"} == concerned
    after = site.tree()
    for name in set(before) - set(report.written) - {".feeds-manifest.json"}:
        assert after[name] == before[name], name


@pytest.mark.parametrize(
    ("toml", "rendered"),
    [
        pytest.param("[selection]\nmin_quality = 41", 0, id="threshold without effect"),
        pytest.param('[selection]\nexposure = "1h"', 0, id="exposure without effect"),
        pytest.param('[topics.Cars]\ntitle = "Autos"', 1, id="title of one feed"),
        pytest.param("[topics.Cars]\nmin_quality = 99", 3, id="threshold of one topic"),
        pytest.param('[[feeds]]\nname = "Mine"', 1, id="new feed"),
        pytest.param("[content]\nrelated = 1", 5, id="what all feeds show"),
    ],
)
def test_feed_is_rendered_again_only_when_its_configuration_changed(
    site: Site, toml: str, rendered: int
) -> None:
    site.seed("a.txt", number=1)
    site.seed("b.txt", number=2, topics=["Cars"], provider={"domain": "other.org"})
    site.publish()
    site.configure(toml)
    count, _ = rendering(site)
    assert count == rendered
    assert rendering(site)[0] == 0


def test_feed_is_rendered_again_when_its_title_changed_by_a_story_it_does_not_show(
    site: Site,
) -> None:
    site.seed("a.txt", number=1, topics=["ai"])
    site.publish()
    assert b"<title>Site: ai</title>" in site.read("topics/ai.atom")
    site.seed("b.txt", number=2, topics=["AI"], quality=1)
    assert rendering(site)[0] == 1
    assert b"<title>Site: AI</title>" in site.read("topics/ai.atom")


@pytest.mark.parametrize("damage", ["missing", "changed", "touched"])
def test_document_that_somebody_spoilt_is_restored(site: Site, damage: str) -> None:
    site.seed()
    site.publish()
    before = {name: data for name, (data, _) in site.tree().items()}
    document = site.out / "topics/ai.rss"
    if damage == "missing":
        document.unlink()
    else:
        document.write_bytes(before["topics/ai.rss"] + b" " * (damage == "changed"))
    assert rendering(site)[0] == 1
    assert {name: data for name, (data, _) in site.tree().items()} == before
