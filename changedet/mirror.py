"""A folder here that follows a folder elsewhere: an object store, or any other file system of fsspec.

Every file is sent whole by one request. An object store shows an object whole or not at all, so what is true of a
folder whose files are moved into place is true of it as well. Who may enter is said by the environment, never by the
address.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from changedet.errors import InputError, ServiceError
from changedet.store import write_bytes

AT_ONCE = 100
"""Files that are fetched together."""
EXTRA = 'pip install "changedet[cluster]"'


def is_address(text: str) -> bool:
    """Whether a place is an address of fsspec, not a folder."""
    return "://" in text


class Mirror:
    """The folder here, and what is elsewhere under the same names."""

    def __init__(self, address: str, folder: Path) -> None:
        """``address``: such as ``s3://bucket/archive``.

        Raises
        ------
        InputError
            When it holds a password, or nothing that is installed understands it.
        """
        if "@" in address.split("://", 1)[1].split("/", 1)[0]:
            raise InputError(
                "an address must not hold a key or a password, which would end in logs; put them into the environment"
            )
        try:
            from fsspec.core import url_to_fs

            self._fs, self._root = url_to_fs(address, use_listings_cache=False, skip_instance_cache=True)
        except (ImportError, ValueError) as error:
            raise InputError(f"{address}: cannot be opened ({error}); {EXTRA} brings what s3:// needs") from error
        self.address, self.folder = address, folder.absolute()
        self._faults = _faults()

    def names(self, below: str = "") -> list[str]:
        """Names of all files elsewhere, relative to the address.

        Raises
        ------
        ServiceError
        """
        with self._telling(below):
            found = self._fs.find(f"{self._root}/{below}".rstrip("/"))
        return sorted(path[len(self._root) :].lstrip("/") for path in found)

    def read(self, name: str) -> bytes | None:
        """The content of a file elsewhere; None where there is none.

        Raises
        ------
        ServiceError
        """
        try:
            with self._telling(name):
                content = self._whole(f"{self._root}/{name}")
        except FileNotFoundError:
            return None
        return content

    def _whole(self, path: str) -> bytes:
        """By one request: without a start, s3fs asks for the size first, and where there is none, for such a folder."""
        try:
            content: bytes = self._fs.cat_file(path, start=0)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            # an empty object has no byte to start at
            content = self._fs.cat_file(path)
        return content

    def fetch(self, name: str) -> bool:
        """Bring one file here; False where there is none.

        Raises
        ------
        OutputError, ServiceError
        """
        content = self.read(name)
        if content is not None:
            write_bytes(self.folder / name, content)
        return content is not None

    def follow(self, below: str, wanted: Callable[[str], bool]) -> None:
        """Make the ``wanted`` names here those elsewhere: what is missing is fetched, what is not elsewhere removed.

        Files that are here already are taken to be the same: only for files that never change.

        Raises
        ------
        OutputError, ServiceError
        """
        there = {name for name in self.names(below) if wanted(name)}
        here = {path.relative_to(self.folder).as_posix() for path in (self.folder / below).rglob("*") if path.is_file()}
        for name in here - there:
            if wanted(name):
                (self.folder / name).unlink()
        missing = sorted(there - here)
        for i in range(0, len(missing), AT_ONCE):
            paths = {f"{self._root}/{name}": name for name in missing[i : i + AT_ONCE]}
            with self._telling(below):
                contents = self._fs.cat(list(paths))
            for path, content in contents.items():
                write_bytes(self.folder / paths[path], content)

    def push(self, path: Path) -> None:
        """Send a file of the folder here.

        Raises
        ------
        ServiceError
        """
        self.write(path.absolute().relative_to(self.folder).as_posix(), path.read_bytes())

    def write(self, name: str, content: bytes) -> None:
        """Put a file elsewhere.

        Raises
        ------
        ServiceError
        """
        with self._telling(name):
            self._make_room(name)
            self._fs.pipe_file(f"{self._root}/{name}", content)

    def create(self, name: str, content: bytes) -> bool:
        """Put a file elsewhere unless there is one: of several that try, one succeeds.

        Raises
        ------
        ServiceError
        """
        try:
            with self._telling(name):
                self._make_room(name)
                self._fs.pipe_file(f"{self._root}/{name}", content, mode="create")
        except FileExistsError:
            return False
        return True

    def remove(self, names: Iterable[str]) -> None:
        """Remove files elsewhere; those that are gone already do no harm.

        Raises
        ------
        ServiceError
        """
        for name in names:
            try:
                with self._telling(name):
                    self._fs.rm_file(f"{self._root}/{name}")
            except FileNotFoundError:
                continue

    def _make_room(self, name: str) -> None:
        if "file" in self._fs.protocol:
            self._fs.makedirs(f"{self._root}/{name}".rpartition("/")[0], exist_ok=True)

    @contextmanager
    def _telling(self, name: str) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, FileExistsError):
            raise
        except self._faults as error:
            where = f"{self.address}/{name}".rstrip("/")
            raise ServiceError(f"{where}: cannot be reached ({type(error).__name__}); it is tried again") from error


def _faults() -> tuple[type[Exception], ...]:
    """What a file system raises when it cannot be reached."""
    known: tuple[Any, ...] = (OSError,)
    try:
        from botocore.exceptions import BotoCoreError
    except ImportError:
        return known
    return (*known, BotoCoreError)
