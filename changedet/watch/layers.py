"""The dates of a site on its grid, kept from look to look, so that a look reads only what is new.

Beside the cache's objects, in ``layers/``, one file a date: a line of JSON with what the report must know of its
originals, padded to a multiple of 64 bytes; the bands as little-endian float32 ``(band, y, x)``; the classification, if
any, as uint8 ``(y, x)``. The name is a hash of all that the pixels follow from: the scenes, their assets and scales,
the grid, and ``VERSION``. Where the cache is shared, the dates are what is shared of it: one file, where the windows it
was made of would be dozens.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from changedet.prepare.coregister import Moved
from changedet.report.plain import plain
from changedet.scene import Scene
from changedet.sources import Source
from changedet.sources.acquire import fetch_scene, original_checksums
from changedet.sources.grid import layer_of, passes
from changedet.stack import Layer
from changedet.store import Store, request_hash, write_bytes, writing

VERSION = 3
"""To be raised whenever the same originals would give other pixels than before."""
FLOAT = np.dtype("<f4")
ALIGNED = 64
"""Bytes; numbers that begin at a multiple of it are read fastest."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One date on the grid."""

    name: str
    """A hash of all that its pixels follow from."""
    layer: Layer
    checksums: Mapping[str, str]
    """SHA-256 of each of its originals by ``scene id/asset``."""


class Layers:
    """The dates of one site on its grid."""

    def __init__(self, store: Store, source: Source, geobox: GeoBox) -> None:
        self.source = source
        self.geobox = geobox
        self._store = store
        self._folder = store.folder / "layers"

    def get(self, scenes: tuple[Scene, ...], bands: tuple[str, ...]) -> Kept:
        """The date of the scenes of one pass: kept, or fetched and resampled.

        Raises
        ------
        FetchError
            Naming the asset that cannot be had.
        OutputError
        """
        name = request_hash(self._request(scenes, bands))
        path = self._folder / name[:2] / f"{name}.date"
        self._store.fetch(path)
        kept = self._read(path)
        if kept is None:
            fetched = [fetch_scene(scene, bands, self.source, self.geobox, self._store) for scene in scenes]
            (one,) = passes(fetched)
            kept = Kept(name, layer_of(one, self.geobox), dict(sorted(original_checksums(fetched).items())))
            _write(path, kept)
            self._store.share(path)
        return kept

    def _request(self, scenes: tuple[Scene, ...], bands: tuple[str, ...]) -> dict[str, object]:
        return {
            "version": VERSION,
            "bands": list(bands),
            "grid": [str(self.geobox.crs), *self.geobox.affine[:6], *self.geobox.shape],
            "scenes": [
                [
                    scene.source,
                    scene.id,
                    scene.time.isoformat(),
                    [
                        [band, a.href, a.scale, a.offset, a.nodata, a.band, a.checksum]
                        for band, a in sorted(scene.assets.items())
                    ],
                ]
                for scene in scenes
            ],
        }

    def _read(self, path: Path) -> Kept | None:
        try:
            with path.open("rb") as file:
                head = file.readline()
            record = json.loads(head)
            bands = [str(band) for band in record["bands"]]
            rows, columns = self.geobox.shape
            ends = len(head) + FLOAT.itemsize * len(bands) * rows * columns
            if path.stat().st_size != ends + bool(record["scl"]) * rows * columns:
                return None
            # mapped, not read: what a look does not need never enters memory
            values = np.memmap(path, FLOAT, "r", len(head), (len(bands), rows, columns))
            layer = Layer(
                datetime.fromisoformat(record["time"]).astimezone(UTC).replace(tzinfo=None),
                str(record["scene_id"]),
                str(record["platform"]),
                int(record["relative_orbit"]),
                dict(zip(bands, values, strict=True)),
                np.memmap(path, np.uint8, "r", ends, (rows, columns)) if record["scl"] else None,
            )
            return Kept(path.stem, layer, {str(key): str(value) for key, value in dict(record["checksums"]).items()})
        except (OSError, ValueError, KeyError, TypeError):
            return None


def _array(path: Path, shape: tuple[int, ...], dtype: np.dtype) -> NDArray[Any]:
    """Mapped."""
    array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    if array.shape != tuple(shape) or array.dtype != dtype:
        raise ValueError(f"{path}: {array.dtype} {array.shape}, not {dtype} {shape}")
    return array


class MovedDates:
    """Dates moved onto a reference date, beside the layers: a JSON record each and, where it was moved, its bands."""

    def __init__(self, store: Store) -> None:
        self._folder = store.folder / "layers" / "moved"

    def get(self, key: str) -> Moved | None:
        """What was kept of a date; None where there is nothing, or it is damaged."""
        path = self._folder / key[:2] / key
        try:
            y, x, residual, verdict, shape = json.loads(path.with_suffix(".json").read_bytes())
            bands = None if shape is None else _array(path.with_suffix(".npy"), tuple(shape), np.dtype(np.float32))
            return Moved((float(y), float(x), float(residual), str(verdict)), bands)
        except (OSError, ValueError, TypeError):
            return None

    def put(self, key: str, moved: Moved) -> None:
        """Keep a date.

        Raises
        ------
        OutputError
        """
        path = self._folder / key[:2] / key
        if moved.bands is not None:
            _save(path.with_suffix(".npy"), moved.bands)
        shape = None if moved.bands is None else list(moved.bands.shape)
        write_bytes(path.with_suffix(".json"), json.dumps([*map(str, moved.row[:3]), moved.row[3], shape]).encode())


def _write(path: Path, kept: Kept) -> None:
    layer = kept.layer
    record = {
        "bands": list(layer.bands),
        "scl": layer.scl is not None,
        "time": layer.time,
        "scene_id": layer.scene_id,
        "platform": layer.platform,
        "relative_orbit": layer.relative_orbit,
        "checksums": kept.checksums,
    }
    head = json.dumps(plain(record)).encode()
    with writing(path) as aside, aside.open("wb") as file:
        file.write(head + b" " * (-(len(head) + 1) % ALIGNED) + b"\n")
        np.stack(list(layer.bands.values())).astype(FLOAT, copy=False).tofile(file)
        if layer.scl is not None:
            layer.scl.astype(np.uint8, copy=False).tofile(file)


def _save(path: Path, array: NDArray[Any]) -> None:
    with writing(path) as aside, aside.open("wb") as file:
        np.save(file, array, allow_pickle=False)
