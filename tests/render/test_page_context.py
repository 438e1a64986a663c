"""docs/templates.md names every file, variable and field, with its type; readers get whole URLs."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from types import UnionType
from typing import Literal, NamedTuple, get_args, get_origin, get_type_hints
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from jinja2 import Environment, Template, meta
from msgspec.structs import replace

from feeds.render import front, html, pictures, search
from feeds.render import page_context as pages
from feeds.render.context import Pages
from feeds.render.documents import RenderJob, view_feed, view_job
from feeds.render.index_parts import split_group
from tests.support.markdown import ROOT, Page, Row, code, tables
from tests.support.rendering import RENDER_SITE, make_item, render_items, select_items
from tests.support.site import config_of

DOCS = Page("docs/templates.md")
TYPES: dict[str, type[NamedTuple]] = {
    "Site": pages.PageSite,
    "Feed": pages.PageFeed,
    "Format": pages.Format,
    "Group": pages.Group,
    "Part": pages.PagePart,
    "Entry": pages.PageEntry,
    "Day": pages.Day,
    "Activity": pages.Activity,
    "Ranked": pages.Ranked,
    "Reader": pages.ReaderLink,
    "Link": pages.Link,
    "Picture": pictures.PagePicture,
    "Story": pages.Story,
    "When": pages.When,
    "Search": search.Search,
    "Facet": search.Facet,
    "Option": search.Option,
    "Unknown": search.Unknown,
    "Parameter": search.Parameter,
}
NAMES = {str(one): name for name, one in TYPES.items()}
FOLDERS = ("templates", "assets")
SITE = replace(RENDER_SITE, pages=Pages())
URL = "https://feeds.example.org/topics/a%20b.atom?x=1&y=2"


def written(kind: object) -> str:
    """Returns how the page writes a type; URLs are texts."""
    if str(kind) in NAMES:
        return NAMES[str(kind)]
    if get_origin(kind) in (list, tuple):
        return f"list of {written(get_args(kind)[0])}"
    if isinstance(kind, UnionType):
        return f"{written(get_args(kind)[0])} or none"
    assert kind in (str, int, bool) or get_origin(kind) is Literal
    return "boolean" if kind is bool else "integer" if kind is int else "text"


def said(row: Row) -> str:
    """Returns the type in a row, without its link."""
    plain = re.sub(r"\[(\w+)\]\(#\w+\)", r"\1", row["type"])
    return "text" if plain in {"URL", "relative URL"} else plain


@pytest.mark.parametrize("name", TYPES)
def test_fields_of_the_docs_are_those_of_the_type(name: str) -> None:
    (table,) = tables(DOCS.section(name))
    hints = get_type_hints(TYPES[name])
    assert [(code(row["field"])[0], said(row)) for row in table] == [
        (field, written(kind)) for field, kind in hints.items()
    ]
    assert all(row["meaning"] for row in table)


def test_types_of_the_docs_are_those_that_there_are() -> None:
    ours = {
        one
        for module in (pages, pictures, search)
        for one in vars(module).values()
        if isinstance(one, type) and one.__module__ == module.__name__
    }
    assert ours == set(TYPES.values())


def test_files_of_the_docs_are_those_of_the_package() -> None:
    (table, *_) = tables(DOCS.text)
    folders = [ROOT / "feeds/render" / folder for folder in FOLDERS]
    files = {path.name for folder in folders for path in folder.glob("*.*")}
    assert {code(row["file"])[0] for row in table} == files


def test_blocks_of_the_docs_are_those_of_the_layout() -> None:
    layout = (ROOT / "feeds/render/templates/layout.html").read_text("utf-8")
    (row,) = [row for row in tables(DOCS.text)[0] if row["file"] == "`layout.html`"]
    assert code(row["what it is"]) == re.findall(r"{% block (\w+) %}", layout)


def _render_feed() -> None:
    render_items(make_item(), site=SITE)


def _render_index() -> None:
    html.render_index(SITE, html.index_groups([select_items([make_item()]).summary()]))


def _render_part() -> None:
    feed = select_items([make_item()], kind="topic", address="topics/ai").summary()
    html.render_part(SITE, split_group("topic", [feed], lambda one: one.feed.name), 0)


def _render_front() -> None:
    items = [make_item(1), make_item(2)]
    custom = select_items(items, kind="custom", address="custom/best")
    topic = select_items(items, kind="topic", address="topics/ai")
    provider = select_items(items, kind="provider", address="providers/example.com")
    every = [one.summary() for one in (select_items(items), custom, topic, provider)]
    job = RenderJob(
        SITE,
        select_items(items),
        {number: msgspec.msgpack.encode(item) for number, item in enumerate(items, 1)},
    )
    front.render_front(SITE, front.front_feeds(every), view_job(job))


def _render_search() -> None:
    contents = select_items([make_item()])
    view = view_feed(SITE, contents, {1: make_item()}, {})
    search.render_search(SITE, view, search.Search(), 200)


@pytest.mark.parametrize(
    ("number", "render"),
    [
        (0, _render_feed),
        (1, _render_index),
        (2, _render_part),
        (3, _render_front),
        (5, _render_search),
    ],
    ids=["feed", "index", "group", "front", "search"],
)
def test_variables_of_the_docs_are_those_that_are_given(
    number: int, render: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, object] = {}

    def take(_: object, variables: dict[str, object]) -> str:
        given.update(variables)
        return ""

    monkeypatch.setattr(Template, "render", take)
    render()
    every, *own = tables(DOCS.section("Variables"))
    rows = {code(row["variable"])[0]: said(row) for row in (*every, *own[number])}
    assert given.keys() == rows.keys()
    assert {name: _kind(value) for name, value in given.items() if value != []} == {
        name: kind.removesuffix(" or none") for name, kind in rows.items() if given[name] != []
    }


def _kind(value: object) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str) and not hasattr(value, "_fields"):
        return f"list of {written(type(value[0]))}"
    return written(type(value))


@pytest.mark.parametrize(
    "path",
    sorted((ROOT / "feeds/render/templates").glob("*.*")),
    ids=lambda path: path.name,
)
def test_templates_use_no_variable_that_is_not_in_the_docs(path: Path) -> None:
    text = path.read_text("utf-8")
    own = re.findall(r"{% (?:from .* import|set) ([\w, ]+?) (?:=|%})", text)
    syntax = Environment(autoescape=True).parse(text)
    rows = [row for table in tables(DOCS.section("Variables")) for row in table]
    known = {code(row["variable"])[0] for row in rows} | set(re.findall(r"\w+", " ".join(own)))
    known |= {"words", "asset"}  # they are in the text
    assert meta.find_undeclared_variables(syntax) <= known


def test_readers_get_the_address_whole() -> None:
    links = {one.name: one.href for one in pages.readers_of(SITE, URL)}
    assert len(links) == len(pages.READERS)
    assert parse_qs(urlsplit(links["Inoreader"]).query) == {"add_feed": [URL]}
    assert links["NetNewsWire"] == f"feed:{URL}"


def test_readers_of_the_configuration_replace_ours() -> None:
    config = config_of('[[site.readers]]\nname = "Mine"\nsubscribe = "https://r.example/?u={url}"')
    (reader,) = config.site.readers
    own = Pages(readers=((reader.name, reader.platforms, reader.subscribe),))
    links = pages.readers_of(replace(SITE, pages=own), "https://a.example/")
    assert links == [("Mine", "", "https://r.example/?u=https%3A%2F%2Fa.example%2F")]


@pytest.mark.parametrize(
    "address",
    [
        "",
        "https://r.example/",
        "javascript:add('{url}')",
        "{url}",
        'x:"{url}',
        "https://{other}{url}",
    ],
)
def test_reader_without_a_place_for_the_feed_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="subscribe: wanted an address with"):
        config_of(f"[[site.readers]]\nname = 'Mine'\nsubscribe = '''{address}'''")
