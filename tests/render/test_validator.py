"""The house validator finds what it is there to find, and finds nothing in what we publish."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from lxml import etree

from feeds.common.times import from_unix
from feeds.config import Config, Loaded
from feeds.config.types import _line
from feeds.pipeline.run import publish_feeds
from tests.support.rendering import GOLDEN, HOSTILE_LINE, HOSTILE_TEXT
from tests.support.site import NOW, Site, made
from tests.support.validator import findings

_BASE = "https://feeds.example.org/v1/"

# What is planted in the golden documents: name | document | text | what stands in its place
_PLANTED = """\
enclosure without length|rss|length="0"|
enclosure of empty length|rss|length="0"|length=""
enclosure of negative length|rss|length="0"|length="-1"
enclosure of empty length in Atom|atom|length="0"|length=""
enclosure without type|rss| type="image/png"/>|/>
enclosure by FTP|rss|enclosure url="https:|enclosure url="ftp:
enclosure on a host without dots|rss|enclosure url="https://images.example.com|enclosure url="https://b
URL with a space|rss|/gr%C3%B6%C3%9Fe%201.PNG?|/a b.png?
URL with a bracket|atom|/gr%C3%B6%C3%9Fe%201.PNG?|/a[1].png?
URL that is not ASCII|atom|/gr%C3%B6%C3%9Fe%201.PNG?|/größe.png?
two enclosures|rss|<pubDate>|<enclosure/><pubDate>
media of width 0|rss|medium="image" width="640"|medium="image" width="0"
medium photo|atom|medium="image"|medium="photo"
group of one|rss|<pubDate>|<media:group/><pubDate>
guid as permalink|rss| isPermaLink="false"|
author without a name|atom|<name>The Desk &amp; Friends</name>|
title that is empty|rss|<title>The &#x3C;b&gt; tag &#x26; AT&#x26;T: “cafés” – 5 &#x3C; 6<|<title><
name with an end tag|atom|Exämple &lt;|Exämple &lt;/b&gt;
name with an address|atom|<name>Ex|<name>&lt;1@example.org&gt; Ex
title with a tag|rss|<title>The &#x3C;b&gt; tag &#x26; AT&#x26;T: “cafés” – 5 &#x3C; 6|<title>&lt;b
title with an entity|atom|<title>The |<title>&amp;copy; The
title with a number|atom|<title>The |<title>&amp;#39; The
title with an end tag|rss|<title>The |<title>&#x3C;/b>
summary that hides HTML|atom|<summary type="html">|<summary>
content with a raw <|atom|write &amp;amp;lt; for|write &lt; for
content with an open tag|rss|&lt;/em&gt;|
content with a script|rss|&lt;h2&gt;|&lt;script&gt;&lt;/script&gt;&lt;h2&gt;
content with a handler|atom|&lt;h2&gt;|&lt;h2 onclick="x"&gt;
content with a style|atom|&lt;h2&gt;|&lt;h2 style="position:fixed"&gt;
relative image|atom|src="https://images.example.com/|src="/
relative link|rss|href="https://other.example.com/2"|href="/2"
relative URL in a text|rss|src="https://images.example.com/|src="https://a.org/" data-src="
link title with an entity|atom|title="Second best|title="&amp;amp;
link title that is empty|atom|title="Second best|title="
two alternates|atom|rel="via"|rel="alternate" type="text/html"
relation prev|atom|rel="via"|rel="prev"
date with a space|atom|2026-02-10T07:30|2026-02-10 07:30
date without a zone|atom|07:30:00+00:00|07:30:00
date in UTC by name|rss|07:30:00 +0000|07:30:00 UTC
date of another weekday|rss|Tue, 10 Feb|Wed, 10 Feb
date before 1990|atom|<published>2026|<published>1989
date in the future|rss|Tue, 10 Feb 2026|Thu, 10 Feb 2028
ttl 0|rss|<ttl>30|<ttl>0
C1 character|atom|<title>The|<title>\u0085
replacement character|rss|alt="A|alt="\ufffd
self link elsewhere|rss|/v1/all.rss|/v2/all.rss
no self link|atom|rel="self"|rel="related"
editor without a name|rss| (The Desk &amp; Friends)|
editor with an open bracket|rss|(The Desk|(The (Desk
editor with a tag|rss|(The Desk|(The &lt;b Desk
author beside creator|rss|<pubDate>|<author>a@example.org (A)</author><pubDate>
subject beside category|rss|<pubDate>|<dc:subject>A</dc:subject><pubDate>
image of another title|rss|      <title>Example|      <title>Another
image that is no picture|rss|logo.png|logo.svg
unknown namespace|rss|xmlns:dc=|xmlns:x="https://x.example.org/" xmlns:dc=
prefix atom in Atom|atom|xmlns:media|xmlns:atom="http://www.w3.org/2005/Atom" xmlns:media
XML 1.1|rss|version='1.0'|version='1.1'
channel element after items|rss|</item>|</item><ttl>5</ttl>
no language|atom| xml:lang="en-GB"|
OPML with an ISO date|opml|Wed, 11 Feb 2026 09:00:00 +0000|2026-02-11T09:00:00Z
outline without text|opml|text="Seeing machines" title|title
outline with a raw &|opml|text="Seeing machines"|text="R&amp;\u00a0D"
outline with a relative URL|opml|xmlUrl="https://feeds.example.org|xmlUrl="
JSON without an id|json|"id"|"_id"
JSON with null|json|"de-DE"|null
JSON with an empty list|json|"hubs": [|"expired": [], "hubs": [
JSON with a size of 0|json|"mime_type"|"size_in_bytes": 0, "mime_type"
JSON with a relative URL|json|"image": "https:|"image": "
JSON at another address|json|/v1/all.json|/v2/all.json
JSON with a bad date|json|07:30:00Z|07:30:00
"""


_LINES = [line.split("|") for line in _PLANTED[:-1].split("\n")]


@pytest.mark.parametrize(
    ("document", "old", "new"), [pytest.param(*rest, id=name) for name, *rest in _LINES]
)
def test_findings_name_a_planted_fault(document: str, old: str, new: str) -> None:
    path = "feeds.opml" if document == "opml" else f"all.{document}"
    text = (GOLDEN / "full" / path).read_bytes().decode()
    assert old in text
    assert findings(path, text.encode(), _BASE) == []
    assert findings(path, text.replace(old, new).encode(), _BASE) != []


@pytest.mark.parametrize(
    ("path", "block"),
    [("all.atom", "<entry>.*</entry>"), ("all.rss", "<item>.*</item>")],
)
def test_findings_name_an_entry_that_stands_there_twice(path: str, block: str) -> None:
    text = (GOLDEN / "full" / path).read_bytes().decode()
    doubled = re.sub(block, lambda match: match[0] * 2, text, flags=re.DOTALL)
    assert [one for one in findings(path, doubled.encode(), _BASE) if "twice" in one]


def test_findings_name_content_before_its_description() -> None:
    root = etree.fromstring((GOLDEN / "full/all.rss").read_bytes())
    item = root[0][-1]
    item.append(item[2])
    data = etree.tostring(root, encoding="UTF-8", xml_declaration=True)
    assert "content:encoded before description" in findings("all.rss", data, _BASE)


def _url(path: str) -> str:
    return "https://www.example.com/" + re.sub("[^ -~¡-\u2100]", "", path)


def _date(seconds: int) -> str:
    return from_unix(seconds).isoformat()


_URLS = HOSTILE_TEXT.map(_url)
_SIZES = st.integers(0, 9999)
_IMAGES = st.fixed_dictionaries(
    {"url": _URLS, "isCached": st.just("true")},
    optional={"title": HOSTILE_TEXT, "width": _SIZES, "height": _SIZES},
)
_RELATED = st.fixed_dictionaries(
    {"title": HOSTILE_TEXT, "webUrl": _URLS},
    optional={"provider": st.fixed_dictionaries({"name": HOSTILE_TEXT, "domain": HOSTILE_TEXT})},
)
_SEEDS = st.fixed_dictionaries(
    {"title": HOSTILE_LINE},
    optional={
        "excerpt": HOSTILE_TEXT,
        "webUrl": _URLS,
        "topics": st.lists(HOSTILE_TEXT, max_size=3),
        "provider": st.fixed_dictionaries({"name": HOSTILE_TEXT, "domain": st.just("a.example")}),
        "images": st.lists(_IMAGES, max_size=2),
        "related": st.lists(_RELATED, max_size=2),
        "locale": HOSTILE_TEXT,
        "body": st.lists(HOSTILE_TEXT | _URLS.map("<{}>".format), max_size=3).map("\n\n".join),
        "publishedDateTime": st.integers(631_152_000, 1_772_366_400).map(_date),
        "updatedDateTime": st.integers(0, 4_000_000_000).map(_date),
    },
)
_NAMES = HOSTILE_TEXT.filter(lambda text: bool(text.split()))
_CONFIGS = st.fixed_dictionaries(
    {
        "site": st.fixed_dictionaries(
            {"title": _NAMES.filter(_line), "base_url": st.just("https://feeds.example.org/v1/")},
            optional={
                "description": HOSTILE_TEXT,
                "rights": HOSTILE_TEXT,
                "author": st.fixed_dictionaries(
                    {"name": HOSTILE_TEXT}, optional={"email": st.just("desk@example.org")}
                ),
            },
        ),
        "feeds": st.lists(
            st.fixed_dictionaries({"name": _NAMES.filter(_line), "title": HOSTILE_TEXT}),
            max_size=1,
        ),
    }
)


# A finding says enough by itself; to shrink a whole site would take minutes.
_QUICK = settings(phases=[Phase.explicit, Phase.reuse, Phase.generate])


def _findings_in_site(seeds: list[dict[str, Any]], config: dict[str, Any]) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        site = Site(Path(folder) / "site")
        for number, seed in enumerate(seeds):
            site.seed(f"{number}.md", number=number, **seed)
        paths = {"seeds": [site.seeds], "out": site.out, "state": site.state}
        loaded = Loaded(made(Config, config | {"paths": paths}), site.root / "config.toml")
        report = publish_feeds(loaded, clock=lambda: NOW)
        assert not [one for one in report.problems if one.severity == "error"]
        return [
            f"{path}: {finding}"
            for path in report.written
            for finding in findings(path, site.read(path), loaded.config.site.base_url)
        ]


@settings(_QUICK, max_examples=settings().max_examples // 4)
@example([{"title": "A control character", "body": "<https://www.example.com/%01>"}])
@example([{"title": "A C1 character", "body": "<https://www.example.com/%C2%80>"}])
@example([{"title": "A noncharacter", "body": "<https://www.example.com/%EF%BF%BE>"}])
@example([{"title": "A replacement character", "body": "&#0; &#128; &#xFFFE;"}])
@example([{"title": "A src=photo here", "images": [{"url": _url("a.png"), "isCached": "true"}]}])
@example([{"title": "A picture", "body": "![src=photo here](https://www.example.com/a.png)"}])
@given(st.lists(_SEEDS, min_size=1, max_size=4))
def test_site_of_hostile_seeds_has_no_finding(seeds: list[dict[str, Any]]) -> None:
    assert _findings_in_site(seeds, {"site": {"title": "Site", "base_url": _BASE}}) == []


@settings(_QUICK, max_examples=settings().max_examples // 10)
@given(_CONFIGS)
def test_site_of_a_hostile_configuration_has_no_finding(config: dict[str, Any]) -> None:
    assert _findings_in_site([{"topics": ["AI"]}], config) == []
