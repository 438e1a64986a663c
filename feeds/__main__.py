"""``python -m feeds``: the same as the ``feeds`` command."""

from feeds.cli.main import run_command

if __name__ == "__main__":
    run_command()
