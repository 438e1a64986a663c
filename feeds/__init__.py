"""Publishes a curated news site's seed files as Atom, RSS and JSON feeds."""

__version__ = "0.1.0"
