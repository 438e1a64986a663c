"""feeds.seeds.parse: the schema of a seed, and every problem in it at once."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.common.model import Image, Item, Problem, Provider, Related
from feeds.seeds.frontmatter import FrontMatter, split
from feeds.seeds.parse import ParseOptions, parse
from tests.support.site import front_matter, seed_text
from tests.support.soundness import assert_sound

_OPTIONS = ParseOptions()
_FIELDS = (
    *("title", "publishedDateTime", "quality", "provider", "originalUrl", "webUrl", "excerpt"),
    *("updatedDateTime", "heat", "published", "topics", "tags", "category", "type", "locale"),
    *("ampWebUrl", "cdnAmpWebUrl", "images", "related", "secured", "correction"),
    *("withdrawnReason", "unknown"),
)
_PARTS = ("url", "webUrl", "width", "height", "title", "isCached", "provider", "name", "domain")
_TEXT = st.text(max_size=10) | st.sampled_from(
    [
        *("", "~", "null", "\x00", "\x85", "\ud800", "\ufffe", "e\u0301", "\u2028", "Ã©", "&#12;"),
        *(
            "https://a.example/é",
            "http://localhost/a.jpg",
            "7",
            "-1",
            "true",
            "2021-08-19",
            "en_GB",
        ),
        *("0001-01-01T00:00+23:00", "bücher.example", "[a](b)\n# c", "<b>", "x" * 100, " \n "),
    ]
)
_NODE = st.recursive(
    _TEXT,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(_PARTS) | _TEXT, inner, max_size=5)
    ),
    max_leaves=10,
)


def parse_text(text: str, options: ParseOptions = _OPTIONS) -> tuple[Item | None, list[Problem]]:
    return parse("a.txt", split(text.encode(), all_yaml=False), options)


def parse_seed(
    yaml: str = "", *, without: str = "", body: str = "", **changes: Any
) -> tuple[Item | None, list[Problem]]:
    """Parses a good seed with changes; lines of YAML are put first and begin in line 2."""
    fields = front_matter(**changes)
    fields.pop(without, None)
    return parse_text(seed_text(fields, body).replace("---\n", f"---\n{yaml}", 1))


def good_item(yaml: str = "", *, without: str = "", body: str = "", **changes: Any) -> Item:
    item, problems = parse_seed(yaml, without=without, body=body, **changes)
    assert problems == []
    assert item is not None
    return item


FULL = """---
category: news
title: "  A <b>bold</b>\\n title "
correction: It was  Tuesday
withdrawnReason: It was  wrong
excerpt: First line
  and second
publishedDateTime: 2021-08-19T13:58:00+02:00
updatedDateTime: 2021-08-20
originalUrl: HTTP://Original.example/a
webUrl: https://bücher.example/a?b=é
ampWebUrl: https://amp.example/a
cdnAmpWebUrl: https://cdn.example/a
type: article
locale: en_GB
quality: 74
heat: 114
published: yes
provider: {name: The Büchers, domain: BÜCHER.example}
topics: [No, On, 1.10, no, " Computer\\tVision"]
tags: [x, "", y, X]
images:
- {url: https://i.example/1.png, width: 640, height: 425, title: " One ", isCached: true}
- url: https://i.example/2.png
related:
- title: Other
  webUrl: https://r.example/1
  quality: 54
  publishedDateTime: 2021-08-22T21:02:00Z
  provider: {name: R, domain: r.example}
  images: [{url: nonsense}]
- {title: Bare, originalUrl: https://r.example/2}
secured: c2VjcmV0
unknown: {a: [b]}
---
*Body*
"""


def test_parse_reads_every_field() -> None:
    assert parse_text(FULL) == (
        Item(
            id="urn:uuid:" + str(uuid.uuid5(uuid.NAMESPACE_URL, "HTTP://Original.example/a")),
            title="A <b>bold</b> title",
            published=datetime(2021, 8, 19, 11, 58, tzinfo=UTC),
            updated=datetime(2021, 8, 20, tzinfo=UTC),
            url="https://xn--bcher-kva.example/a?b=%C3%A9",
            original_url="http://original.example/a",
            quality=74,
            heat=114,
            is_published=True,
            provider=Provider("The Büchers", "xn--bcher-kva.example"),
            excerpt="First line and second",
            correction="It was Tuesday",
            withdrawn_reason="It was wrong",
            body="<p><em>Body</em></p>",
            topics=("No", "On", "1.10", "Computer Vision"),
            tags=("x", "y"),
            category="news",
            type="article",
            locale="en-GB",
            amp_url="https://amp.example/a",
            cdn_amp_url="https://cdn.example/a",
            images=(
                Image("https://i.example/1.png", 640, 425, "One", cached=True),
                Image("https://i.example/2.png"),
            ),
            related=(
                Related(
                    "Other",
                    "https://r.example/1",
                    54,
                    datetime(2021, 8, 22, 21, 2, tzinfo=UTC),
                    "R",
                ),
                Related("Bare", "https://r.example/2"),
            ),
        ),
        [],
    )


def test_parse_of_required_fields_alone_gives_the_defaults() -> None:
    item, problems = parse_text(
        "---\ntitle: T\npublishedDateTime: 2021-08-19\nquality: 0\nwebUrl: https://a.example/\n"
        "provider:\n  domain: a.example\n---\n"
    )
    assert problems == []
    assert item == Item(
        id="urn:uuid:" + str(uuid.uuid5(uuid.NAMESPACE_URL, "https://a.example/")),
        title="T",
        published=datetime(2021, 8, 19, tzinfo=UTC),
        url="https://a.example/",
        original_url="https://a.example/",
        quality=0,
        heat=-1,
        is_published=False,
        provider=Provider("a.example", "a.example"),
    )


_ID_1 = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, 'https://news.example.com/stories/1')}"


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"title": "Other", "excerpt": "Other", "quality": 1}, id="text"),
        pytest.param({"publishedDateTime": "2020-01-01", "provider": {"domain": "b.c"}}, id="date"),
        pytest.param({"webUrl": "https://elsewhere.example/"}, id="web-url"),
        pytest.param({"originalUrl": " https://news.example.com/stories/1\n"}, id="white-space"),
    ],
)
def test_id_depends_on_the_original_url_alone(changes: dict[str, Any]) -> None:
    assert good_item(**changes).id == _ID_1
    assert good_item(**changes, body="Other").id == _ID_1


@pytest.mark.parametrize(
    "original", ["", "originalUrl:\n", "originalUrl: null\n", 'originalUrl: " "\n']
)
def test_id_is_that_of_the_web_url_where_there_is_no_original(original: str) -> None:
    item = good_item(original, originalUrl=None, webUrl="https://news.example.com/stories/1")
    assert item.id == _ID_1
    assert item.url == item.original_url == "https://news.example.com/stories/1"


def test_id_is_pinned() -> None:
    # Another id, and every reader shows every story again.
    assert good_item().id == "urn:uuid:36935963-a409-5020-a328-6137512a120b"


def test_date_without_a_zone_is_read_in_the_zone_of_the_site() -> None:
    text = seed_text(front_matter(publishedDateTime="2021-08-19 11:58"))
    item, _ = parse_text(text, ParseOptions(timezone="America/New_York"))
    assert item is not None
    assert item.published == datetime(2021, 8, 19, 15, 58, tzinfo=UTC)


@pytest.mark.parametrize(("repair", "wanted"), [(True, "It’s"), (False, "Itâ€™s")])
def test_mojibake_is_repaired_everywhere_unless_switched_off(*, repair: bool, wanted: str) -> None:
    broken = "Itâ€™s"
    related = [{"title": broken, "webUrl": "https://r.example/", "provider": {"name": broken}}]
    fields = front_matter(
        title=broken, excerpt=broken, topics=[broken], tags=[broken], category=broken, type=broken,
        provider={"name": broken, "domain": "a.example"}, related=related,
        images=[{"url": "https://i.example/", "title": broken}],
    )  # fmt: skip
    item, problems = parse_text(seed_text(fields, broken), ParseOptions(repair=repair))
    assert problems == []
    assert item is not None
    assert {item.title, item.excerpt, *item.topics, *item.tags, item.category, item.type} == {
        wanted
    }
    assert {item.provider.name, item.images[0].title, item.related[0].title} == {wanted}
    assert (item.related[0].provider, item.body) == (wanted, f"<p>{wanted}</p>")


@pytest.mark.parametrize("quote", ["", "'", '"'], ids=["plain", "single", "double"])
def test_mojibake_with_raw_controls_is_repaired_in_every_text(quote: str) -> None:
    text = seed_text(front_matter(), "â\x80\x9cBodyâ\x80\x9d `â\x80\x9c`")
    title = f"{quote}â\x80\x9cÃ\x89coleâ€\x9d{quote}"
    item, problems = parse_text(re.sub("(?m)^title:.*", f"title: {title}", text))
    assert problems == []
    assert item is not None
    assert (item.title, item.body) == ("“École”", "<p>“Body” <code>â</code></p>")


def test_mojibake_of_urls_and_domains_is_what_it_was() -> None:
    url = "https://a.example/â\x80\x9c"
    fields = front_matter(originalUrl=url, provider={"domain": "a\x80.example"})
    item, _ = parse_text(seed_text(fields))
    plain, _ = parse_text(seed_text(front_matter(originalUrl="https://a.example/â")))
    assert item is not None
    assert plain is not None
    assert (item.id, item.url) == (plain.id, plain.url)
    assert item.provider.domain == "a.example"


@pytest.mark.parametrize("word", ["null", "~", "Null", "NULL"])
@pytest.mark.parametrize("form", ["'{}'", '"{}"', "|\n  {}", ">-\n  {}", '" {} "'])
def test_null_in_quotes_is_text(word: str, form: str) -> None:
    value = form.format(word)
    names = ("title", "excerpt", "category", "type")
    yaml = "".join(f"{name}: {value}\n" for name in names)
    yaml += f"topics:\n- {value.replace('  ', '    ')}\n- {word}\n- A\n"
    fields = {key: one for key, one in front_matter().items() if key not in {*names, "topics"}}
    item, problems = parse_text(seed_text(fields).replace("---\n", f"---\n{yaml}", 1))
    assert problems == []
    assert item is not None
    assert {item.title, item.excerpt, item.category, item.type} == {word}
    assert item.topics == (word, "A")


@pytest.mark.parametrize("field", ["quality", "heat", "published", "locale", "images", "topics"])
def test_null_in_quotes_is_no_other_value(field: str) -> None:
    _, problems = parse_seed(f"{field}: 'null'\n", without=field)
    assert [problem.field for problem in problems] == [field]
    assert "found 'null'" in problems[0].reason


@pytest.mark.parametrize("mark", ["\ufeff", "\ufeff\ufeff", " \ufeff ", "ï»¿"])
def test_byte_order_mark_before_a_value_is_dropped(mark: str) -> None:
    fields = front_matter(
        title=f"{mark}Title", excerpt=f"{mark}Excerpt", topics=[f"{mark}AI"], category=f"{mark}News"
    )
    item, problems = parse_text(seed_text(fields, f"{mark}Body"))
    assert problems == []
    assert item is not None
    assert (item.title, item.excerpt, item.topics, item.category, item.body) == (
        *("Title", "Excerpt", ("AI",), "News", "<p>Body</p>"),
    )


def test_byte_order_mark_before_what_is_no_text_is_dropped() -> None:
    fields = front_matter(
        originalUrl="\ufeffhttps://a.example/", quality="\ufeff70", provider={"domain": "\ufeffa.b"}
    )
    item, problems = parse_text("\ufeff\ufeff" + seed_text(fields))
    assert problems == []
    assert item is not None
    assert (item.url, item.quality, item.provider.domain) == ("https://a.example/", 70, "a.b")


@given(
    changes=st.dictionaries(st.sampled_from(_FIELDS), _NODE, max_size=8),
    body=st.lists(_TEXT, max_size=6).map("".join),
    repair=st.booleans(),
)
def test_parse_of_any_values_gives_a_sound_item_or_errors(
    *, changes: dict[str, Any], body: str, repair: bool
) -> None:
    mapping = {"quality": "7", "published": "true"} | front_matter(quality=None, published=None)
    mapping = mapping | {"heat": "7"} | changes
    item, problems = parse(
        "a.txt", FrontMatter(mapping, body, "a: b", 1), ParseOptions(repair=repair)
    )
    if item is not None:
        assert_sound(item)
    assert (item is None) == any(problem.severity == "error" for problem in problems)
    for problem in problems:
        assert (problem.path, problem.line) == ("a.txt", 2)
        assert problem.field.isprintable()
        assert problem.reason.isprintable()
    assert (item, problems) == parse(
        "a.txt", FrontMatter(mapping, body, "a: b", 1), ParseOptions(repair=repair)
    )
