"""The store: what was read from seeds, facts, and transactions."""

from __future__ import annotations
