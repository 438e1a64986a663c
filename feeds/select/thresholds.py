"""The lowest quality with which an item enters, and who set it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from feeds.common.model import ItemHeader
from feeds.common.text import fold
from feeds.common.times import from_unix, show_duration, show_time
from feeds.config import Config
from feeds.config.model import Named
from feeds.select.dates import is_due, is_expired


class Threshold(NamedTuple):
    """`min_quality` is inclusive; `source` names the table of config.toml that set it."""

    min_quality: int
    source: str
    excluded: bool = False

    def strictness(self) -> tuple[bool, int]:
        """Orders thresholds from the easiest to the strictest."""
        return self.excluded, self.min_quality

    def shortfall(self, quality: int) -> str:
        """Returns in words why the quality does not do, ``""`` where it does."""
        if self.excluded:
            return f"excluded by {self.source}"
        if quality < self.min_quality:
            return f"quality {quality} is below {self.min_quality}, set by {self.source}"
        return ""


class Thresholds:
    """All thresholds of a configuration.

    A rule for the pair decides alone; else the stricter of the topic's and the provider's own,
    where set; else the default. What is excluded stays out unless a rule for the pair lets it in.
    """

    def __init__(self, config: Config) -> None:
        default = config.selection.min_quality
        self._default = Threshold(default, "[selection]")
        self._topics = {fold(name): (name, named) for name, named in config.topics.items()}
        self._providers = config.providers
        self.provider = config.provider
        self._rules = {
            (fold(rule.topic), self.provider(rule.provider)): rule for rule in config.rules
        }
        self._known: dict[tuple[str, str], Threshold] = {}

    def former_domains(self, provider: str) -> tuple[str, ...]:
        """Returns the domains that a provider had."""
        named = self._providers.get(provider)
        return named.aliases if named else ()

    def get(self, topic: str, provider: str) -> Threshold:
        """Returns the threshold for a topic (folded; ``""`` for no topic) and a provider."""
        pair = (topic, provider)
        known = self._known.get(pair)
        if known is None:
            known = self._known[pair] = self._find(topic, provider)
        return known

    def _find(self, topic: str, provider: str) -> Threshold:
        rule = self._rules.get((topic, provider))
        if rule is not None:
            source = f'[[rules]] topic = "{rule.topic}", provider = "{rule.provider}"'
            return Threshold(rule.min_quality or 0, source, rule.exclude)
        own: list[Threshold] = []
        if topic in self._topics:
            name, named = self._topics[topic]
            own += _own(named, f'[topics."{name}"]')
        if provider in self._providers:
            own += _own(self._providers[provider], f'[providers."{provider}"]')
        return max(own, key=Threshold.strictness, default=self._default)


def _own(named: Named, source: str) -> list[Threshold]:
    if named.exclude:
        return [Threshold(0, source, excluded=True)]
    if named.min_quality is not None:
        return [Threshold(named.min_quality, source)]
    return []


def exclusion_reasons(item: ItemHeader, config: Config, now: int) -> Iterator[str]:
    """Yields in words all that keeps an item out of every feed, whatever its quality."""
    selection = config.selection
    if not item.is_published:
        yield "not published (published: false, or missing, in the seed)"
    if not is_due(item, now):
        yield f"dated in the future, held back until {show_time(from_unix(item.dated))}"
    if item.heat < selection.min_heat:
        heat = "unknown" if item.heat == -1 else str(item.heat)
        yield f"heat {heat} is below {selection.min_heat}, set by [selection]"
    if selection.max_age is not None and is_expired(item.dated, config, now):
        age = show_duration(selection.max_age)
        yield f"dated {show_time(from_unix(item.dated))}, older than max_age {age}"
