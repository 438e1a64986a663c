"""Notes calls of real functions."""

from __future__ import annotations

from typing import Any

import pytest


def spy(patch: pytest.MonkeyPatch, owner: object, name: str) -> list[tuple[Any, ...]]:
    """Returns a list that grows by the arguments of each call of a function, which still runs.

    Args:
        patch: undoes it at the end of the test.
        owner: the module or class in which callers look the function up.
        name: the name of the function.
    """
    real, calls = getattr(owner, name), list[tuple[Any, ...]]()

    def noted(*arguments: Any, **named: Any) -> Any:
        calls.append(arguments)
        return real(*arguments, **named)

    patch.setattr(owner, name, noted)
    return calls
