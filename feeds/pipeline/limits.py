"""How many feeds a site may have, and which seeds are to be looked at where there are more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from heapq import nsmallest

from feeds.common.model import ItemHeader
from feeds.common.text import fold
from feeds.config import Config

_NAMED = 5


def too_many_feeds(feeds: int, config: Config, cards: Callable[[], Iterable[ItemHeader]]) -> str:
    """Returns what to say where there are more feeds than `site.max_feeds`, ``""`` elsewhere.

    `cards` gives the cards of all items; it is called twice, and only for the message.
    """
    limit = config.site.max_feeds
    if feeds <= limit:
        return ""
    worst = ", ".join(f"{path} ({count})" for path, count in worst_seeds(cards))
    return (
        f"{feeds} feeds are more than site.max_feeds ({limit}), so none is published. These seeds "
        f"cause most (in brackets: feeds that only they make): {worst or 'none'}. "
        "Use fewer topics, or raise site.max_feeds."
    )


def worst_seeds(cards: Callable[[], Iterable[ItemHeader]]) -> list[tuple[str, int]]:
    """Returns the seeds that cause most feeds, with the number of those that are theirs alone.

    Feeds of others come second: a feed that ten seeds name counts a tenth for each.
    """
    users = Counter(place for card in cards() for place in _places(card))
    causes = (
        (sum(1 / users[place] for place in _places(card)), card.path, card) for card in cards()
    )
    worst = nsmallest(_NAMED, causes, key=lambda cause: (-cause[0], cause[1]))
    return [(path, sum(users[place] == 1 for place in _places(card))) for _, path, card in worst]


def _places(card: ItemHeader) -> set[str]:
    """Returns what stands for each feed that an item makes: its topics, and its provider."""
    if not card.is_published:
        return set()
    return {f"topic {fold(topic)}" for topic in card.topics} | {f"provider {card.provider.domain}"}
