"""A small disk (tmpfs) that can be filled and made read-only, for which nobody must be root."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from tests.support.site import Site


class Disk:
    """A disk of one megabyte at `place`; others reach it at `path`.

    The mount lives as long as a shell of ours, and is seen through that shell's root folder.
    """

    def __init__(self, place: Path) -> None:
        place.mkdir()
        self.place = place
        self._shell = subprocess.Popen(
            ["unshare", "--map-root-user", "--mount", "sh"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.path = Path(f"/proc/{self._shell.pid}/root{place}")
        self.mounted = self.tell(f"mount -t tmpfs -o size=1m tmpfs '{place}'") == "0"

    def tell(self, command: str) -> str:
        """Runs a command in the shell; returns its exit code, with what it printed before."""
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        try:
            self._shell.stdin.write(f"{command}; echo $?\n")
            self._shell.stdin.flush()
        except BrokenPipeError:  # the shell never came to life
            return ""
        return self._shell.stdout.readline().strip()

    def export(self, site: Site) -> tuple[int, str]:
        """Runs ``feeds export`` where the disk is mounted; returns its exit code and errors."""
        errors = site.root / "errors"
        code = self.tell(
            f"'{sys.executable}' -m feeds export --config '{site.root}/config.toml' "
            f">/dev/null 2>'{errors}'"
        )
        return int(code), errors.read_text(encoding="utf-8")

    def become(self, mode: str) -> None:
        """Makes the disk read-only ("ro"), or writable again ("rw")."""
        # Of this mount alone: for that one need not be root.
        assert self.tell(f"mount -o remount,bind,{mode} '{self.place}'") == "0"

    def fill(self, but: int = 0) -> None:
        """Leaves this many bytes free, or fewer if a process writes at this moment."""
        # Unbuffered: what finds no room is no error then, for the disk is full all the same.
        with (self.path / "filler").open("ab", buffering=0) as filler:
            free = os.statvfs(self.path).f_bavail * os.statvfs(self.path).f_frsize
            with suppress(OSError):
                filler.write(bytes(max(0, free - but)))

    def free(self) -> None:
        (self.path / "filler").unlink()

    def close(self) -> None:
        with self._shell as shell:
            shell.kill()
