"""Zip archives with the same bytes for the same content: entries in the order given, dated 1980-01-01."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

DATE = (1980, 1, 1, 0, 0, 0)
"""The earliest date that a zip archive can hold, so that nobody takes it for a time of the run."""
_FILE_MODE = 0o100644
_STORED_SUFFIXES = (".png", ".gif", ".webp", ".jpg", ".zip", ".npz", ".kmz", ".tif", ".pdf")
"""Already compressed: deflating them again costs time and wins nothing."""


@dataclass(frozen=True, slots=True)
class Archive:
    """A zip archive that is being written."""

    _archive: zipfile.ZipFile
    _level: int

    @contextmanager
    def member(self, name: str, size: int) -> Iterator[IO[bytes]]:
        """A stream into a new member of about ``size`` bytes.

        Only a member of 2 GiB or more gets the 64-bit header, which Google Earth's reader of KMZ does not understand.
        """
        info = zipfile.ZipInfo(name, DATE)
        info.create_system = 3  # Unix on every machine, for the bytes to be the same
        info.external_attr = _FILE_MODE << 16
        if not name.endswith(_STORED_SUFFIXES):
            info.compress_type = zipfile.ZIP_DEFLATED
            _set_level(info, self._level)
        info.file_size = size
        with self._archive.open(info, "w") as stream:
            yield stream

    def add_bytes(self, name: str, content: bytes) -> None:
        """A member from memory."""
        with self.member(name, len(content)) as stream:
            stream.write(content)

    def add_file(self, name: str, path: Path) -> None:
        """A member from a file."""
        with self.member(name, path.stat().st_size) as stream, path.open("rb") as source:
            shutil.copyfileobj(source, stream, 1 << 20)


def _set_level(info: zipfile.ZipInfo, level: int) -> None:
    # Python 3.13 made the attribute public; an info given to open() is the only way to set it before
    setattr(info, "compress_level" if hasattr(info, "compress_level") else "_compresslevel", level)


@contextmanager
def writing_zip(path: Path, level: int = 6) -> Iterator[Archive]:
    """A new archive at ``path``, replacing a file that is there.

    Raises
    ------
    OSError
        When it cannot be written.
    """
    with zipfile.ZipFile(path, "w") as archive:
        yield Archive(archive, level)
