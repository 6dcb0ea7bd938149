"""Moves every date onto a reference date to a fraction of a pixel, and says how far it had to be moved.

The shift is the peak of the cross-correlation of gradient magnitudes, taken in Fourier space without whitening the
spectra: edges of roads and buildings outlast seasons, and on smooth images whitening would only lift the noise
(Guizar-Sicairos, Thurman & Fienup 2008, Optics Letters 33, 156-158, for the matrix Fourier transform around the peak).
Bands and tiles are added up before the peak is sought; their single peaks say how far it can be trusted.
"""

from __future__ import annotations

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


def coregister(
    stack: xr.Dataset, config: Config | None = None, *, reference: int | None = None, ignore: Mask | None = None
) -> xr.Dataset:
    """Move every date of a stack onto one reference date.

    Parameters
    ----------
    reference : index of the reference date; by default the date with the most valid pixels, the earliest of equals
    ignore : (y, x), True where changes are expected, such as the facility; left out of the measurement

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
    if reference is None:
        reference = int(valid.sum(axis=(1, 2)).argmax())
    if not 0 <= reference < stack.sizes["time"]:
        key, dates = stack.attrs.get("key", "?"), stack.sizes["time"]
        raise ContractError(f"stack {key}: no date {reference}; there are {dates}")
    names = band_names(stack)
    sharp = [name for name in names if name in SHARP_BANDS] or list(names)
    usable = valid if ignore is None else valid & ~ignore
    fixed = [stack[name].values[reference] for name in sharp]
    bands = {name: _copy(stack[name].values) for name in names}
    still_valid = valid.copy()
    rows: list[tuple[float, float, float, str]] = []
    for i in range(stack.sizes["time"]):
        if i == reference:
            rows.append((0.0, 0.0, 0.0, "reference"))
            continue
        seen = usable[reference] & usable[i]
        shift = measure_shift(fixed, [bands[name][i] for name in sharp], seen, config.reach)
        verdict, residual = _judge(shift, config), shift.length
        if verdict == "refused":
            still_valid[i] = False
        elif verdict == "moved":
            still_valid[i] = True
            for band in bands.values():
                band[i] = move(band[i], shift.y, shift.x)
                still_valid[i] &= np.isfinite(band[i])
                scratch.release([band])
            seen = usable[reference] & still_valid[i] & (True if ignore is None else ~ignore)
            residual = measure_shift(fixed, [bands[name][i] for name in sharp], seen, config.reach).length
        rows.append((shift.y, shift.x, np.nan if verdict == "unmeasured" else residual, verdict))
    for band in bands.values():
        for date, mask in zip(band, still_valid, strict=True):
            date[~mask] = np.nan
        scratch.release([band])
    return _with_shifts(stack, bands, still_valid, rows)


def _copy(values: NDArray[np.float32]) -> NDArray[np.float32]:
    copy = scratch.empty(values.shape, values.dtype)
    for date, original in zip(copy, values, strict=True):
        np.copyto(date, original)
        scratch.release([copy, values])
    return copy


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
