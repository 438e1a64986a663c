"""Makes feeds/common/subtags.txt of the IANA Language Subtag Registry.

    python tools/subtags.py registry.json > feeds/common/subtags.txt

`registry.json` is that of the npm package language-subtag-registry, which has the registry as IANA
publishes it (RFC 5646, section 3.1); the date of its file stands in meta.json beside it.
"""

from __future__ import annotations

import json
import string
import sys
from itertools import product
from pathlib import Path


def main() -> None:
    """Prints a line for each type: its name, and its subtags or tags in lower case."""
    path = Path(sys.argv[1])
    found: dict[str, list[str]] = {}
    for record in json.loads(path.read_text(encoding="utf-8")):
        name = (record.get("Subtag") or record["Tag"]).lower()
        prefix = f"{record['Prefix'][0]}-" if record["Type"] == "extlang" else ""
        found.setdefault(record["Type"], []).extend(prefix + one for one in _each(name))
    date = json.loads((path.parent / "meta.json").read_text(encoding="utf-8"))["File-Date"]
    print(f"# IANA Language Subtag Registry, {date}; made by tools/subtags.py")
    for kind in ("language", "extlang", "script", "region", "variant", "grandfathered"):
        print(kind, *sorted(found[kind]))


def _each(name: str) -> list[str]:
    """Returns all names of a range such as ``qaa..qtz``."""
    first, dots, last = name.partition("..")
    if not dots:
        return [name]
    every = map("".join, product(string.ascii_lowercase, repeat=len(first)))
    return [one for one in every if first <= one <= last]


if __name__ == "__main__":
    main()
