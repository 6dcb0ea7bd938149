"""Where the looks and all that follows from them lie: a folder, or an address that a folder here follows.

Everything is written into the folder here first, in the order that ``watcher`` gives; where the archive lies elsewhere,
each file is sent there as soon as it is written here, in the same order.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from changedet.mirror import Mirror, is_address
from changedet.report.item import NAME as ITEM
from changedet.store import Store, default_cache, request_hash
from changedet.watch.alerts import FOLDER as ALERTS
from changedet.watch.ledger import LOOKS


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive as it is worked on."""

    folder: Path
    mirror: Mirror | None = None
    """Where it lies, if not here."""

    @property
    def name(self) -> str:
        """The same on every machine, and from pass to pass."""
        return str(self.folder) if self.mirror is None else self.mirror.address

    def follow(self, below: str = "") -> None:
        """Bring looks, marks of alerts and items of runs here; what is here only never happened, and is removed.

        Raises
        ------
        OutputError, ServiceError
        """
        if self.mirror is not None:
            self.mirror.follow(below, _never_changes)

    def fetch(self, name: str) -> None:
        """Bring a file here as it is now, where there is one.

        Raises
        ------
        OutputError, ServiceError
        """
        if self.mirror is not None:
            self.mirror.fetch(name)

    def publish(self, *paths: Path) -> None:
        """Send files that were written here, in this order.

        Raises
        ------
        ServiceError
        """
        if self.mirror is not None:
            for path in paths:
                self.mirror.push(path)

    def publish_run(self, folder: Path) -> None:
        """Send a run; its ``item.json``, by which the catalogue knows it, comes last.

        Raises
        ------
        ServiceError
        """
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        self.publish(*sorted(files, key=lambda path: path.name == ITEM))


def _never_changes(name: str) -> bool:
    first, *rest = name.split("/")
    return first == ALERTS or rest[:1] == [LOOKS] or (len(rest) == 2 and rest[1] == ITEM)


def open_archive(place: str) -> Archive:
    """The archive of a folder or an address; of an address, the folder here lies in the cache of this machine.

    Raises
    ------
    InputError
    """
    if not is_address(place):
        return Archive(Path(place).absolute())
    folder = _followed("archives", place)
    return Archive(folder, Mirror(place, folder))


def open_store(place: str | None) -> Store:
    """The cache of a folder or an address; by default that of this machine.

    Raises
    ------
    InputError, OutputError
    """
    if place is None or not is_address(place):
        return Store(default_cache() if place is None else Path(place))
    folder = _followed("shared", place)
    return Store(folder, Mirror(place, folder))


def _followed(kind: str, address: str) -> Path:
    return default_cache() / kind / request_hash({"address": address})[:32]
