"""Queries: their parameters, and the addresses that they have."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, Self
from urllib.parse import parse_qsl, urlencode

from feeds.common.errors import TemplateError
from feeds.common.model import Feed
from feeds.common.text import clean_line, fold
from feeds.common.urls import normal_domain
from feeds.render.words import Words, words_of

MAX_LIMIT = 200
DEFAULT_LIMIT = 50
MAX_TEXT = 200
MAX_WORDS = 16
MAX_NAMES = 20

_PARAMETERS = ("topic", "provider", "min_quality", "q", "limit")
_ONCE = {"min_quality", "q", "limit"}
_MAX_FIELDS = 2 * MAX_NAMES + len(_ONCE)
_PHRASE = re.compile(r'"([^"]*)"|([^\s"]+)')
# The index takes for words only what has a letter or digit (sqlite.org/fts5.html, section 4.3.1).
_WORD = re.compile(r"[^\W_]")
_FORMAT = re.compile(r"(?:^|&)format=(html|atom|rss|json)(?=&|$)")
_BROWSERS, _READERS = "html", "atom"


class QueryFault(NamedTuple):
    """Something that is wrong with a query: which of the words of pages says it, of what."""

    word: str
    values: dict[str, object]

    def text(self, words: Words) -> str:
        """Returns it in the language of these words; a site's own can raise TemplateError."""
        word = getattr(words, f"fault_{self.word}")
        try:
            return word if isinstance(word, str) else str(word(**self.values))
        except (LookupError, ValueError) as error:
            raise TemplateError(f"words.toml: fault_{self.word}: {error!r}") from None


class BadQueryError(ValueError):
    """A query that cannot be answered; its message has a line for everything that is wrong."""

    def __init__(self, faults: Sequence[QueryFault]) -> None:
        super().__init__("\n".join(one.text(words_of("en")) for one in faults))
        self.faults = faults


class Query(NamedTuple):
    """A checked query. Topics are folded and providers normalised; both are sorted.

    A field that is empty or 0 is no condition.
    """

    topics: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    min_quality: int = 0
    text: str = ""
    limit: int = DEFAULT_LIMIT

    @classmethod
    def parse(cls, query: str) -> Self:
        """Parses the query part of an address, without empty parameters; raises BadQueryError."""
        faults: list[QueryFault] = []
        try:
            pairs = parse_qsl(query, errors="strict", max_num_fields=_MAX_FIELDS)
        except UnicodeDecodeError:
            raise BadQueryError([QueryFault("utf8", {"name": "query"})]) from None
        except ValueError:
            raise BadQueryError([QueryFault("parameters", {"n": _MAX_FIELDS})]) from None

        def fault(word: str, name: str, **values: object) -> None:
            faults.append(QueryFault(word, {"name": name, **values}))

        given: dict[str, list[str]] = {name: [] for name in _PARAMETERS}
        for name, value in pairs:
            if name not in given:
                shown = clean_line(name, repair=False)[:40]
                fault("unknown", shown, known=", ".join(_PARAMETERS))
            elif text := clean_line(value, repair=False):
                given[name].append(text)
        for name in sorted(_ONCE):
            if len(given[name]) > 1:
                fault("twice", name)
        parsed = cls(
            topics=_names("topic", map(fold, given["topic"]), fault),
            providers=_names("provider", _domains(given["provider"], fault), fault),
            min_quality=_number("min_quality", given["min_quality"], (0, 100), fault) or 0,
            text=_text(given["q"], fault),
            limit=_number("limit", given["limit"], (1, MAX_LIMIT), fault) or DEFAULT_LIMIT,
        )
        if faults:
            raise BadQueryError(faults)
        return parsed

    def canonical(self) -> str:
        """Returns the query part of an address, the same for all equal queries."""
        some: dict[str, object] = {"topic": self.topics, "provider": self.providers}
        some |= {"min_quality": self.min_quality or (), "q": self.text or (), "limit": self.limit}
        return urlencode(some, doseq=True)

    def address(self) -> str:
        """Returns the query part of the address of its page: as short as can be."""
        return self.canonical().removesuffix(f"limit={DEFAULT_LIMIT}").rstrip("&")

    def is_address(self, query: str) -> bool:
        """Tells whether the query part of an address is its page's, in any order or coding."""
        given = parse_qsl(query, keep_blank_values=True, errors="replace")
        return sorted(given) == sorted(parse_qsl(self.address()))

    def words(self) -> str:
        """Returns the text as an FTS5 expression: all its words and "quoted phrases".

        FTS5 takes each as a string, so nothing in them is an operator.
        """
        found = (phrase or word for phrase, word in _PHRASE.findall(self.text))
        return " ".join(f'"{one}"' for one in found if _WORD.search(one))

    def describe(self, feeds: Iterable[Feed]) -> str:
        """Returns the query in words, with topics and providers named as these feeds are."""
        names = {(feed.kind, feed.key): feed.name for feed in feeds}
        topics = " or ".join(names.get(("topic", one), one) for one in self.topics)
        providers = " or ".join(names.get(("provider", one), one) for one in self.providers)
        quality = f"quality from {self.min_quality}" if self.min_quality else ""
        text = self.text if not self.text or '"' in self.text else f"“{self.text}”"
        return ", ".join(filter(None, (text, topics, providers, quality))) or "everything"


Fault = Callable[..., None]


def _names(name: str, values: Iterable[str], fault: Fault) -> tuple[str, ...]:
    found = sorted(set(values))
    if len(found) > MAX_NAMES:
        fault("names", name, n=len(found), most=MAX_NAMES)
    if any(len(one) > MAX_TEXT for one in found):
        fault("name", name, n=MAX_TEXT)
    return tuple(found)


def _domains(values: list[str], fault: Fault) -> Iterator[str]:
    for value in values:
        if domain := normal_domain(value):
            yield domain
        else:
            fault("domain", "provider", found=repr(value[:60]))


def _number(name: str, values: list[str], bounds: tuple[int, int], fault: Fault) -> int | None:
    low, high = bounds
    for text in values[:1]:
        if re.fullmatch(r"\d{1,6}", text, re.ASCII) and low <= int(text) <= high:
            return int(text)
        fault("number", name, found=repr(text[:60]), low=low, high=high)
    return None


def _text(values: list[str], fault: Fault) -> str:
    text = "".join(values[:1])
    if len(text) > MAX_TEXT:
        fault("text", "q", n=len(text), most=MAX_TEXT)
    elif text and not _WORD.search(text):
        fault("no_word", "q")
    elif len(text.split()) > MAX_WORDS:
        fault("words", "q", n=len(text.split()), most=MAX_WORDS)
    return text


def format_of(query: str, *, browser: bool) -> tuple[str, str]:
    """Returns the format in which /query answers, by its extension, and the query without it.

    The parameter `format` says it; without one browsers get the page, and readers Atom.
    """
    found = _FORMAT.search(query)
    if found is None:
        return _BROWSERS if browser else _READERS, query
    return found[1], (query[: found.start()] + query[found.end() :]).lstrip("&")
