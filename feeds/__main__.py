"""``python -m feeds``: the same as the ``feeds`` command."""

import sys

from feeds.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
