"""Digests as entries; their golden documents are in `tests/render/test_golden.py`."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.support.rendering import publish_digests
from tests.support.validator import findings


def test_digests_have_no_finding_and_stand_without_styles_and_scripts(tmp_path: Path) -> None:
    out = publish_digests(tmp_path)
    for path in (out / "digests").iterdir():
        address = str(path.relative_to(out))
        assert findings(address, path.read_bytes(), "https://feeds.example.org/") == []
    for name in ("morning", "the-week"):
        for entry in json.loads((out / f"digests/{name}.json").read_bytes())["items"]:
            found = set(re.findall(r"<(\w+)", entry["content_html"]))
            assert found <= {"h2", "a", "p", "strong", "figure", "img"}
            assert not re.search(r"\b(style|class|on\w+)=", entry["content_html"])
