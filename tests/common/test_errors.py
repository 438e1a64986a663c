"""The tree of errors: what each ends a command with, and what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from feeds.common import errors
from feeds.common.errors import ConfigError, DamagedManifestError, FeedsError

# What may go better another time; all else people have to put right.
AGAIN = {
    *("PublishError", "DamagedManifestError", "StateError", "ImageCacheError", "OutputError"),
    *("WorkerError", "BusyError", "ObjectsError", "ObjectMissingError", "ObjectChangedError"),
}


@pytest.mark.parametrize(
    "kind",
    [kind for kind in vars(errors).values() if isinstance(kind, type) and kind is not Path],
    ids=lambda kind: kind.__name__,
)
def test_error_ends_a_command_with_3_if_it_may_go_better_another_time(kind: type) -> None:
    assert issubclass(kind, FeedsError)
    assert kind.exit_code == (3 if kind.__name__ in AGAIN else 2)


def test_errors_are_drawn_as_the_tree_that_they_are() -> None:
    def drawn(kind: type[FeedsError], depth: int = 1) -> list[str]:
        ours = [one for one in kind.__subclasses__() if one.__module__ == errors.__name__]
        inner = [line for one in ours for line in drawn(one, depth + 1)]
        return [f"{'    ' * depth}{kind.__name__} {kind.exit_code}", *inner]

    lines = [re.sub(r"(?<=\w) +", " ", line) for line in (errors.__doc__ or "").splitlines()]
    assert [line for line in lines if line.startswith("    ")] == drawn(FeedsError)


def test_error_of_the_configuration_has_a_line_for_each_fault() -> None:
    error = ConfigError(["a: wanted a number", "b: unknown key"])
    assert f"feeds: {error}" == "feeds: a: wanted a number\nfeeds: b: unknown key"
    assert error.faults == ["a: wanted a number", "b: unknown key"]


def test_error_of_a_damaged_manifest_names_its_file() -> None:
    error = DamagedManifestError(Path("out/.feeds-manifest.json"), "what it says")
    assert (error.path, str(error)) == (Path("out/.feeds-manifest.json"), "what it says")
