"""The state file: all that was read, shown to readers and published. SQLite lives here."""

from feeds.store.open import move_aside, open_state
from feeds.store.store import DamagedStateError, Store

__all__ = ["DamagedStateError", "Store", "move_aside", "open_state"]
