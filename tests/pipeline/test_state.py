"""The memos of the last pass: documented, each of use, and none held for too long."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, get_args, get_origin, get_type_hints

from feeds.pipeline.state import Memo, PassState

_TABLE = Path(__file__).parent.parent.parent / "docs/internals/incremental.md"


def memos() -> dict[str, Memo]:
    """Returns what each field of `PassState` says of itself."""
    found = {}
    for name, hint in get_type_hints(PassState, include_extras=True).items():
        assert get_origin(hint) is Annotated, name
        (found[name],) = (one for one in get_args(hint) if isinstance(one, Memo))
    return found


def test_state_and_documentation_list_the_same_memos() -> None:
    lines = _TABLE.read_text().splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("| `")]
    assert {name.strip("`"): Memo(*cells) for name, *cells in rows} == memos()
