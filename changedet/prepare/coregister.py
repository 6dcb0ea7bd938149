"""Moves every date onto a reference date to a fraction of a pixel, and says how far it had to be moved.

The shift is the peak of the cross-correlation of gradient magnitudes, taken in Fourier space without whitening the
spectra: edges of roads and buildings outlast seasons, and on smooth images whitening would only lift the noise
(Guizar-Sicairos, Thurman & Fienup 2008, Optics Letters 33, 156-158, for the matrix Fourier transform around the peak).
Bands and tiles are added up before the peak is sought; their single peaks say how far it can be trusted.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pydantic import Field

from changedet import scratch
from changedet.errors import ContractError
from changedet.prepare.phase import Shift, measure_shift
from changedet.prepare.resample import move
from changedet.stack import band_names, check_stack
from changedet.values import Frozen

Mask = NDArray[np.bool_]
VERSION = 1
"""To be raised whenever the same dates would be moved otherwise than before; also part of what is known."""
SHARP_BANDS = ("blue", "green", "red", "nir")
"""Measured at 10 m; the short-wave bands are coarser and were seen to disagree by a quarter of a pixel."""
NEGLIGIBLE = 0.05
"""Pixels below which a date is left as it is: resampling would cost more than it mends."""


class Config(Frozen):
    """How far a date may be off, and how sure the measurement must be."""

    gate: float = Field(default=1.5, gt=0, le=10, description="pixels; a date shifted by more is not used")
    reach: int = Field(default=6, ge=1, le=50, description="pixels; the largest shift that is looked for")
    least_correlation: float = Field(
        default=0.1, ge=0, le=1, description="of gradient magnitudes; below it no shift is believed"
    )
    most_spread: float = Field(
        default=0.25, gt=0, description="pixels; standard error between bands and tiles above which none is believed"
    )


@dataclass(frozen=True, slots=True)
class Moved:
    """One date moved onto a reference date."""

    row: tuple[float, float, float, str]
    """``shift_y``, ``shift_x``, ``shift_residual``, ``registration``."""
    bands: NDArray[np.float32] | None
    """(band, y, x), where the date was moved; None where it is as it was, or refused."""


class Known(Protocol):
    """Dates that were moved before, by a digest of all that the result follows from."""

    def get(self, key: str) -> Moved | None:
        """What was found before; None where nothing was."""
        ...

    def put(self, key: str, moved: Moved) -> None:
        """Remember it."""
        ...


def coregister(
    stack: xr.Dataset,
    config: Config | None = None,
    *,
    reference: int | None = None,
    ignore: Mask | None = None,
    known: Known | None = None,
) -> xr.Dataset:
    """Move every date of a stack onto one reference date.

    Parameters
    ----------
    reference : index of the reference date; by default the date with the most valid pixels, the earliest of equals
    ignore : (y, x), True where changes are expected, such as the facility; left out of the measurement
    known : dates that were moved before; they are not measured again, and the result is the same

    Returns
    -------
    The stack with coordinates per time: ``shift_y``, ``shift_x`` (pixels by which the date's image was, or would have
    been, moved), ``shift_residual`` (pixels left, measured again after moving; NaN where no shift could be measured)
    and ``registration``: ``reference``, ``moved``, ``kept`` (below a twentieth of a pixel), ``unmeasured`` (edges
    agree too little; left as it was) or ``refused`` (beyond the gate; nothing of that date is valid any more).

    Raises
    ------
    ContractError
        When ``reference`` is not the index of a date.
    """
    config = config or Config()
    valid = stack.valid.values
    reference = reference_date(stack, reference)
    names = band_names(stack)
    sharp = [name for name in names if name in SHARP_BANDS] or list(names)
    bands = {name: _copy(stack[name].values) for name in names}
    still_valid = valid.copy()
    onto = _Onto(tuple(stack[name].values[reference] for name in sharp), valid[reference], ignore, tuple(sharp), config)
    base = None if known is None else onto.digest()
    rows: list[tuple[float, float, float, str]] = []
    for i in range(stack.sizes["time"]):
        if i == reference:
            rows.append((0.0, 0.0, 0.0, "reference"))
            continue
        here = {name: band[i] for name, band in bands.items()}
        key = "" if base is None else _digest(base, *here.values(), valid[i])
        moved = None if known is None else known.get(key)
        if moved is None:
            moved = onto.move(here, valid[i])
            if known is not None:
                known.put(key, moved)
        rows.append(moved.row)
        if moved.row[3] == "refused":
            still_valid[i] = False
        elif moved.bands is not None:
            for band, values in zip(bands.values(), moved.bands, strict=True):
                band[i] = values
            still_valid[i] = _seen_in_all(moved.bands)
            scratch.release([moved.bands])
        scratch.release(list(bands.values()))
    for band in bands.values():
        for date, mask in zip(band, still_valid, strict=True):
            date[~mask] = np.nan
        scratch.release([band])
    return _with_shifts(stack, bands, still_valid, rows)


def reference_date(stack: xr.Dataset, index: int | None) -> int:
    """The index of the date asked for; of None, that of the date with the most valid pixels, the earliest of equals.

    Raises
    ------
    ContractError
        When there is no such date.
    """
    if index is None:
        return int(stack.valid.values.sum(axis=(1, 2)).argmax())
    if not 0 <= index < stack.sizes["time"]:
        raise ContractError(f"stack {stack.attrs.get('key', '?')}: no date {index}; there are {stack.sizes['time']}")
    return index


def _copy(values: NDArray[np.float32]) -> NDArray[np.float32]:
    copy = scratch.empty(values.shape, values.dtype)
    for date, original in zip(copy, values, strict=True):
        np.copyto(date, original)
        scratch.release([copy, values])
    return copy


@dataclass(frozen=True, slots=True)
class _Onto:
    """The reference date and how dates are moved onto it."""

    fixed: tuple[NDArray[np.float32], ...]
    seen: Mask
    ignore: Mask | None
    sharp: tuple[str, ...]
    config: Config

    def digest(self) -> bytes:
        """Of all that is the same for every date."""
        said = f"{VERSION} {self.sharp} {self.config.model_dump_json()} {self.fixed[0].shape}".encode()
        parts = [self.seen] if self.ignore is None else [self.seen, self.ignore]
        return bytes.fromhex(_digest(said, *self.fixed, *parts))

    def move(self, date: dict[str, NDArray[np.float32]], valid: Mask) -> Moved:
        """Measure the shift of one date, and move it where it is off."""
        around = True if self.ignore is None else ~self.ignore
        moving = [date[name] for name in self.sharp]
        shift = measure_shift(self.fixed, moving, self.seen & valid & around, self.config.reach)
        verdict, residual, bands = _judge(shift, self.config), shift.length, None
        if verdict == "moved":
            bands = scratch.empty((len(date), *valid.shape), np.float32)
            for target, band in zip(bands, date.values(), strict=True):
                move(band, shift.y, shift.x, target)
                scratch.release([bands, band])
            new = dict(zip(date, bands, strict=True))
            seen = self.seen & _seen_in_all(bands) & around
            residual = measure_shift(self.fixed, [new[name] for name in self.sharp], seen, self.config.reach).length
        return Moved((shift.y, shift.x, np.nan if verdict == "unmeasured" else residual, verdict), bands)


def _seen_in_all(bands: NDArray[np.float32]) -> Mask:
    """Where no band has a gap: band by band, for of a whole tile their masks together would take most of a gigabyte."""
    seen: Mask = np.isfinite(bands[0])
    for band in bands[1:]:
        seen &= np.isfinite(band)
    return seen


def _digest(base: bytes, *arrays: NDArray) -> str:
    """Of bytes and arrays; the same arrays give the same digest on every machine of one byte order."""
    digest = hashlib.blake2b(base, digest_size=32)
    for array in arrays:
        digest.update(np.ascontiguousarray(array).view(np.uint8).data)
    return digest.hexdigest()


def _with_shifts(
    stack: xr.Dataset,
    bands: dict[str, NDArray[np.float32]],
    valid: Mask,
    rows: list[tuple[float, float, float, str]],
) -> xr.Dataset:
    numbers = np.array([row[:3] for row in rows], np.float32)
    moved = stack.assign({name: (stack[name].dims, band) for name, band in bands.items()})
    return check_stack(
        moved.assign(valid=(stack.valid.dims, valid)).assign_coords(
            shift_y=("time", numbers[:, 0]),
            shift_x=("time", numbers[:, 1]),
            shift_residual=("time", numbers[:, 2]),
            registration=("time", np.array([row[3] for row in rows], object)),
        )
    )


def _judge(shift: Shift, config: Config) -> str:
    if shift.correlation < config.least_correlation or shift.spread > config.most_spread:
        return "unmeasured"
    if shift.length > config.gate:
        return "refused"
    return "moved" if shift.length >= NEGLIGIBLE else "kept"
