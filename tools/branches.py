"""Fail if too few branches were run, by a report of `coverage json`.

.venv/bin/python -m tools.branches REPORT
"""

import json
import sys
from pathlib import Path

LEAST_PERCENT = 95.0


def main() -> None:
    """Print how many branches were run, and which files lack most of them."""
    report = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    missing = {name: one["summary"]["missing_branches"] for name, one in report["files"].items()}
    for name in sorted(missing, key=missing.__getitem__, reverse=True)[:10]:
        print(f"{missing[name]:4} branches not run in {name}")
    percent = report["totals"]["percent_branches_covered"]
    print(f"{percent:.1f} % of branches, at least {LEAST_PERCENT} are wanted")
    sys.exit(percent < LEAST_PERCENT)


if __name__ == "__main__":
    main()
