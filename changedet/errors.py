"""Every error that changedet raises on purpose.

::

    ChangedetError                 exit code 1   never raised itself
    ├── InputError                 exit code 2   something the user wrote or chose is wrong
    │   ├── FileError              exit code 2   problems in a YAML file, all of them, each with file and line
    │   ├── CatalogueError         exit code 2   what the site file points at is not a STAC catalogue we may read
    │   ├── NoScenesError          exit code 2   the catalogue holds no scene for this area and these dates
    │   ├── NothingClearError      exit code 2   scenes exist, but none shows enough of the ground
    │   └── OutputError            exit code 2   the output folder cannot be written
    │       └── DiskFullError      exit code 3   no room left; what was saved is kept
    ├── ServiceError               exit code 3   a service or every download failed; says what was saved
    │   └── FetchError             exit code 3   one asset of one scene could not be fetched or read
    ├── BusyError                  exit code 4   another process works on the same archive
    └── ContractError              exit code 1   a value broke the contract of stack.py: a bug, not a user's mistake

Each message is one sentence that names the file, field or scene, what was found, and what would be right.
"""

from __future__ import annotations

from dataclasses import dataclass


class ChangedetError(Exception):
    """Base of all errors of this package."""

    exit_code = 1


class InputError(ChangedetError):
    """Something that the user wrote or chose is wrong."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a file: where it stands and what is wrong with it."""

    file: str
    line: int
    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.field}: {self.message}"


class FileError(InputError):
    """All problems found in one YAML file."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        super().__init__("\n".join(str(problem) for problem in problems))


class CatalogueError(InputError):
    """The catalogue is not STAC, or may not be read by our rules."""


class NoScenesError(InputError):
    """No scene of the catalogue meets the area and the dates."""


class NothingClearError(InputError):
    """Scenes were found, but clouds hide the ground on every one of a side."""


class OutputError(InputError):
    """The output folder cannot be written."""


class DiskFullError(OutputError):
    """The disk is full; the message says what was kept and how to go on."""

    exit_code = 3


class ServiceError(ChangedetError):
    """A service failed; the message says what was saved and how to go on."""

    exit_code = 3


class FetchError(ServiceError):
    """One asset of one scene could not be fetched or read."""

    def __init__(self, scene: str, asset: str, reason: str) -> None:
        self.scene, self.asset, self.reason = scene, asset, reason
        super().__init__(f"scene {scene}, asset {asset}: {reason}")


class BusyError(ChangedetError):
    """Another process works on the same archive."""

    exit_code = 4


class ContractError(ChangedetError):
    """A Stack or ChangeMap does not meet its contract; a bug in a step."""
