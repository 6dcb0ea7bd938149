"""Prepared stacks of a site, kept from look to look, so that a look prepares only what is new.

Beside the cache's objects, in ``stacks/<archive and site>/<stack>/``: the prepared dates of each band one after the
other as float32, and of ``valid`` as bool, in a folder of their own; and ``state.npz``, written last and whole, with
all else of the stack: how many dates count, what each came from, and what tells whether a further date changes what was
done to the others. A file may be longer than ``state.npz`` says, after a kill; what is beyond does not count.

All of it can be made again from the layers. It is, whenever the key differs: ``VERSION``, the version of the package,
the site as far as preparing asks, and the layers in order.
"""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from changedet.detect import Arrays, Memory
from changedet.prepare.clouds import Roofs
from changedet.prepare.coregister import Known
from changedet.prepare.jumps import Compared
from changedet.prepare.offsets import Decided
from changedet.prepare.steps import PreparedStack, append_date, prepare_stack
from changedet.site import Site
from changedet.stack import Layer, band_names, build_stack, check_stack, spatial_coords
from changedet.store import Store, extend, request_hash, writing

VERSION = 1
"""To be raised whenever the same layers would be prepared otherwise than before."""
STATE = "state.npz"
DAMAGED = (OSError, ValueError, KeyError, TypeError, BadZipFile)
"""What reading a file that is missing, cut or not ours may raise."""
LISTS = ("hidden", "suspect", "refused", "told")
"""Parts of a prepared stack that are written as they are."""


@dataclass(frozen=True, slots=True)
class Dates:
    """The layers of one stack in order of time, and what makes a stack of them."""

    key: str
    sensor: str
    simulated: bool
    names: tuple[str, ...]
    """What the pixels of each layer follow from."""
    layers: tuple[Layer, ...]

    def stack(self, geobox: GeoBox, first: int = 0, last: int | None = None) -> xr.Dataset:
        """Not prepared; of the dates from ``first`` to before ``last``."""
        return build_stack(
            list(self.layers[first:last]), geobox, sensor=self.sensor, key=self.key, simulated=self.simulated
        )


@dataclass(frozen=True, slots=True)
class _State:
    """A prepared stack as it is kept."""

    one: PreparedStack
    names: tuple[str, ...]
    raw: tuple[str, ...]
    """Variables that a layer must have."""
    folder: str
    """Name of the folder of the bands."""


class KeptStacks:
    """The prepared stacks of one site in one archive, whose watch nobody shares."""

    def __init__(self, store: Store, archive: str, site: Site, geobox: GeoBox, moved: Known) -> None:
        self._folder = store.folder / "stacks" / request_hash({"archive": archive, "site": site.id})[:32]
        self._site, self._geobox, self._moved = site, geobox, moved
        asked = site.model_dump(mode="json", include={"ring", "resolution", "sensors", "zones"})
        self._key = request_hash({"site": asked, "version": [VERSION, version("changedet")]})

    def prepare(self, dates: Dates) -> PreparedStack:
        """The stack of these dates, prepared: what is kept of it, with the dates that are new appended.

        Raises
        ------
        OutputError
        """
        folder = self._folder / dates.key
        state = self._read(folder)
        if state is None or dates.names[: len(state.names)] != state.names:
            return self._anew(folder, dates)
        for i in range(len(state.names), len(dates.names)):
            more = self._appended(folder, state, dates, i)
            if more is None:
                return self._anew(folder, dates)
            state = more
        return state.one

    def memory(self, key: str) -> Memory:
        """What a detector keeps of a prepared stack; it goes when all dates of the stack are prepared again."""
        state = self._read(self._folder / key)
        return _Memory(None if state is None else self._folder / key / state.folder)

    def _appended(self, folder: Path, state: _State, dates: Dates, index: int) -> _State | None:
        date = dates.stack(self._geobox, index, index + 1)
        if _variables(date) != state.raw or date.attrs != state.one.stack.attrs:
            return None
        more = append_date(state.one, date, self._site, self._moved)
        if more is None:
            return None
        new = more.stack if more.stack.sizes["time"] else None
        if new is not None and set(new.coords) != set(state.one.stack.coords):
            return None
        longer = _State(more, (*state.names, dates.names[index]), state.raw, state.folder)
        self._write(folder, longer, state.one.stack, new)
        return self._read(folder)

    def _anew(self, folder: Path, dates: Dates) -> PreparedStack:
        raw = dates.stack(self._geobox)
        one = prepare_stack(raw, self._site, self._moved)
        fresh = secrets.token_hex(8)
        self._write(folder, _State(one, dates.names, _variables(raw), fresh), None, one.stack)
        for old in folder.iterdir():
            if old.is_dir() and old.name != fresh:
                shutil.rmtree(old, ignore_errors=True)
        return one

    def _write(self, folder: Path, state: _State, kept: xr.Dataset | None, new: xr.Dataset | None) -> None:
        """Put the ``new`` dates behind those ``kept``, then the state that counts them."""
        stacks = [stack for stack in (kept, new) if stack is not None]
        count = 0 if kept is None else kept.sizes["time"]
        if new is not None:
            for name in (*band_names(new), "valid"):
                values = new[name].values
                extend(folder / state.folder / f"{name}.raw", count * values[:1].nbytes, values)
        arrays, texts = _coordinates(stacks)
        one = state.one
        if one.roofs is not None:
            arrays |= {"roofs-cloud": one.roofs.cloud, "roofs-seen": one.roofs.seen}
            texts["roofs"] = one.roofs.dates
        if one.compared is not None:
            arrays |= {f"compared-{part}": getattr(one.compared, part) for part in ("times", "cells", "pairs", "jumps")}
            texts["compared"] = one.compared.ids.tolist()
        if one.decided is not None:
            arrays |= {"decided-lost": one.decided.lost}
            arrays |= {} if one.decided.fix is None else {"decided-fix": one.decided.fix}
            texts["decided"] = one.decided.notes
        texts |= {name: getattr(one, name) for name in LISTS}
        texts |= {"key": self._key, "names": state.names, "raw": state.raw, "folder": state.folder}
        texts |= {"attrs": dict(stacks[0].attrs), "bands": band_names(stacks[0])}
        arrays["record"] = np.frombuffer(json.dumps(texts).encode(), np.uint8)
        _save(folder / STATE, arrays)

    def _read(self, folder: Path) -> _State | None:
        """What is kept; None where there is nothing, it is damaged, or has another key."""
        try:
            arrays = _load(folder / STATE)
            record = json.loads(arrays["record"].tobytes())
            if record["key"] != self._key:
                return None
            one = _one(arrays, record, self._stack(folder / str(record["folder"]), arrays, record))
            return _State(one, tuple(record["names"]), tuple(record["raw"]), record["folder"])
        except DAMAGED:
            return None

    def _stack(self, folder: Path, arrays: Mapping[str, NDArray], record: Mapping[str, Any]) -> xr.Dataset:
        shape = (len(arrays["time-time"]), *self._geobox.shape)
        kinds = {**dict.fromkeys(record["bands"], np.float32), "valid": np.bool_}
        mapped = {name: (("time", "y", "x"), _mapped(folder / f"{name}.raw", kinds[name], shape)) for name in kinds}
        times = {name[len("time-") :]: array for name, array in arrays.items() if name.startswith("time-")}
        times |= {name: np.array(values, object) for name, values in record["texts"].items()}
        coords = {**spatial_coords(self._geobox), **{name: ("time", values) for name, values in times.items()}}
        return check_stack(xr.Dataset(mapped, coords, record["attrs"]))


@dataclass(frozen=True, slots=True)
class _Memory:
    """In the folder of a stack's bands."""

    folder: Path | None
    """None: nowhere."""

    def get(self, key: str) -> Arrays | None:
        try:
            return None if self.folder is None else _load(self.folder / f"{key}.npz")
        except DAMAGED:
            return None

    def put(self, key: str, arrays: Arrays) -> None:
        if self.folder is not None:
            _save(self.folder / f"{key}.npz", arrays)


def _save(path: Path, arrays: Arrays) -> None:
    with writing(path) as aside, aside.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def _load(path: Path) -> Arrays:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as parts:
        return {name: parts[name] for name in parts.files}


def _variables(stack: xr.Dataset) -> tuple[str, ...]:
    return tuple(str(name) for name in stack.data_vars)


def _mapped(path: Path, kind: type, shape: tuple[int, ...]) -> NDArray:
    """Mapped, not read; what is written to it stays in memory."""
    if not shape[0]:
        return np.empty(shape, kind)
    return np.asarray(np.memmap(path, kind, "c", shape=shape))


def _coordinates(stacks: Sequence[xr.Dataset]) -> tuple[dict[str, NDArray], dict[str, Any]]:
    """What each date of the stacks carries, numbers and texts."""
    arrays, texts = {}, {}
    for name, coord in stacks[0].coords.items():
        if coord.dims != ("time",):
            continue
        values = np.concatenate([stack[name].values for stack in stacks])
        if values.dtype == object:
            texts[str(name)] = [str(value) for value in values]
        else:
            arrays[f"time-{name}"] = values
    return arrays, {"texts": texts}


def _one(arrays: Mapping[str, NDArray], record: Mapping[str, Any], stack: xr.Dataset) -> PreparedStack:
    def reasons(name: str) -> tuple[tuple[str, str], ...]:
        return tuple((str(scene), str(why)) for scene, why in record[name])

    def notes(name: str) -> tuple[str, ...]:
        return tuple(str(note) for note in record[name])

    roofs = compared = decided = None
    if "roofs" in record:
        roofs = Roofs(arrays["roofs-cloud"], arrays["roofs-seen"], int(record["roofs"]))
    if "compared" in record:
        ids = np.array(record["compared"], object)
        parts = {f.name: arrays[f"compared-{f.name}"] for f in fields(Compared) if f.name != "ids"}
        compared = Compared(ids=ids, **parts)
    if "decided" in record:
        decided = Decided(arrays.get("decided-fix"), arrays["decided-lost"], notes("decided"))
    return PreparedStack(
        stack,
        reasons("hidden"),
        reasons("suspect"),
        reasons("refused"),
        notes("told"),
        roofs,
        compared,
        decided,
    )
