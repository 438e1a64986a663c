"""``feeds new``: a draft that a check accepts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.site import Site


def written(path: Path) -> dict[str, Any]:
    """Returns the front matter of a seed."""
    found = yaml.load(path.read_text(encoding="utf-8").split("---\n")[1], yaml.BaseLoader)  # noqa: S506
    assert isinstance(found, dict)
    return found


def test_new_makes_a_draft_that_a_check_accepts(site: Site) -> None:
    ran = site.run("new", "Hello World")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("wrote ")
    fields = written(site.seeds / "hello-world.md")
    assert fields["title"] == "Hello World"
    assert fields["originalUrl"] == "https://feeds.example.org/hello-world"
    assert fields["provider"] == {"domain": "feeds.example.org"}
    assert fields["published"] == "false"
    assert site.run("check") == (0, "1 seeds, 1 usable: 0 errors, 0 warnings\n", "")


def test_new_takes_url_provider_and_topics(site: Site) -> None:
    site.configure("[selection]\nmin_quality = 60\n")
    url = "https://www.news.example.com/a?b=1"
    site.run("new", "One", "--url", url, "--topic", "AI", "--topic", 'Law: "order"')
    fields = written(site.seeds / "one.md")
    assert (fields["originalUrl"], fields["quality"]) == (url, "60")
    assert fields["provider"] == {"domain": "news.example.com"}
    assert fields["topics"] == ["AI", 'Law: "order"']
    site.run("new", "Two", "--url", url + "2", "--provider", "example.com")
    assert written(site.seeds / "two.md")["provider"] == {"domain": "example.com"}
    assert site.run("check").code == 0


def test_new_changes_no_file(site: Site) -> None:
    site.run("new", "One")
    before = (site.seeds / "one.md").read_bytes()
    ran = site.run("new", "One", "--topic", "AI")
    assert (ran.code, ran.out) == (2, "")
    assert "one.md exists already" in ran.err
    assert (site.seeds / "one.md").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["One", "--url", "news.example.com/one"], "originalUrl: found 'news.example.com/one'"),
        (["One", "--provider", "The Times"], "provider.domain: found 'The Times'"),
        ([""], "title: missing"),
    ],
    ids=["url", "provider", "title"],
)
def test_new_refuses_what_no_seed_can_hold(arguments: list[str], words: str, site: Site) -> None:
    ran = site.run("new", *arguments)
    assert ran.code == 2
    assert ran.err.startswith(f"feeds: no seed can be made of this: {words}")
    assert list(site.seeds.iterdir()) == []


def test_new_says_why_it_cannot_write(site: Site) -> None:
    site.configure('[paths]\nseeds = ["file/new"]\n')
    (site.root / "file").touch()
    ran = site.run("new", "One")
    assert ran.code == 2
    assert "one.md: Not a directory" in ran.err


def test_new_needs_no_folder(site: Site) -> None:
    site.configure('[paths]\nseeds = ["stories/new"]\n')
    assert site.run("new", "One").code == 0
    assert (site.root / "stories/new/one.md").is_file()


@given(title=st.text(min_size=1).filter(lambda text: text[0] != "-"), topic=st.text())
@settings(max_examples=settings().max_examples // 5)
def test_new_of_any_title_is_accepted_or_refused_with_a_reason(
    title: str, topic: str, site: Site
) -> None:
    ran = site.run("new", title, f"--topic={topic}")
    if ran.code:
        assert ran.err.startswith("feeds: ")
        return
    (path,) = site.seeds.iterdir()
    assert site.run("check").code == 0
    path.unlink()
