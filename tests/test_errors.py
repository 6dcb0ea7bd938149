"""The exception tree: what is caught by what, and the exit code that a command ends with."""

from __future__ import annotations

import inspect

import pytest

from changedet import errors
from changedet.errors import (
    CatalogueError,
    ChangedetError,
    ContractError,
    DiskFullError,
    FetchError,
    FileError,
    InputError,
    NoScenesError,
    NothingClearError,
    OutputError,
    Problem,
    ServiceError,
)


@pytest.mark.parametrize(
    ("kind", "parent", "code"),
    [
        (InputError, ChangedetError, 2),
        (FileError, InputError, 2),
        (CatalogueError, InputError, 2),
        (NoScenesError, InputError, 2),
        (NothingClearError, InputError, 2),
        (OutputError, InputError, 2),
        (DiskFullError, OutputError, 3),
        (ServiceError, ChangedetError, 3),
        (FetchError, ServiceError, 3),
        (ContractError, ChangedetError, 1),
    ],
)
def test_the_tree_and_its_exit_codes(kind: type[ChangedetError], parent: type[ChangedetError], code: int) -> None:
    assert issubclass(kind, parent)
    assert kind.exit_code == code


def test_the_docstring_draws_every_error() -> None:
    kinds = [name for name, kind in vars(errors).items() if inspect.isclass(kind) and issubclass(kind, Exception)]
    assert all(name in str(errors.__doc__) for name in kinds)


def test_a_problem_reads_like_a_compiler_message() -> None:
    assert str(Problem("a.yaml", 7, "area.radius", "is 'big'")) == "a.yaml:7: area.radius: is 'big'"


def test_a_file_error_has_one_line_a_problem() -> None:
    error = FileError((Problem("a.yaml", 1, "id", "is missing"), Problem("a.yaml", 2, "name", "is 3")))
    assert str(error) == "a.yaml:1: id: is missing\na.yaml:2: name: is 3"


def test_a_fetch_error_names_scene_asset_and_reason() -> None:
    error = FetchError("S2A_37SFU", "red", "the file is truncated")
    assert (error.scene, error.asset) == ("S2A_37SFU", "red")
    assert str(error) == "scene S2A_37SFU, asset red: the file is truncated"
