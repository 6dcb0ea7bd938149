"""The steps in order: clouds off, unusable dates out, offsets right, each date on one grid to a fraction of a pixel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from changedet.prepare import cloudless, clouds, coregister, offsets
from changedet.site import Site
from changedet.stack import geobox_of, ring_mask, take_dates

MOST_IGNORED = 0.5
"""Share of the area above which the facility is not left out when shifts and offsets are measured."""
PAIR_GATE = 2.0
"""Pixels: with two dates only, a refused date would leave nothing, and the change of grid may be large."""

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Prepared:
    """Stacks that are comparable, and what was left out on the way."""

    stacks: Mapping[str, xr.Dataset]
    dropped: tuple[tuple[str, str], ...]
    """Scene id and the reason, for each date that was read but not used."""
    notes: tuple[str, ...]


def prepare_stacks(
    stacks: Mapping[str, xr.Dataset],
    site: Site,
    progress: Progress | None = None,
    known: coregister.Known | None = None,
    classifier: cloudless.Classifier | None = None,
) -> Prepared:
    """Make the dates of each stack comparable; ``known`` dates are not measured again.

    Parameters
    ----------
    classifier : of clouds, in place of s2cloudless where that would be used

    Raises
    ------
    InputError
        When the site asks for a cloud model that is not installed.
    """
    if classifier is None:
        cloudless.check_asked(site)
    ready: dict[str, xr.Dataset] = {}
    dropped: list[tuple[str, str]] = []
    notes: list[str] = []
    for done, (key, stack) in enumerate(stacks.items()):
        raw = stack
        facility = facility_mask(site, raw)
        optical = raw.attrs["sensor"] == "sentinel-2"
        if optical:
            spec = site.sensors.get("sentinel-2")
            raw, told = cloudless.mask_cloudless(raw, spec is not None and spec.cloud_mask is not None, classifier)
            notes += told
        masked = clouds.clear_shares(clouds.mask_clouds(raw, clouds.Config()), facility)
        clear, hidden = clouds.keep_clear(masked, clouds.Config().least_clear)
        dropped += [(scene, f"only {share:.0%} of the facility can be seen") for scene, share in hidden]
        if optical and clear.sizes["time"] > 1:
            checked = offsets.check_offsets(clear, ignore=_stable(facility))
            clear = checked.stack
            notes += checked.notes
            dropped += checked.dropped
            clear, refused = _coregistered(clear, facility, known)
            dropped += refused
        if clear.sizes["time"]:
            ready[key] = clear
        if progress is not None:
            progress("prepare", done + 1, len(stacks))
    return Prepared(ready, tuple(dropped), tuple(notes))


def _coregistered(
    stack: xr.Dataset, facility: NDArray[np.bool_], known: coregister.Known | None
) -> tuple[xr.Dataset, tuple[tuple[str, str], ...]]:
    """Every date on the clearest one, measured outside the facility where enough lies outside; refused dates out."""
    gate = PAIR_GATE if stack.sizes["time"] == 2 else coregister.Config().gate
    moved = coregister.coregister(stack, coregister.Config(gate=gate), ignore=_stable(facility), known=known)
    refused = moved.registration.values == "refused"
    shifts = np.hypot(moved.shift_y.values, moved.shift_x.values)
    dropped = tuple(
        (str(moved.scene_id.values[i]), f"its image lies {shifts[i]:.1f} pixels off the others")
        for i in np.flatnonzero(refused)
    )
    return take_dates(moved, np.flatnonzero(~refused)), dropped


def _stable(facility: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    """The facility, as ground that may have changed; None where little else would be left."""
    return None if facility.mean() > MOST_IGNORED else facility


def facility_mask(site: Site, grid: xr.Dataset) -> NDArray[np.bool_]:
    """Where the facility lies: its zones where the site names any, else the whole area. bool (y, x)"""
    geobox = geobox_of(grid)
    rings = [zone.ring() for zone in site.zones] or [site.ring]
    mask = np.zeros(geobox.shape, bool)
    for ring in rings:
        mask |= ring_mask(ring, geobox)
    return mask
