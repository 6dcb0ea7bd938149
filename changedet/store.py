"""The content-addressed cache and the run folder: atomic writes, checksums, resume. Nobody else writes files that last.

Layout of the cache::

    objects/ab/ab12….tif     original bytes, read-only, named by their SHA-256
    requests/cd/cd34….json   what was asked for → the SHA-256 of the answer, its size, its scene and asset
    locks/cd34….lock         held while a request is under way, shared by concurrent runs
    quarantine/              objects whose bytes no longer match their name
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from changedet.errors import DiskFullError, OutputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

LOCK_TIMEOUT = 900.0
"""Seconds to wait for another run that fetches the same window."""
STRAY_AGE = 3600.0
"""Seconds after which a part or an unnamed object belongs to no run that still writes."""
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
LITTLE = 1 << 20
"""Free bytes under which a disk counts as full."""


def default_cache() -> Path:
    """``CHANGEDET_CACHE``, or the user's cache folder."""
    from platformdirs import user_cache_path

    return Path(os.environ.get("CHANGEDET_CACHE") or user_cache_path("changedet"))


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def writing(target: Path) -> Iterator[Path]:
    """A path beside ``target`` to write to, moved onto it when the block ends well and removed when it does not.

    Raises
    ------
    OutputError
        When the folder cannot be written or the disk is full.
    """
    aside = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield aside
        _flush(aside)
        aside.replace(target)
    except OSError as error:
        raise output_error(target, error) from error
    finally:
        with suppress(OSError):
            aside.unlink()


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def write_bytes(target: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    with writing(target) as aside:
        aside.write_bytes(content)


def write_text(target: Path, content: str) -> None:
    """Write a UTF-8 text file whole or not at all."""
    write_bytes(target, content.encode())


def write_where_new(target: Path, content: bytes) -> None:
    """Write a file whole or not at all; one that holds this already keeps its time of writing."""
    if not target.exists() or target.read_bytes() != content:
        write_bytes(target, content)


def extend(target: Path, size: int, content: NDArray) -> None:
    """Put the bytes of an array at byte ``size`` of a file. Who reads it must know how many bytes count.

    Raises
    ------
    OutputError
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
        with target.open("r+b") as file:
            file.seek(size)
            content.tofile(file)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise output_error(target, error) from error


def output_error(path: Path, error: OSError) -> OutputError:
    """The sentence for a file that could not be written."""
    if error.errno in FULL or (error.errno is None and _room(path) < LITTLE):
        why = "the disk takes no file so large" if error.errno == errno.EFBIG else "the disk is full"
        return DiskFullError(f"{path.parent}: {why}; free some space and run again, what was downloaded so far is kept")
    return OutputError(f"{path}: cannot be written ({error.strerror or error}); choose a folder that you may write to")


def _room(path: Path) -> int:
    """Free bytes of the disk on which a path lies; GDAL's errors do not say why nothing could be written."""
    existing = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    return shutil.disk_usage(existing).free


@dataclass(frozen=True, slots=True)
class Entry:
    """One cached answer."""

    path: Path
    sha256: str
    size: int
    scene: str
    asset: str
    request: str
    """Hash of the request."""


def request_hash(request: Mapping[str, object]) -> str:
    """The name of a request: SHA-256 of its canonical JSON."""
    return hashlib.sha256(json.dumps(request, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


class Shared(Protocol):
    """What other machines may use of a cache, elsewhere under the same names."""

    def fetch(self, name: str) -> bool:
        """Bring a file of the cache here, by its name within; False where there is none."""
        ...

    def push(self, path: Path) -> None:
        """Send a file of the cache."""
        ...


class Store:
    """The cache of one folder; any number of processes may share it, and of machines where it is ``shared``."""

    def __init__(self, folder: Path, shared: Shared | None = None) -> None:
        folder = folder.absolute()
        self.folder = folder
        self._shared = shared
        self._objects = folder / "objects"
        self._requests = folder / "requests"
        self._locks = folder / "locks"
        self._quarantine = folder / "quarantine"
        try:
            for part in (self._objects, self._requests, self._locks, self._quarantine):
                part.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise output_error(folder / "objects", error) from error

    def get(self, request: Mapping[str, object]) -> Entry | None:
        """The verified answer to a request, or None; a damaged object is quarantined and counts as absent."""
        entry = self._read(self._request_path(request_hash(request)))
        if entry is None:
            return None
        return entry if self._sound(entry) else None

    def fetch(self, *paths: Path) -> None:
        """Bring files of the cache here that are missing, where it is shared and others have them.

        Raises
        ------
        OutputError, ServiceError
        """
        if self._shared is not None:
            for path in paths:
                if not path.exists():
                    self._shared.fetch(path.relative_to(self.folder).as_posix())

    def share(self, *paths: Path) -> None:
        """Send files of the cache to where it is shared, in this order.

        Raises
        ------
        ServiceError
        """
        if self._shared is not None:
            for path in paths:
                self._shared.push(path)

    def holds(self, request: Mapping[str, object]) -> bool:
        """Whether there is an answer to a request, without checking its bytes."""
        entry = self._read(self._request_path(request_hash(request)))
        return entry is not None and entry.path.exists()

    def put(self, request: Mapping[str, object], write: Callable[[Path], None], *, scene: str, asset: str) -> Entry:
        """Keep what ``write`` puts at the path it is given, as the answer to ``request``.

        Raises
        ------
        OutputError
        """
        aside = self._objects / f".{secrets.token_hex(8)}.part"
        try:
            write(aside)
            digest, size = sha256_of(aside), aside.stat().st_size
            target = self._object_path(digest)
            target.parent.mkdir(exist_ok=True)
            _flush(aside)
            aside.chmod(0o444)
            aside.replace(target)
        except OSError as error:
            raise output_error(self._objects / asset, error) from error
        finally:
            aside.unlink(missing_ok=True)
        name = request_hash(request)
        record = {"request": dict(request), "sha256": digest, "size": size, "scene": scene, "asset": asset}
        write_text(self._request_path(name), json.dumps(record, indent=1, sort_keys=True))
        return Entry(target, digest, size, scene, asset, name)

    @contextmanager
    def lock(self, request: Mapping[str, object]) -> Iterator[None]:
        """Hold the request, so that concurrent runs fetch it once.

        Raises
        ------
        OutputError
            When another run has held it for longer than ``LOCK_TIMEOUT``.
        """
        from filelock import FileLock, Timeout

        path = self._locks / f"{request_hash(request)}.lock"
        held = FileLock(path, timeout=LOCK_TIMEOUT)
        try:
            held.acquire()
        except Timeout as error:
            raise OutputError(
                f"{path}: another run has held this lock for {LOCK_TIMEOUT:.0f} s; end that run, then run again"
            ) from error
        except OSError as error:
            raise output_error(path, error) from error
        try:
            yield
        finally:
            held.release()

    def entries(self) -> Iterator[Entry]:
        """All cached answers, in order of scene and asset; records that cannot be read are passed over."""
        found = (self._read(path) for path in self._requests.glob("*/*.json"))
        yield from sorted((e for e in found if e is not None), key=lambda e: (e.scene, e.asset, e.request))

    def verify(self) -> tuple[Entry, ...]:
        """Check each object against its name; the damaged ones are quarantined and returned."""
        return tuple(entry for entry in self.entries() if not self._sound(entry))

    def prune(self, keep_bytes: int) -> int:
        """Remove the least recently used objects until at most ``keep_bytes`` remain; returns bytes freed.

        Objects that no request names and parts left by killed runs go first, once they are an hour old: younger ones
        may belong to a run that is still writing.
        """
        freed = self._sweep()
        entries = list(self.entries())
        sizes = {entry.sha256: entry.size for entry in entries}
        total = sum(sizes.values())
        for entry in sorted(entries, key=lambda e: e.path.stat().st_atime if e.path.exists() else 0.0):
            if total <= keep_bytes:
                break
            self._request_path(entry.request).unlink(missing_ok=True)
            if entry.sha256 in sizes:
                total -= sizes[entry.sha256]
                freed += sizes.pop(entry.sha256)
                entry.path.unlink(missing_ok=True)
        return freed

    def _sweep(self) -> int:
        named = {entry.sha256 for entry in self.entries()}
        written_before = time.time() - STRAY_AGE
        freed = 0
        for path in (*self._objects.glob(".*.part"), *self._objects.glob("*/*"), *self._requests.glob("*/.*.part")):
            if not path.name.startswith(".") and path.stem in named:
                continue
            with suppress(FileNotFoundError):
                found = path.stat()
                if found.st_mtime < written_before:
                    path.unlink()
                    freed += found.st_size
        return freed

    def _sound(self, entry: Entry) -> bool:
        if not entry.path.exists():
            return False
        if entry.path.stat().st_size == entry.size and sha256_of(entry.path) == entry.sha256:
            return True
        entry.path.replace(self._quarantine / f"{entry.sha256}.{secrets.token_hex(4)}")
        return False

    def _read(self, path: Path) -> Entry | None:
        try:
            record = json.loads(path.read_text())
            digest = str(record["sha256"])
            return Entry(
                self._object_path(digest),
                digest,
                int(record["size"]),
                str(record["scene"]),
                str(record["asset"]),
                path.stem,
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _object_path(self, digest: str) -> Path:
        return self._objects / digest[:2] / f"{digest}.tif"

    def _request_path(self, name: str) -> Path:
        return self._requests / name[:2] / f"{name}.json"


@contextmanager
def run_folder(out: Path, site_id: str, run_id: str) -> Iterator[Path]:
    """A folder to fill aside, which becomes ``<out>/<site id>/<run id>`` when the block ends well.

    Raises
    ------
    OutputError
    """
    out = out.absolute()
    target = out / site_id / run_id
    aside = out / site_id / f".{run_id}.{secrets.token_hex(4)}.part"
    try:
        aside.mkdir(parents=True)
    except OSError as error:
        raise output_error(target, error) from error
    try:
        yield aside
        if target.exists():
            shutil.rmtree(target)
        aside.replace(target)
    except OSError as error:
        raise output_error(target, error) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
