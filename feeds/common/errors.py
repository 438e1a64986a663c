"""The errors that stop a pass; what is wrong with one seed is a `Problem` instead.

    FeedsError              2
        ConfigError
        TemplateError
        InitError
        SeedsFolderError
        AlreadyRunningError
        ServeError
        UnknownSeedError
        UnknownFeedError
        PublishError        3
            DamagedManifestError
        StateError          3
            ForeignStateError   2
        ImageCacheError     3
        OutputError         3
        WorkerError         3
        BusyError           3
        ObjectsError        3
            ObjectMissingError
            ObjectChangedError

The numbers are exit codes.
"""

from __future__ import annotations

from pathlib import Path


class FeedsError(Exception):
    """Something that belongs to the whole pass went wrong; the text is written for people.

    `exit_code` is what the command line ends with (README, "Exit codes").
    """

    exit_code = 2


class ConfigError(FeedsError):
    """The configuration cannot be used; carries every fault that was found, one line each."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        super().__init__("\nfeeds: ".join(faults))


class TemplateError(FeedsError):
    """A template of pages is faulty, or the folder of one's own templates cannot be read."""


class InitError(FeedsError):
    """A new site, or a new seed, cannot be written."""


class SeedsFolderError(FeedsError):
    """A folder of `paths.seeds` is missing or cannot be listed, so nothing may be concluded."""


class AlreadyRunningError(FeedsError):
    """Another daemon already looks after this out/."""


class ServeError(FeedsError):
    """The web server cannot listen at the address of `serve.host` and `serve.port`."""


class UnknownSeedError(FeedsError):
    """No seed has the path, URL or id that `feeds explain` was asked about."""


class UnknownFeedError(FeedsError):
    """No feed stands at this address, or none in this format."""


class PublishError(FeedsError):
    """out/ could not be brought to the new state; what it held is still there."""

    exit_code = 3


class DamagedManifestError(PublishError):
    """The list of our files in out/, at `path`, does not say which they are."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        super().__init__(text)


class StateError(FeedsError):
    """The state file cannot be written or is in use for too long."""

    exit_code = 3


class ForeignStateError(StateError):
    """The file at `paths.state` is not ours; it was left as it is."""

    exit_code = 2


class ImageCacheError(FeedsError):
    """The image cache cannot be used; what it held is still there."""

    exit_code = 3


class OutputError(FeedsError):
    """stdout or stderr could not be written; the command's work is done."""

    exit_code = 3


class WorkerError(FeedsError):
    """A process that worked for us was killed from outside."""

    exit_code = 3


class BusyError(FeedsError):
    """Another run holds out/ and did not let go within the time we wait."""

    exit_code = 3


class ObjectsError(FeedsError):
    """A bucket does not answer, or does not let us; the text begins with the object's address."""

    exit_code = 3


class ObjectMissingError(ObjectsError):
    """The object does not exist, or its bucket does not."""


class ObjectChangedError(ObjectsError):
    """The object is not the one that we know: another program has written it, or deleted it."""
