"""The part of the store that remembers which documents there once were."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable


class Retired:
    """What was published and is no more."""

    _db: sqlite3.Connection

    def retire(self, paths: Iterable[str], published: Iterable[str]) -> None:
        """Notes documents below out/ that are gone; those that are `published` are back."""
        insert = "INSERT OR IGNORE INTO retired VALUES (?)"
        self._db.executemany(insert, ((path,) for path in paths))
        for path in self.retired() & set(published):
            self._db.execute("DELETE FROM retired WHERE path = ?", (path,))

    def retired(self) -> set[str]:
        """Returns the paths below out/ of all documents that are gone."""
        return {path for (path,) in self._db.execute("SELECT path FROM retired")}
