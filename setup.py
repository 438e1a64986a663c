"""The long description of the packages: the README, fit for a page that stands alone.

Everything else about the packages is in pyproject.toml. Relative links lead nowhere on the page of
a package index, so they become text, and pictures are left out.
"""

import re
from pathlib import Path

from setuptools import setup

README = (Path(__file__).parent / "README.md").read_text(encoding="utf-8")
PICTURE = re.compile(r"!\[[^\]]*\]\((?!https?:)[^)]*\)\n\n")
LINK = re.compile(r"\[([^\]]*)\]\((?!https?:)([^)]*)\)")
NOTE = "\nThe pages and files that are named here are in the source distribution.\n"

setup(
    long_description=LINK.sub(r"\1 (`\2`)", PICTURE.sub("", README)) + NOTE,
    long_description_content_type="text/markdown",
)
