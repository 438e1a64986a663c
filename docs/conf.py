"""How the documentation is built: `make docs`, with search, into build/docs."""

from __future__ import annotations

from feeds import __version__

project = "feeds"
author = "the feeds authors"
release = version = __version__

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
html_theme = "furo"
html_title = f"feeds {release}"

# Links to headings follow GitHub's rule, so that the pages read the same there.
myst_heading_anchors = 4
# A page that no table of contents lists is an error, like every other warning (sphinx-build -W).
nitpicky = True
suppress_warnings = ["misc.highlighting_failure"]
