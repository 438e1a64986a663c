"""Words, types and helpers that all packages share; no business logic."""
