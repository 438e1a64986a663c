"""What a user would write instead of `feeds images fetch`: one image after the other, unchecked."""

import sys
from pathlib import Path

import httpx


def fetch(urls: Path, folder: Path) -> None:
    """Fetch the URLs that a file lists into a folder."""
    folder.mkdir(parents=True)
    with httpx.Client() as client:
        for number, url in enumerate(urls.read_text(encoding="utf-8").split()):
            response = client.get(url)
            response.raise_for_status()
            (folder / f"{number}.jpg").write_bytes(response.content)


if __name__ == "__main__":
    fetch(Path(sys.argv[1]), Path(sys.argv[2]))
