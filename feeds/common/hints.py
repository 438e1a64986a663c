"""Hints at what was probably meant by a name that nothing has."""

from __future__ import annotations

from collections.abc import Iterable


def did_you_mean(found: str, known: Iterable[str], *, quoted: bool = False) -> str:
    """Returns " (did you mean X?)" if a known name resembles what was found, else ``""``.

    Upper and lower case do not matter; `quoted` is for names that may have spaces.
    """
    # On demand: only who mistypes waits for it.
    from difflib import get_close_matches

    from feeds.common.text import fold

    names = {fold(name): name for name in known}
    close = get_close_matches(fold(found), names, n=1)
    if not close:
        return ""
    name = names[close[0]]
    return f" (did you mean {name!r}?)" if quoted else f" (did you mean {name}?)"
