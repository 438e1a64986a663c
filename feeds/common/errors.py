"""The errors that stop a pass; what is wrong with one seed is a `Problem` instead.

Beside each stands the exit code that a command ends with: 2 if people have to put something right,
3 if it may go better another time.

    FeedsError                       2
        ConfigError                  2
        TemplateError                2
        InitError                    2
        SeedsFolderError             2
        AlreadyRunningError          2
        ServeError                   2
        UnknownSeedError             2
        UnknownFeedError             2
        PublishError                 3
            DamagedManifestError     3
        StateError                   3
            ForeignStateError        2
        ImageCacheError              3
        OutputError                  3
        WorkerError                  3
        BusyError                    3
        ObjectsError                 3
            ObjectMissingError       3
            ObjectChangedError       3
"""

from __future__ import annotations

from pathlib import Path


class FeedsError(Exception):
    """Something that belongs to the whole pass went wrong; the text is written for people."""

    exit_code = 2

    def __init_subclass__(cls, exit_code: int | None = None) -> None:
        cls.exit_code = exit_code or cls.exit_code


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


class PublishError(FeedsError, exit_code=3):
    """out/ could not be brought to the new state; what it held is still there."""


class DamagedManifestError(PublishError):
    """The list of our files in out/, at `path`, does not say which they are."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        super().__init__(text)


class StateError(FeedsError, exit_code=3):
    """The state file cannot be written or is in use for too long."""


class ForeignStateError(StateError, exit_code=2):
    """The file at `paths.state` is not ours; it was left as it is."""


class ImageCacheError(FeedsError, exit_code=3):
    """The image cache cannot be used; what it held is still there."""


class OutputError(FeedsError, exit_code=3):
    """stdout or stderr could not be written; the command's work is done."""


class WorkerError(FeedsError, exit_code=3):
    """A process that worked for us was killed from outside."""


class BusyError(FeedsError, exit_code=3):
    """Another run holds out/ and did not let go within the time we wait."""


class ObjectsError(FeedsError, exit_code=3):
    """A bucket does not answer, or does not let us; the text begins with the object's address."""


class ObjectMissingError(ObjectsError):
    """The object does not exist, or its bucket does not."""


class ObjectChangedError(ObjectsError):
    """The object is not the one that we know: another program has written it, or deleted it."""
