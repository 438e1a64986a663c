"""Programs that do not come with Python packages."""

from __future__ import annotations

import os
import shutil

import pytest


def need(program: str, package: str) -> str:
    """Returns the path of a program; skips the test where it is not installed, but in CI fails."""
    found = shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    if found:
        return found
    missing = f"{program} is not installed (on Debian: apt-get install {package})"
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)
