"""Write the tables of modules into docs/internals/architecture.md, from the modules' docstrings.

.venv/bin/python -m tools.modules
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs/internals/architecture.md"
# In the order in which the page tells of them.
PACKAGES = (
    *("cli", "config", "common", "seeds", "store", "select", "images", "render", "publish"),
    *("pipeline", "daemon", "serve"),
)


def main() -> None:
    """Replace what stands between the marks of the page."""
    text = PAGE.read_text(encoding="utf-8")
    tables = "\n".join(line for package in PACKAGES for line in table(package))
    begin, end = "<!-- modules -->", "<!-- end of modules -->"
    parts = re.fullmatch(rf"(.*{begin}\n).*({end}.*)", text, re.DOTALL)
    if not parts:
        raise SystemExit(f"{PAGE}: no lines {begin} and {end}")
    PAGE.write_text(f"{parts[1]}\n{tables}\n{parts[2]}", encoding="utf-8")


def table(package: str) -> Iterator[str]:
    """Yield the heading and the table of one package."""
    folder = ROOT / "feeds" / package
    yield from (f"### `feeds/{package}/`", "", "| module | what it is |", "| --- | --- |")
    for path in sorted(folder.glob("*.py")):
        if path.name != "__init__.py":
            yield f"| `{path.name}` | {summary(path)} |"
    yield ""


def summary(path: Path) -> str:
    """Return the first paragraph of a module's docstring, fit for a cell of Markdown."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    line = " ".join(text.partition("\n\n")[0].split())
    return line.replace("``", "`").replace("|", "\\|").removesuffix(".")


if __name__ == "__main__":
    main()
