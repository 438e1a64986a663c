"""Reading the project's own Markdown pages. Contains no assertions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)

Row = dict[str, str]


class Page:
    """One page: its text, and what stands in it."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.text = (ROOT / path).read_text(encoding="utf-8")
        self.prose = _FENCE.sub("", self.text)

    def headings(self) -> list[str]:
        """Returns the text of all headings, without backticks."""
        return [heading.replace("`", "") for _, heading in _HEADING.findall(self.prose)]

    def anchors(self) -> set[str]:
        """Returns what ``#...`` links may name, by GitHub's rule."""
        kept = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in self.headings())
        return {heading.replace(" ", "-") for heading in kept}

    def section(self, heading: str) -> str:
        """Returns what stands below a heading, sections inside of it included."""
        inside = [range(*block.span()) for block in _FENCE.finditer(self.text)]
        start, level = None, 0
        for match in _HEADING.finditer(self.text):
            if any(match.start() in block for block in inside):
                continue  # a comment in a program
            if start is not None and len(match[1]) <= level:
                return self.text[start : match.start()]
            if start is None and match[2].replace("`", "") == heading:
                start, level = match.end(), len(match[1])
        if start is None:
            raise LookupError(heading)
        return self.text[start:]

    def links(self) -> list[str]:
        """Returns the targets of all links."""
        return _LINK.findall(self.prose)


class Manual:
    """The README and all pages below docs/, by their path from the root of the repository."""

    def __init__(self) -> None:
        paths = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
        self._pages = {path: Page(path) for path in (str(path.relative_to(ROOT)) for path in paths)}

    def __iter__(self) -> Iterator[Page]:
        return iter(self._pages.values())

    def __getitem__(self, path: str) -> Page:
        return self._pages[path]

    @property
    def paths(self) -> list[str]:
        """The paths of all pages."""
        return list(self._pages)

    def blocks(self, language: str) -> list[str]:
        """Returns the fenced blocks in a language, on all pages."""
        return [block for page in self for block in blocks(page.text, language)]

    def code(self) -> list[str]:
        """Returns what stands between backticks in the prose of all pages."""
        return [one for page in self for one in code(page.prose)]


def blocks(text: str, language: str) -> list[str]:
    """Returns the fenced blocks in a language."""
    return [body for name, body in _FENCE.findall(text) if name == language]


def tables(text: str) -> list[list[Row]]:
    """Returns the tables: a mapping for each row, from the column's heading to the cell."""
    found: list[list[Row]] = []
    heads: list[str] = []
    for line in map(str.strip, [*text.splitlines(), ""]):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            heads = []
        elif not heads:
            heads = cells
            found.append([])
        elif not set("".join(cells)) <= {"-"}:
            found[-1].append(dict(zip(heads, cells, strict=True)))
    return found


def code(cell: str) -> list[str]:
    """Returns what stands between backticks in a cell."""
    return re.findall(r"`([^`]+)`", cell)
