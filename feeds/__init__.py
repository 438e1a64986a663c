"""Publishes a curated news site's seed files as Atom, RSS and JSON feeds.

Other programs use it by the names in `feeds.pipeline.library.__all__`, which stand here
(docs/library.md). All else is private, and changes without notice.
"""

from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from feeds.pipeline.library import *  # noqa: F403 (type checkers read its __all__)
else:

    def __getattr__(name: str) -> object:
        """Loads the library when a name of it is used: `feeds --version` does without it."""
        if not name.startswith("_"):
            from feeds.pipeline import library

            if name in library.__all__:
                return getattr(library, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    from feeds.pipeline import library

    return ["__version__", *library.__all__]
