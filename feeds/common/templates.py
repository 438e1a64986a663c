"""The site's own templates, as `paths.templates` holds them. Contains no business logic."""

from __future__ import annotations

from pathlib import Path

from feeds.common.errors import TemplateError

_SUFFIXES = {".html", ".css", ".js", ".svg"}

# A file's name and its text.
Templates = tuple[tuple[str, str], ...]


def read_templates(folder: Path | None) -> Templates:
    """Returns every template and asset in a folder, not in those below it, in the order of names.

    Raises:
        TemplateError: the folder, or a file in it, cannot be read, or is not UTF-8.
    """
    if folder is None:
        return ()
    try:
        paths = sorted(path for path in folder.iterdir() if _is_template(path))
        return tuple((path.name, path.read_text(encoding="utf-8-sig")) for path in paths)
    except UnicodeDecodeError as error:
        bad = next(path for path in paths if path.read_bytes() == error.object)
        raise TemplateError(f"{bad}: not UTF-8 at byte {error.start + 1}") from None
    except OSError as error:
        raise TemplateError(
            f"paths.templates: cannot read {error.filename}: {error.strerror or error}. "
            "Create it, or leave the key out to use the templates of feeds."
        ) from None


def _is_template(path: Path) -> bool:
    return path.suffix in _SUFFIXES and not path.name.startswith(".") and path.is_file()
