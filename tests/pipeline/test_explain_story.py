"""Explanations of stories: which story a name means, and that they agree with what is published."""

from __future__ import annotations

import json
import uuid

import pytest

from feeds.common.errors import UnknownSeedError
from feeds.pipeline import due_seeds
from feeds.pipeline import explain_story as module
from feeds.pipeline.explain_story import Explanation, explain
from feeds.store import Store
from tests.support.site import Site
from tests.support.spying import spy

URL = "https://news.example.com/stories/1"
ID = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, URL)}"
OLD = "2021-03-01T08:00:00Z"


def feeds_of(explanation: Explanation) -> set[str]:
    """Returns the addresses of the feeds that a story is in."""
    return {one.address for one in explanation.feeds if one.inside}


SPELLINGS = [
    "a.txt",
    "./a.txt",
    "seeds/a.txt",
    "seeds//a.txt",
    "seeds/../seeds/a.txt",
    "../site/seeds/a.txt",
    "{site}/seeds/a.txt",
    "{site}/../site/seeds/a.txt",
    "{site}/../link/seeds/a.txt",
    URL,
    "HTTPS://News.Example.com/stories/1",
    "https://www.example.com/one",
    ID,
    ID.removeprefix("urn:uuid:"),
]


@pytest.mark.parametrize("story", SPELLINGS)
def test_explain_knows_a_story_by(story: str, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    (site.root.parent / "link").symlink_to(site.root)
    monkeypatch.chdir(site.root)
    site.seed(publishedDateTime=OLD, webUrl="https://www.example.com/one")
    site.seed("b.txt", number=2, publishedDateTime=OLD)
    (explanation,) = explain(site.load(), story.format(site=site.root))
    assert (explanation.seed, explanation.id) == ("seeds/a.txt", ID)


@pytest.mark.parametrize(
    ("story", "looks"), [("a.txt", 0), (URL, 0), (ID, 0), ("https://www.example.com/one", 1)]
)
def test_explain_looks_at_all_stories_for_a_web_url_alone(
    story: str, looks: int, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.seed(publishedDateTime=OLD, webUrl="https://www.example.com/one")
    site.publish()
    all_of_them = spy(monkeypatch, Store, "item_headers")
    with_it = spy(monkeypatch, Store, "headers_with")
    (explanation,) = explain(site.load(), story)
    assert explanation.id == ID
    assert (all_of_them, len(with_it)) == ([], looks)


@pytest.mark.parametrize("story", ["a.txt", URL, ID])
def test_explain_looks_among_many_seeds_at_those_of_the_story_alone(
    story: str, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.seed(publishedDateTime=OLD, quality=20)
    site.publish()
    monkeypatch.setattr(module, "_SOON_SEEN", 0)
    looks = spy(monkeypatch, due_seeds, "list_plain")
    site.seed(publishedDateTime=OLD)
    site.seed("b.txt", number=2)
    (explanation,) = explain(site.load(), story)
    assert "all" in feeds_of(explanation)
    assert looks == []


@pytest.mark.parametrize("story", ["c.txt", URL, ID])
def test_explain_looks_at_all_seeds_for_one_that_moved(
    story: str, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed = site.seed(publishedDateTime=OLD)
    site.publish()
    monkeypatch.setattr(module, "_SOON_SEEN", 0)
    seed.rename(seed.with_name("c.txt"))
    (explanation,) = explain(site.load(), story)
    assert "all" in feeds_of(explanation)


def test_explain_of_a_url_is_of_every_story_that_has_it(site: Site) -> None:
    for name, quality in (("b.txt", 60), ("a.txt", 70)):
        site.seed(name, quality=quality, webUrl="https://www.example.com/one")
    found = explain(site.load(), URL)
    assert [one.seed for one in found] == ["seeds/a.txt", "seeds/b.txt"]


@pytest.mark.parametrize("quality", [50, 500], ids=["good", "broken"])
def test_explain_knows_a_story_from_inside_the_seeds_folder(
    quality: int, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.seed("b/a.txt", publishedDateTime=OLD, quality=quality)
    site.publish()
    monkeypatch.chdir(site.seeds / "b")
    (explanation,) = explain(site.load(), "a.txt")
    paths = {explanation.seed, *(problem.path for problem in explanation.problems)}
    assert "seeds/b/a.txt" in paths


@pytest.mark.parametrize(
    ("story", "why"),
    [
        ("nosuch.txt", "there is no such file"),
        ("seeds/.draft.txt", "dot files and files in dot folders are ignored"),
        (".draft.txt", "dot files and files in dot folders are ignored"),
        ("seeds/.old/a.txt", "dot files and files in dot folders are ignored"),
        ("seeds/notes.pdf", "its name does not end in .txt, .md, .markdown, .yaml, .yml"),
        ("notes.pdf", "its name does not end in .txt, .md, .markdown, .yaml, .yml"),
        ("outside.txt", "it is not below"),
        (".hidden/outside.txt", "it is not below"),
        ("seeds-old/a.txt", "it is not below"),
        ("https://example.org/unknown", "has the URL or id"),
        ("urn:uuid:00000000-0000-0000-0000-000000000000", "has the URL or id"),
        ("https://[", "has the URL or id"),
    ],
)
def test_explain_says_why_it_knows_no_such_seed(
    story: str, why: str, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(site.root)
    site.seed()
    for name in ("seeds/.draft.txt", "seeds/.old/a.txt", "seeds/notes.pdf", "outside.txt"):
        site.write(f"../{name}", "---\n---\n")
    for name in (".hidden/outside.txt", "seeds-old/a.txt"):
        site.write(f"../{name}", "---\n---\n")
    with pytest.raises(UnknownSeedError) as caught:
        explain(site.load(), story)
    assert why in str(caught.value)
    assert story in str(caught.value)


def test_explain_of_any_story_agrees_with_what_is_published(site: Site) -> None:
    site.configure(
        "[selection]\nmax_items = 4\n[topics.AI]\nmin_quality = 60\n"
        '[providers."b.org"]\nmin_quality = 20\nmax_items = 2\n[topics.Art]\nslug = "arts"\n'
        '[[rules]]\ntopic = "Art"\nprovider = "a.org"\nexclude = true\n'
        '[[feeds]]\nname = "Both"\ntopics = ["AI", "Art"]\nproviders = ["b.org"]\nmin_quality = 5'
    )
    for number in range(24):
        site.seed(
            f"{number}.txt",
            number=number,
            publishedDateTime=f"2021-03-{number + 1:02}T00:00:00Z",
            quality=(number * 37) % 101,
            published=number % 7 != 3,
            provider={"domain": "ab"[number % 2] + ".org"},
            topics=[["AI"], ["Art"], ["AI", "Art"], []][number % 4],
        )
    site.publish()
    held: dict[str, set[str]] = {}
    for path in site.out.rglob("*.json"):
        if not path.name.startswith("."):
            address = str(path.relative_to(site.out).with_suffix(""))
            held[address] = {one["title"] for one in json.loads(path.read_bytes())["items"]}
    told: dict[str, set[str]] = {address: set() for address in held}
    for number in range(24):
        (explanation,) = explain(site.load(), f"{number}.txt")
        for address in feeds_of(explanation):
            told[address].add(f"Story {number}")
    assert told == held
    assert sum(map(len, held.values())) > 15
